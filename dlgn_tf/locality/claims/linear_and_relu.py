"""tian.6 and tian.7: what ReLUs tell apart, constructed and trained."""

import functools

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.locality import constructions
from dlgn_tf.locality import passes
from dlgn_tf.locality import teachers
from dlgn_tf.output.spread import listed

_listed = functools.partial(listed, form=".6g", separator=", ")

ROWS, VERTEX_ROWS = range(4, 65), (4, 8, 16, 32, 64)
PIXELS = range(2, 9)
RELU_TOLERANCE, AFFINE_TOLERANCE = 1e-10, 1e-6
TRAINED_PIXELS, TRAINED_LOSS = 4, 1e-3
# Of the loss at which the network without ReLUs stops, "11.0".
STOP_TOLERANCE = 0.05
# Networks that are trained side by side.
SEEDS = 20


def measure_constructions(rng):
    circles = {m: circle_losses(m) for m in ROWS}
    trees = {s: tree_losses(s) for s in PIXELS}
    vertices = [circle_vertices(m) for m in VERTEX_ROWS]
    vertices += [tree_vertices(s) for s in PIXELS]
    apart = max(abs(affine - (m - 3)) for m, (_, affine) in circles.items())
    return Measurement(
        holds=constructions_hold(circles, trees, vertices),
        measured=(
            f"circle of each of {ROWS[0]} to {ROWS[-1]} rows: ReLU at most "
            f"{max(relu for relu, _ in circles.values()):.1e}, affine within "
            f"{apart:.1e} of m - 3; AND tree of {_listed(PIXELS)} pixels: ReLU "
            f"at most {max(relu for relu, _ in trees.values()):.1e}, affine "
            f"{_listed(affine for _, affine in trees.values())}; "
            f"{'all' if all(vertices) else 'not all'} rows are vertices and "
            f"the centre is none (circles of {_listed(VERTEX_ROWS)}, trees)"
        ),
        values={
            "circle": {str(m): found for m, found in circles.items()},
            "and_tree": {str(s): found for s, found in trees.items()},
            "vertices": vertices,
        },
    )


def circle_losses(count):
    """ReLU loss and least affine loss."""
    P, W, b = constructions.circle(count)
    return constructions.relu_loss(P, W, b), constructions.affine_loss(P)


def circle_vertices(count):
    """Whether all rows are vertices, and their centre is not."""
    P, _, _ = constructions.circle(count)
    found = constructions.vertices(np.vstack([P, P.mean(axis=0)]))
    return bool(found[:-1].all() and not found[-1])


def tree_losses(pixels):
    """ReLU loss of the AND tree and least affine loss."""
    network = constructions.and_tree(constructions.pixel_fields(pixels))
    inputs = teachers.all_inputs(pixels)
    outputs = passes.forward(network, np.eye(2)[inputs])[0][-1][:, 0]
    return (
        float(((outputs - np.eye(len(inputs))) ** 2).sum()),
        constructions.affine_loss(inputs),
    )


def tree_vertices(pixels):
    """Whether all rows of the children's tables, side by side, are vertices."""
    fields = constructions.pixel_fields(pixels)
    teacher = teachers.content_teacher(fields, None, uniform=True)
    return all(
        bool(constructions.vertices(_tables_of(teacher, level)).all())
        for level in range(1, fields.depth + 1)
    )


def _tables_of(teacher, level):
    """[P_ab] of the first region of a level, side by side over its children."""
    children = teacher.fields.children[level - 1][0]
    return np.hstack([teacher.conditional(level, 0, c) for c in children])


def constructions_hold(circles, trees, vertices):
    """Whether claim 6 holds.

    Args:
        circles: Dict from the number of rows to results of `circle_losses`.
        trees: Dict from the number of pixels to results of `tree_losses`.
        vertices: Booleans.
    """
    expected = [(found, m - 3) for m, found in circles.items()]
    expected += [(found, 2**s - s - 1) for s, found in trees.items()]
    return all(vertices) and all(
        relu < RELU_TOLERANCE and abs(affine - wanted) < AFFINE_TOLERANCE
        for (relu, affine), wanted in expected
    )


def measure_training(rng):
    from dlgn_tf.locality import trained_construction

    def losses(relu, top_scale=1.0):
        """Losses, and how many outputs are 0 for every input."""
        made = trained_construction.trained_outputs(
            TRAINED_PIXELS, relu, SEEDS, rng, top_scale
        )
        errors = (made - np.eye(made.shape[-1])) ** 2
        dead = (made == 0).all(axis=1).sum(axis=1)
        return errors.sum(axis=(1, 2)).tolist(), dead.tolist()

    alive, _ = losses(True, trained_construction.SMALL)
    without, _ = losses(False, trained_construction.SMALL)
    he, dead = losses(True)
    found = sum(loss < TRAINED_LOSS for loss in he)
    return Measurement(
        holds=training_holds(alive, without, he),
        measured=(
            f"{TRAINED_PIXELS} pixels, {SEEDS} networks each, top weights from "
            f"{trained_construction.SMALL:g} of He's, so that all outputs "
            f"start alive: loss at most {max(alive):.2g}; without ReLUs "
            f"{min(without):.6g} to {max(without):.6g}. From He's own, "
            f"{found} of {SEEDS} find it, {min(dead)} to {max(dead)} outputs "
            "are dead"
        ),
        values={
            "relu_small_top": alive,
            "linear": without,
            "relu": he,
            "dead_outputs": dead,
        },
    )


def training_holds(alive, without, dying):
    """Whether claim 7 holds.

    Args:
        alive: Losses of networks whose outputs start alive.
        without: Losses of the same without ReLUs.
        dying: Losses from He's weights, with which outputs die: the control,
            in which some network must not find it.
    """
    stop = 2**TRAINED_PIXELS - TRAINED_PIXELS - 1
    return bool(
        all(loss < TRAINED_LOSS for loss in alive)
        and all(abs(loss - stop) < STOP_TOLERANCE for loss in without)
        and any(loss > TRAINED_LOSS for loss in dying)
    )

"""tian.6, 7 and 16: what ReLUs tell apart, constructed, trained, generic."""

import numpy as np

from dlgn_tf import factorizations
from dlgn_tf.locality import constructions, teachers

ROWS, VERTEX_ROWS = range(4, 65), (4, 8, 16, 32, 64)
PIXELS = range(2, 9)
TRAINED_PIXELS = 4
# Networks that are trained side by side.
SEEDS = 20
# Of generic layers: rows, events of the child, nodes enough and too few.
GENERIC_ROWS, EVENTS, ENOUGH, TOO_FEW = 12, (3, 4, 5), 8, 1
LAYERS = 3


def measure_constructions(rng):
    circles = {m: constructions.circle_losses(m) for m in ROWS}
    trees = {s: constructions.tree_losses(s) for s in PIXELS}
    vertices = [circle_vertices(m) for m in VERTEX_ROWS]
    vertices += [tree_vertices(s) for s in PIXELS]
    return {
        "circle of m rows, ReLU loss": {m: x for m, (x, _) in circles.items()},
        "circle, affine loss - (m - 3)": {
            m: affine - (m - 3) for m, (_, affine) in circles.items()
        },
        "AND tree of s pixels, ReLU loss": {
            s: relu for s, (relu, _) in trees.items()
        },
        "tree, affine loss - (2^s - s - 1)": {
            s: affine - (2**s - s - 1) for s, (_, affine) in trees.items()
        },
        "tree, affine loss": {s: affine for s, (_, affine) in trees.items()},
        "rows are vertices": vertices,
        "circles whose vertices were looked for": VERTEX_ROWS,
        "details": {"circle": circles, "and_tree": trees},
    }


def circle_vertices(count):
    """Whether all rows are vertices, and their centre is not."""
    P, _, _ = constructions.circle(count)
    found = constructions.vertices(np.vstack([P, P.mean(axis=0)]))
    return bool(found[:-1].all() and not found[-1])


def tree_vertices(pixels):
    """Whether all rows of the children's tables, side by side, are vertices."""
    fields = constructions.pixel_fields(pixels)
    teacher = teachers.content_teacher(fields, None, uniform=True)
    return all(
        bool(constructions.vertices(teacher.tables(level, 0)).all())
        for level in range(1, fields.depth + 1)
    )


def measure_generic_layers(rng):
    found = [_generic_layer(m, rng) for m in EVENTS for _ in range(LAYERS)]
    return {
        **{name: [each[name] for each in found] for name in found[0]},
        "rows": GENERIC_ROWS,
        "events of the child": EVENTS,
        "nodes, and too few": (ENOUGH, TOO_FEW),
        "layers of each": LAYERS,
    }


def _generic_layer(events, rng):
    """Vertices of mixed rows, and the loss of a top on rows all vertices."""
    mixed = rng.dirichlet(np.ones(events), GENERIC_ROWS)
    F = constructions.generic_layer(events, ENOUGH, rng)
    kept = constructions.vertices(mixed)
    P, W, b = constructions.sphere(GENERIC_ROWS, events, rng)
    top = factorizations.pinv(F) @ W
    outputs = np.maximum(P @ F @ top + b, 0)
    flat = P @ constructions.generic_layer(events, TOO_FEW, rng)
    return {
        "vertices that change": int(
            (constructions.vertices(mixed @ F) != kept).sum()
        ),
        "loss of a ReLU top": constructions.identity_loss(outputs),
        "vertices": int(kept.sum()),
        "affine loss - (m - events)": constructions.affine_loss(P @ F)
        - (GENERIC_ROWS - events),
        "vertices that are left with too few nodes": int(
            constructions.vertices(flat).sum()
        ),
    }


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
    stop = 2**TRAINED_PIXELS - TRAINED_PIXELS - 1
    return {
        "loss": alive,
        "loss without ReLUs - (2^s - s - 1)": np.subtract(without, stop),
        "from He's own weights, where outputs die": {"loss": he},
        "loss without ReLUs": without,
        "dead outputs": dead,
        "top weights over He's": trained_construction.SMALL,
        "pixels": TRAINED_PIXELS,
        "networks each": SEEDS,
    }

"""What ReLU layers can tell apart and linear ones cannot.

A row of P_ab that is a vertex of the convex hull of all rows can be cut off by
a ReLU. If all are ("all-vert"), one layer with biases maps the rows to I,
whereas a linear one is bounded by its rank.

Source: Tian, arXiv 1809.10829, definitions 1 and 2, theorems 6 and 7; both
constructions follow the proof's idea.
"""

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator
from scipy.optimize import linprog

from dlgn_tf import factorizations
from dlgn_tf.errors import UserError
from dlgn_tf.locality.passes import LocalNetwork, forward
from dlgn_tf.locality.receptive_fields import ReceptiveFields
from dlgn_tf.locality.teachers import all_inputs

CIRCLE_RADIUS = 0.3
# Of a matrix that is told from one of lower rank.
_LEAST_SINGULAR = 1e-2
# Weights that cut a row off from the next grow as 1 / (1 - cosine).
_NEAREST_COSINE = 0.999


def vertices(rows: Array) -> Array:
    """Which rows `(m, d)` are vertices of the hull of all, by linear programs.

    A row that occurs twice is no vertex here; one that is alone is.

    Returns:
        Boolean array `(m,)`.

    Raises:
        UserError: if it is not a matrix.
    """
    if np.ndim(rows) != 2:
        raise UserError(
            "Expected a matrix of one row per point. Received: shape "
            f"{np.shape(rows)}"
        )
    is_vertex = np.ones(len(rows), bool)
    for index, row in enumerate(rows if len(rows) > 1 else ()):
        others = np.delete(rows, index, axis=0)
        equations = np.vstack([others.T, np.ones(len(others))])
        solved = linprog(
            np.zeros(len(others)),
            A_eq=equations,
            b_eq=np.append(row, 1.0),
            bounds=(0, None),
        )
        # 2: no weights >= 0 make the row out of the others.
        is_vertex[index] = solved.status == 2
    return is_vertex


def circle(count: int) -> tuple[Array, Array, Array]:
    """Rows of a 3-event child on a circle in the simplex, and their layer.

    Of at least 3 rows: `(P, W, b)` of shapes `(count, 3)`, `(3, count)` and
    `(count,)`, with relu(P W + b) = I.
    """
    basis = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
    angles = 2 * np.pi * np.arange(count) / count
    arms = np.stack([np.cos(angles), np.sin(angles)], axis=1) @ basis
    return _cut_off(arms, CIRCLE_RADIUS)


def sphere(
    count: int, events: int, rng: Generator
) -> tuple[Array, Array, Array]:
    """Drawn rows of a child with 3 events or more, and their layer.

    On a sphere in the simplex, so that each is a vertex, no two nearer than an
    angle of 2.6 degrees: `(P, W, b)` of shapes `(count, events)`, `(events,
    count)` and `(count,)`, with relu(P W + b) = I.
    """
    while True:
        arms = rng.normal(size=(count, events))
        arms -= arms.mean(axis=1, keepdims=True)
        arms /= np.linalg.norm(arms, axis=1, keepdims=True)
        if (arms @ arms.T - np.eye(count)).max() < _NEAREST_COSINE:
            break
    # Of the sphere that touches the simplex's faces from inside.
    return _cut_off(arms, 0.7 / np.sqrt(events * (events - 1)))


def _cut_off(arms, radius):
    """Rows at the ends of unit vectors, and the layer that cuts each off."""
    centre = np.full(arms.shape[1], 1 / arms.shape[1])
    P = centre + radius * arms
    cosines = arms @ arms.T
    np.fill_diagonal(cosines, -np.inf)
    nearest = cosines.max(axis=1)
    W = arms.T / (radius * (1 - nearest))
    return P, W, -(centre @ W) - nearest / (1 - nearest)


def generic_layer(events: int, nodes: int, rng: Generator) -> Array:
    """F of random ReLUs on one-hot events, `(events, nodes)`.

    Normal weights and biases; drawn again until its rank is the largest that
    this shape can have.
    """
    while True:
        sums = rng.normal(size=(events, nodes)) + rng.normal(size=nodes)
        F = np.maximum(sums, 0)
        if factorizations.singular_values(F).min() > _LEAST_SINGULAR:
            return F


def circle_losses(count: int) -> tuple[float, float]:
    """|F - I|_F^2 of a `circle`'s layer, and the least of affine maps."""
    P, W, b = circle(count)
    return identity_loss(np.maximum(P @ W + b, 0)), affine_loss(P)


def tree_losses(pixels: int) -> tuple[float, float]:
    """The same of the `and_tree` over 2 to 8 pixels."""
    inputs = all_inputs(pixels)
    leaves = np.eye(2)[inputs]
    outputs = forward(and_tree(pixel_fields(pixels)), leaves)[0][-1][:, 0]
    return identity_loss(outputs), affine_loss(inputs)


def identity_loss(F: Array) -> float:
    """|F - I|_F^2 of `(m, m)`."""
    return float(((F - np.eye(len(F))) ** 2).sum())


def affine_loss(inputs: Array) -> float:
    """Least |inputs W + 1 b^T - I|_F^2 over all W and b, of `(m, d)`."""
    extended = np.column_stack([inputs, np.ones(len(inputs))])
    return identity_loss(extended @ factorizations.pinv(extended))


def and_tree(fields: ReceptiveFields) -> LocalNetwork:
    """A network of ReLUs whose every node says one content of its region.

    The node of a content has weight 1 from the child nodes that agree with it
    and bias 1 - children: an AND gate. Fields are disjoint windows over binary
    pixels, given as one-hot pairs.
    """
    weights, below = [], 2
    for children in fields.children:
        regions, window = children.shape
        contents = np.indices((below,) * window).reshape(window, -1)
        blocks = [np.eye(below)[of_child].T for of_child in contents]
        bias = np.full((1, contents.shape[1]), 1.0 - window)
        weights.append(np.tile(np.vstack([*blocks, bias]), (regions, 1, 1)))
        below = contents.shape[1]
    return LocalNetwork(fields, tuple(weights), linear_top=False)


def pixel_fields(pixels: int) -> ReceptiveFields:
    """A graph over 2 to 8 pixels for the AND tree.

    A level for each prime factor of their number.
    """
    composite = {4: [(2, 2)] * 2, 6: [(2, 2), (3, 3)], 8: [(2, 2)] * 3}
    windows = composite.get(pixels, [(pixels, pixels)])
    return ReceptiveFields.windows(pixels, windows)

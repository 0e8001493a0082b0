"""How far a teacher and a network are from what the matrix form assumes.

    (i)   focus of knowledge      P(x_k | z_a, z_b) = P(x_k | z_b)
    (ii)  broadness of knowledge  P(x_j | z_a, z_b) = P(x_j | z_a)
    (iii) decorrelation           given z_b: g_k before its gate and the gate,
          f_k before its gate and the gate; given z_a, z_b: f_k and g_j

for a region a with child b, k a node of b and j one of a. (i) and (ii) are
measured as mean total variation, (iii) as root mean square correlation, 0 where
one of the two does not vary. As z_b is a function of x_k, (ii) taken literally
makes z_b a function of z_a; a lossy teacher always violates it.

Values and groups are integers `(inputs,)`, nodes arrays `(inputs, nodes)`.

Source: Tian, arXiv 1809.10829, theorem 2 and its proof.
"""

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.errors import UserError
from dlgn_tf.locality.passes import Passes
from dlgn_tf.locality.teachers import Teacher, content

# Products of variances below it are rounding.
_NOT_VARYING = 1e-24


def violations(teacher: Teacher, passes: Passes, pixels: Array) -> dict:
    """Means over all edges of the graph, those of the leaves left out.

    Passes are those of a network on the teacher's inputs, pixels an integer
    array `(inputs, leaves)` of 0 and 1.

    Returns:
        Dict of floats: `"focus"`, `"broadness"`, `"gradient_and_gate"`,
        `"activation_and_gate"`, `"activation_and_gradient"`.

    Raises:
        UserError: if the graph has no edge above those of the leaves.
    """
    if teacher.fields.depth < 2:
        raise UserError(
            "Expected a graph of at least two levels above the leaves. "
            f"Received: {teacher.fields.depth}"
        )
    codes, _ = content(teacher.fields, pixels)
    edges = []
    for level in range(2, teacher.fields.depth + 1):
        for region, _, child in teacher.fields.edges(level):
            edges.append(_of_edge(teacher, passes, codes, level, region, child))
    return {name: float(np.mean([x[name] for x in edges])) for name in edges[0]}


def _of_edge(teacher, passes, codes, level, region, child):
    p = teacher.probabilities
    z_a = teacher.events[level][:, region]
    z_b = teacher.events[level - 1][:, child]
    pair = z_a * teacher.counts[level - 1] + z_b
    below = [
        array[level - 1][:, child]
        for array in (passes.raw_g, passes.raw_f, passes.gates, passes.f)
    ]
    raw_g, raw_f, gate, f_k = below
    return {
        "focus": total_variation(codes[level - 1][:, child], pair, z_b, p),
        "broadness": total_variation(codes[level][:, region], pair, z_a, p),
        "gradient_and_gate": correlation(raw_g, gate, z_b, p),
        "activation_and_gate": correlation(raw_f, gate, z_b, p),
        "activation_and_gradient": correlation(
            f_k, passes.g[level][:, region], pair, p, crossed=True
        ),
    }


def total_variation(
    values: Array, fine: Array, coarse: Array, probabilities: Array
) -> float:
    """E over the fine groups of TV(P(value | fine), P(value | coarse)).

    Fine groups refine the coarse ones.
    """
    fine, coarse, values = (
        np.unique(x, return_inverse=True)[1] for x in (fine, coarse, values)
    )
    of_fine, of_coarse = (
        _table(groups, values, probabilities) for groups in (fine, coarse)
    )
    parent = np.zeros(len(of_fine), int)
    parent[fine] = coarse
    mass = of_fine.sum(axis=1)
    difference = np.abs(_rows(of_fine) - _rows(of_coarse)[parent])
    return float(mass @ difference.sum(axis=1) / 2)


def _table(groups, values, probabilities):
    table = np.zeros((groups.max() + 1, values.max() + 1))
    np.add.at(table, (groups, values), probabilities)
    return table


def _rows(table):
    mass = table.sum(axis=1, keepdims=True)
    return np.divide(table, mass, out=np.zeros_like(table), where=mass > 0)


def correlation(
    first: Array,
    second: Array,
    groups: Array,
    probabilities: Array,
    crossed: bool = False,
) -> float:
    """Root mean square correlation of nodes within groups.

    Over groups, by their probability, and nodes: each with the same node of the
    other, or where `crossed` with every node of it.
    """

    def products(a, b):
        return a[:, :, None] * b[:, None] if crossed else a * b

    _, groups = np.unique(groups, return_inverse=True)
    membership = np.zeros((groups.max() + 1, len(groups)))
    membership[groups, np.arange(len(groups))] = probabilities
    mass = membership.sum(axis=1)
    happens = mass > 0
    shares = membership[happens] / mass[happens, None]
    # Inputs of groups that never happen have no share in any.
    row_of = np.cumsum(happens)[groups] - 1
    a, b = (x - (shares @ x)[row_of] for x in (first, second))
    covariances = np.tensordot(shares, products(a, b), 1)
    scale = products(shares @ a**2, shares @ b**2)
    squares = np.divide(
        covariances**2,
        scale,
        out=np.zeros_like(scale),
        where=scale > _NOT_VARYING,
    )
    means = squares.reshape(len(squares), -1).mean(axis=1)
    return float(np.sqrt(mass[happens] @ means))

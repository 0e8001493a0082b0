"""Training on the teacher's graph: events instead of samples.

With F_a, G_a of one row an event and one column a node, P_ab the matrix of
P(z_beta | z_alpha), Lambda_a the diagonal of P(z_alpha), G~_a = Lambda_a G_a:

    forward   F_a = D_a o (sum_b P_ab F_b W_ba + 1 b_a^T)
    backward  G~_b = D_b o sum_a P_ab^T G~_a W_ba^T
    update    DW_ba = (P_ab F_b)^T G~_a,   Db_a = G~_a^T 1
    boundary  F of the leaves = I,  G of the top = (target) - F

Folding the prior into G makes the backward pass use exactly the transpose of
the forward one: Lambda_a P_ab is the joint table, whichever event it is
conditioned on. The equations are back-propagation itself where an event tells
all about its region. Gates are D_a = 1{sum P F W + b > 0} (assumed; exact in
that case).

Batch normalisation stands before the gates, with means and variances under
P(z_alpha) and b as its shift; what comes back through it is projected, and its
columns sum to 0, see `dlgn_tf.locality.projection`.

Source: Tian, arXiv 1809.10829, theorems 2 to 5.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.locality import projection
from dlgn_tf.locality.passes import LocalNetwork
from dlgn_tf.locality.teachers import Teacher


@dataclasses.dataclass(frozen=True)
class EventPasses:
    """What both passes leave.

    Attributes:
        F: Lists by level and region, leaves first, of arrays `(m, n)`.
        G: The same: G~, the prior folded in, of what P F W gives: behind gates
            and batch normalisation.
        updates: By level, arrays of the shape of the network's weights.
    """

    F: list
    G: list
    updates: list


def run(
    network: LocalNetwork,
    teacher: Teacher,
    targets: Array,
    prior: bool = True,
    epsilon: float | None = None,
) -> EventPasses:
    """Forward pass, backward pass and update in matrix form.

    The network's leaves take one-hot pixels. Targets are `(inputs, outputs)`;
    the matrix form sees E[y | z] of the top. Without the `prior` folded in, all
    events of the top get the same weight: the control, which is wrong. With an
    `epsilon` all nodes but linear ones are normalised before their gates.
    """
    tables = _tables(teacher)
    F, gates, sums = _forward(network, teacher, tables, epsilon)
    depth = network.fields.depth
    top = teacher.prior(depth, 0)
    wanted = _mean_by_event(targets, teacher, depth)
    weight = top if prior else np.full_like(top, 1 / len(top))
    error = gates[depth][0] * (wanted - F[depth][0])
    G: list = [[None] * count for count in network.fields.regions]
    G[depth][0] = weight[:, None] * error
    updates = [np.zeros_like(weights) for weights in network.weights]
    for level in range(depth, 0, -1):
        raw = [np.zeros_like(each) for each in F[level - 1]]
        for update, behind in zip(updates[level - 1], G[level], strict=True):
            update[-1] = behind.sum(axis=0)
        used = None if network.is_linear(level) else epsilon
        G[level] = _mapped(projection.backward, teacher, level, used, sums, G)
        for region, place, child in network.fields.edges(level):
            P, G_a = tables[level, region, child], G[level][region]
            block = network.block(level, region, place)
            raw[child] += P.T @ G_a @ block.T
            update = (P @ F[level - 1][child]).T @ G_a
            updates[level - 1][region, network.rows(level, place)] = update
        G[level - 1] = [
            d * g for d, g in zip(gates[level - 1], raw, strict=True)
        ]
    return EventPasses(F, G, updates)


def _tables(teacher):
    """P_ab by `(level, region, child)`."""
    fields = teacher.fields
    return {
        (level, region, child): teacher.conditional(level, region, child)
        for level in range(1, fields.depth + 1)
        for region, _, child in fields.edges(level)
    }


def _forward(network, teacher, tables, epsilon):
    """F, gates, and what P F W gives; lists by level and region."""
    fields = network.fields
    identity = np.eye(teacher.counts[0])
    F = [[identity] * fields.leaves]
    gates, sums = [[np.ones_like(identity)] * fields.leaves], [F[0]]
    for level in range(1, fields.depth + 1):
        regions, linear = range(fields.regions[level]), network.is_linear(level)
        shape = teacher.counts[level], len(network.bias(level, 0))
        summed = [np.zeros(shape) for _ in regions]
        for region, place, child in fields.edges(level):
            block = network.block(level, region, place)
            summed[region] += (
                tables[level, region, child] @ F[-1][child] @ block
            )
        sums.append(summed)
        used = None if linear else epsilon
        raw = _mapped(projection.normalised, teacher, level, used, sums)
        raw = [raw[r] + network.bias(level, r) for r in regions]
        gates.append([((each > 0) | linear).astype(float) for each in raw])
        F.append([d * each for d, each in zip(gates[-1], raw, strict=True)])
    return F, gates, sums


def _mapped(function, teacher, level, epsilon, *by_level):
    """A function of `projection` on each region of a level."""
    return [
        function(*of_region, teacher.prior(level, region), epsilon)
        for region, of_region in enumerate(
            zip(*(each[level] for each in by_level), strict=True)
        )
    ]


def _mean_by_event(values, teacher, level):
    """E[values | z] of a level's first region, `(m, outputs)`."""
    events = teacher.events[level][:, 0]
    sums = np.zeros((teacher.counts[level], values.shape[1]))
    np.add.at(sums, events, teacher.probabilities[:, None] * values)
    prior = teacher.prior(level, 0)[:, None]
    return np.divide(sums, prior, out=np.zeros_like(sums), where=prior > 0)


def relative_gap(updates: Sequence[Array], reference: Sequence[Array]) -> float:
    """|updates - reference| / |reference|, norms over all weights."""
    pairs = list(zip(updates, reference, strict=True))
    apart = sum(((a - b) ** 2).sum() for a, b in pairs)
    size = sum((b**2).sum() for _, b in pairs)
    return float(np.sqrt(apart / size))

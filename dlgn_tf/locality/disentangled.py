"""Disentangled representations: one node, one factor of the events.

Events factorise, z_a = (z_a[1], ..., z_a[n]) of binary factors, in the order of
a tensor product, which is that of `teachers.all_inputs`. Then

    F_a is disentangled    column j = 1 x ... f_j ... x 1
    G~_a is disentangled   column j = p[1] x ... g_j ... x p[n]
    P_ab decomposes        P_ab = prod_i P(z_b[S_i] | z_a[i]), S_i disjoint
    W_ba is separable      column j is 0 outside of the rows in S_j

Forward (theorem 8), F_b disentangled, P_ab decomposed and W_ba separable make
F_a disentangled. In the update (theorem 9), if besides G~_a is disentangled and
its columns sum to 0, DW_ba is separable too.

Source: Tian, arXiv 1809.10829, definitions 3 to 5, theorems 8 and 9. That
factors of b outside all S_i enter by their marginal is assumed.
"""

import dataclasses
import functools
from collections.abc import Iterable, Sequence

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf.locality import projection
from dlgn_tf.locality.teachers import all_inputs

# Of the descent.
_STEPS, _RATE = 300, 0.5


@dataclasses.dataclass(frozen=True)
class FactorisedTable:
    """P_ab that decomposes.

    Attributes:
        sets: S_i for every factor of a, disjoint positions among the factors of
            b.
        factors_below: How many factors b has.
        blocks: One array `(2, 2 ** |S_i|)` a set, rows of sum 1.
        rest: Array `(2 ** r,)` of sum 1: the marginal of the r factors in no
            set.
    """

    sets: tuple
    factors_below: int
    blocks: tuple
    rest: np.ndarray

    @classmethod
    def draw(
        cls, sets: Sequence[Sequence[int]], factors_below: int, rng: Generator
    ) -> "FactorisedTable":
        """Rows from flat Dirichlet distributions."""
        blocks = tuple(rng.dirichlet(np.ones(2 ** len(s)), 2) for s in sets)
        left = factors_below - sum(map(len, sets))
        rest = rng.dirichlet(np.ones(2**left)) if left else np.ones(1)
        return cls(tuple(map(tuple, sets)), factors_below, blocks, rest)

    def matrix(self) -> Array:
        """P_ab, `(2 ** len(sets), 2 ** factors_below)`."""
        above = all_inputs(len(self.sets))
        below = all_inputs(self.factors_below)
        matrix = np.ones((len(above), len(below)))
        for i, (inside, block) in enumerate(
            zip(self.sets, self.blocks, strict=True)
        ):
            matrix *= block[above[:, i]][:, _codes(below, inside)]
        taken = {k for inside in self.sets for k in inside}
        left = [k for k in range(self.factors_below) if k not in taken]
        return matrix * self.rest[_codes(below, left)]

    def separable_weights(self, rng: Generator) -> Array:
        """Normal weights, 0 outside of the sets."""
        shape = (self.factors_below, len(self.sets))
        return rng.normal(size=shape) * self.mask()

    def mask(self) -> Array:
        """Which weights a separable matrix may have, booleans."""
        mask = np.zeros((self.factors_below, len(self.sets)), bool)
        for column, inside in enumerate(self.sets):
            mask[list(inside), column] = True
        return mask


def _codes(values, positions):
    return values[:, list(positions)] @ 2 ** np.arange(len(positions))[::-1]


def disentangled(columns: Array) -> Array:
    """F `(2 ** n, n)` from its 2-vectors f_j, `(n, 2)`."""
    values = all_inputs(len(columns))
    return np.stack(
        [f[v] for f, v in zip(columns, values.T, strict=True)], axis=1
    )


def product_prior(marginals: Iterable[Array]) -> Array:
    """P(z) of independent factors, `(2 ** n,)`, from their `(n, 2)`."""
    return functools.reduce(np.kron, marginals)


def disentanglement_error(F: Array) -> float:
    """How far columns are from functions of their own factor alone.

    Of F `(2 ** n, n)`: the largest difference of an entry from the mean over
    the other factors.
    """
    n = F.shape[1]
    errors = []
    for j, column in enumerate(F.T):
        tensor = column.reshape((2,) * n)
        others = tuple(k for k in range(n) if k != j)
        own = tensor.mean(axis=others, keepdims=True)
        errors.append(np.abs(tensor - own).max())
    return float(max(errors))


def forward(
    P: Array,
    F_below: Array,
    W: Array,
    relu: bool,
    batch_norm_prior: Array | None = None,
) -> Array:
    """F_a = relu(P F W), normalised by its mean and variance under a prior.

    Of P `(m_a, m_b)`, F `(m_b, n_b)`, W `(n_b, n_a)` and a prior `(m_a,)`, or
    None for no normalisation.
    """
    F = P @ F_below @ W
    if relu:
        F = np.maximum(F, 0)
    if batch_norm_prior is None:
        return F
    return projection.normalised(F, batch_norm_prior, 1e-12)


def update(P: Array, F_below: Array, G: Array) -> Array:
    """DW = (P F)^T G~."""
    return (P @ F_below).T @ G


def weighted_gradient(marginals: Array, columns: Array, centred: bool) -> Array:
    """G~ from its 2-vectors g_j.

    Of marginals p[i], `(n, 2)`, and columns `(n, 2)`. Where `centred`, each g_j
    is made to sum to 0.
    """
    if centred:
        columns = columns - columns.mean(axis=1, keepdims=True)
    made = []
    for j in range(len(columns)):
        parts = [columns[i] if i == j else p for i, p in enumerate(marginals)]
        made.append(functools.reduce(np.kron, parts))
    return np.stack(made, axis=1)


def draw_setting(
    sets: Sequence[Sequence[int]], factors_below: int, rng: Generator
) -> tuple:
    """A random table and what else `descend` wants, in its order.

    Every node is open for some event at the start. For the sets see
    `FactorisedTable`.
    """
    table = FactorisedTable.draw(sets, factors_below, rng)
    weights = table.separable_weights(rng)
    below = disentangled(rng.normal(size=(factors_below, 2)))
    # A node that is shut for every event would never learn anything.
    shut = (table.matrix() @ below @ weights <= 0).all(axis=0)
    weights = np.where(shut, -weights, weights)
    marginals = rng.dirichlet(np.full(2, 5.0), len(sets))
    targets = disentangled(rng.uniform(0, 1, (len(sets), 2)))
    return table, marginals, below, targets, weights


def descend(
    table: FactorisedTable,
    marginals: Array,
    F_below: Array,
    targets: Array,
    W: Array,
    centred: bool,
) -> Array:
    """Follows DW towards a disentangled target.

    Of P_ab, marginals `(n_a, 2)` of independent factors of a, F `(2 ** n_b,
    n_b)` and targets `(2 ** n_a, n_a)`, both disentangled, and separable
    weights. Where it is `centred` the gradient's mean under the prior is
    subtracted, as batch normalisation does.

    Returns:
        Largest |weight| outside of the sets before each step and at the end,
        `(steps + 1,)`.
    """
    P, prior, outside = table.matrix(), product_prior(marginals), ~table.mask()
    history = [np.abs(W[outside]).max()]
    for _ in range(_STEPS):
        raw = P @ F_below @ W
        G = (raw > 0) * (targets - np.maximum(raw, 0))
        if centred:
            G = G - prior @ G
        W = W + _RATE * update(P, F_below, prior[:, None] * G)
        history.append(np.abs(W[outside]).max())
    return np.array(history)

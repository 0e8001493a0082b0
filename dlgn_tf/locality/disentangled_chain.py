"""Disentangled gradients on their way down: three levels a, b and c.

What `dlgn_tf.locality.disentangled` has of one edge, on two in a row. Theorem 9
asks for a gradient G~_a that is disentangled and centred; whether G~_b then is,
the paper leaves open. With separable weights the F of node k of b receives

    w_kj  prod_{i != j} (P_i^T p_i) x (P_j^T g_j)          k in S_j

P_i^T p_i being the marginal of the factors of S_i. Where each S_i is one factor
that is a disentangled column, and the gates of b, functions of factor k alone,
keep it one; where S_i has two, their marginal is in general no product, and it
is none. Gates do not keep the sum of a column, so it takes batch normalisation
at b, too, to make it 0 again.

Factors have two values. A disentangled column then is, over its prior, a
function of one bit, which 1 and the node's own values span: batch normalisation
leaves eps / (v + eps) of what is centred, and nothing at eps = 0.

Source: Tian, arXiv 1809.10829, theorems 5, 8 and 9; all else is derived here.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf.locality import disentangled, projection
from dlgn_tf.locality.disentangled import FactorisedTable

STEPS, RATE = 150, 0.5
# Of the order of the variances, so that updates do not vanish.
EPSILON = 1.0


@dataclasses.dataclass(frozen=True)
class Chain:
    """Tables, priors and a target; weights are handed around.

    Attributes:
        upper: P_ab.
        lower: P_bc.
        marginals: Of the independent factors of a, `(n_a, 2)`.
        F_c: Disentangled activations of c, `(2 ** n_c, n_c)`.
        targets: Disentangled, `(2 ** n_a, n_a)`.
    """

    upper: FactorisedTable
    lower: FactorisedTable
    marginals: np.ndarray
    F_c: np.ndarray
    targets: np.ndarray

    @functools.cached_property
    def tables(self) -> tuple[Array, Array]:
        """P_ab and P_bc."""
        return self.upper.matrix(), self.lower.matrix()

    @functools.cached_property
    def priors(self) -> tuple[Array, Array]:
        """P(z_a) and P(z_b)."""
        of_a = disentangled.product_prior(self.marginals)
        return of_a, of_a @ self.tables[0]

    def marginals_of_b(self) -> Array:
        """P(z_b[k]) of every factor of b, `(n_b, 2)`."""
        tensor = self.priors[1].reshape((2,) * self.upper.factors_below)
        return np.stack([_marginal(tensor, k) for k in range(tensor.ndim)])


def draw(
    upper: Sequence[Sequence[int]],
    lower: Sequence[Sequence[int]],
    factors: int,
    rng: Generator,
) -> tuple[Chain, tuple[Array, Array]]:
    """A chain and separable weights W_ba and W_cb.

    From the sets of both tables and the number of factors of c. Drawn again
    until a node of b to which a listens is opened by some events alone: a gate
    that is always open keeps any sum.
    """
    listened = [k for inside in upper for k in inside]
    while True:
        chain = Chain(
            FactorisedTable.draw(upper, len(lower), rng),
            FactorisedTable.draw(lower, factors, rng),
            rng.dirichlet(np.full(2, 5.0), len(upper)),
            disentangled.disentangled(rng.normal(size=(factors, 2))),
            disentangled.disentangled(rng.uniform(0, 1, (len(upper), 2))),
        )
        weights = (
            chain.upper.separable_weights(rng),
            chain.lower.separable_weights(rng),
        )
        is_open = chain.tables[1] @ chain.F_c @ weights[1] > 0
        share = is_open.mean(axis=0)[listened]
        if ((share > 0) & (share < 1)).any():
            return chain, weights


@dataclasses.dataclass(frozen=True)
class ChainPasses:
    """Pre-activations, gradients and updates of a and of b, in this order.

    Attributes:
        sums: P F W, arrays `(events, nodes)`.
        F: Behind batch normalisation and ReLU.
        received: G~ of F.
        G: G~ of the sums.
        updates: DW_ba and DW_cb.
    """

    sums: tuple
    F: tuple
    received: tuple
    G: tuple
    updates: tuple


def passes(
    chain: Chain,
    weights: Sequence[Array],
    epsilons: tuple[float | None, float | None] = (EPSILON, EPSILON),
) -> ChainPasses:
    """Both passes for 1/2 E |target - F_a|^2, ReLUs at both levels.

    Weights are W_ba and W_cb. The epsilons are those of batch normalisation
    before the ReLUs of a and of b, None where there is none.
    """
    (W_a, W_b), (of_a, of_b) = weights, chain.priors
    (upper, lower), (eps_a, eps_b) = chain.tables, epsilons
    sum_b = lower @ chain.F_c @ W_b
    F_b = np.maximum(projection.normalised(sum_b, of_b, eps_b), 0)
    sum_a = upper @ F_b @ W_a
    F_a = np.maximum(projection.normalised(sum_a, of_a, eps_a), 0)
    received_a = of_a[:, None] * (chain.targets - F_a)
    G_a = projection.backward(sum_a, (F_a > 0) * received_a, of_a, eps_a)
    received_b = upper.T @ G_a @ W_a.T
    G_b = projection.backward(sum_b, (F_b > 0) * received_b, of_b, eps_b)
    return ChainPasses(
        (sum_a, sum_b),
        (F_a, F_b),
        (received_a, received_b),
        (G_a, G_b),
        (
            disentangled.update(upper, F_b, G_a),
            disentangled.update(lower, chain.F_c, G_b),
        ),
    )


def descend(
    chain: Chain,
    weights: Sequence[Array],
    epsilons: tuple[float | None, float | None],
) -> Array:
    """Follows the updates from separable weights.

    A node that no event opens at the start has its weights turned around: it
    would never learn.

    Returns:
        Largest |weight| outside of the sets of the upper and of the lower edge,
        before each of `STEPS` and at the end, `(STEPS + 1, 2)`.
    """
    W_a, W_b = weights
    shut = (passes(chain, (W_a, W_b), epsilons).F[1] == 0).all(axis=0)
    W_b = np.where(shut, -W_b, W_b)
    shut = (passes(chain, (W_a, W_b), epsilons).F[0] == 0).all(axis=0)
    W_a = np.where(shut, -W_a, W_a)
    outside = ~chain.upper.mask(), ~chain.lower.mask()
    history = []
    for step in range(STEPS + 1):
        if step:
            of_a, of_b = passes(chain, (W_a, W_b), epsilons).updates
            W_a, W_b = W_a + RATE * of_a, W_b + RATE * of_b
        pairs = zip((W_a, W_b), outside, strict=True)
        history.append([np.abs(W[places]).max() for W, places in pairs])
    return np.array(history)


def gradient_error(G: Array, marginals: Array) -> float:
    """How far columns of G~ are from p[1] x ... g_j ... x p[n].

    Of G~ `(2 ** n, n)` and marginals `(n, 2)` of sum 1: the largest distance of
    a column from the one of these whose g_j is its own marginal, relative to
    the column; columns that are 0 are left out.
    """
    n = len(marginals)
    errors = []
    for j, column in enumerate(G.T):
        own = _marginal(column.reshape((2,) * n), j)
        parts = [own if i == j else p for i, p in enumerate(marginals)]
        size = np.linalg.norm(column)
        if size > 0:
            apart = column - functools.reduce(np.kron, parts)
            errors.append(np.linalg.norm(apart) / size)
    return float(max(errors, default=0.0))


def _marginal(tensor, axis):
    others = tuple(k for k in range(tensor.ndim) if k != axis)
    return tensor.sum(axis=others)

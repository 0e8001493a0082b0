"""Batch normalisation as a projection of the gradient.

For one node, f its values over the batch, mu and v their mean and biased
variance, c1 and c0 scale and shift:

    f_hat = f - mu 1,  u = f_hat / |f_hat|,  out = c1 f_hat / sqrt(v + eps) + c0
    g_in = J g_out
    J = c1 / sqrt(v + eps) (I - 1 1^T / N - v / (v + eps) u u^T)

At eps = 0 that is c1 / sigma times the projector onto what is orthogonal to 1
and f. With eps > 0 orthogonality to 1 stays exact, to f it holds up to eps / v.

In the matrix form on events the same holds in the inner product <f, g>_z =
E_z[f g]: means are those under the prior p of the events, and as the prior is
folded into G~ = p o G, what comes back is J^T G~, so 1^T G~ = 0.

Source: Tian, arXiv 1809.10829, theorem 5, for eps = 0; eps > 0 is derived.
"""

import numpy as np
from numpy import ndarray as Array


def jacobian(
    f: Array,
    scale: float = 1.0,
    epsilon: float = 0.0,
    probabilities: Array | None = None,
) -> Array:
    """J of one node, float64 `(n, n)`; row i is that of output i.

    Of its values f `(n,)`, not constant if epsilon, at least 0, is 0, and the
    scale c1. Probabilities `(n,)` are those of a batch's samples or of events,
    by default all the same.
    """
    f = np.asarray(f, np.float64)
    p = np.full(len(f), 1 / len(f)) if probabilities is None else probabilities
    centred = f - p @ f
    variance = p @ centred**2
    projector = np.eye(len(f)) - p
    projector -= np.outer(centred, p * centred) / (variance + epsilon)
    return scale / np.sqrt(variance + epsilon) * projector


def normalised(F: Array, probabilities: Array, epsilon: float | None) -> Array:
    """Columns of F `(events, nodes)` less their mean, over their deviation.

    Both under probabilities `(events,)`; scale 1 and shift 0. Where epsilon is
    None there is no batch normalisation: F itself.
    """
    if epsilon is None:
        return F
    centred, deviation = _centred(F, probabilities, epsilon)
    return centred / deviation


def backward(
    F: Array, G: Array, probabilities: Array, epsilon: float | None
) -> Array:
    """J^T G~, column by column: what `normalised` passes back to its F.

    G~ `(events, nodes)` has the prior folded in, as F's gradient then has.
    """
    if epsilon is None:
        return G
    p = probabilities[:, None]
    centred, deviation = _centred(F, probabilities, epsilon)
    outputs = centred / deviation
    along = p * outputs * (outputs * G).sum(axis=0)
    return (G - p * G.sum(axis=0) - along) / deviation


def _centred(F, probabilities, epsilon):
    """F less its mean, and what it is divided by."""
    centred = F - probabilities @ F
    return centred, np.sqrt(probabilities @ centred**2 + epsilon)

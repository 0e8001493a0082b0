"""Batch normalisation as a projection of the gradient.

For one node, f its values over the batch, mu and v their mean and biased
variance, c1 and c0 scale and shift:

    f_hat = f - mu 1,  u = f_hat / |f_hat|,  out = c1 f_hat / sqrt(v + eps) + c0
    g_in = J g_out
    J = c1 / sqrt(v + eps) (I - 1 1^T / N - v / (v + eps) u u^T)

At eps = 0 that is c1 / sigma times the projector onto what is orthogonal to 1
and f. With eps > 0 orthogonality to 1 stays exact, to f it holds up to eps / v.
In the matrix form on events the same holds in the inner product <f, g>_z =
E_z[f g].

Source: Tian, arXiv 1809.10829, theorem 5, for eps = 0; eps > 0 is derived.
"""

import numpy as np
from numpy import ndarray as Array


def jacobian(f: Array, scale: float = 1.0, epsilon: float = 0.0) -> Array:
    """J of one node, float64 `(n, n)`.

    Of its values f `(n,)`, not constant if epsilon, at least 0, is 0, and the
    scale c1.
    """
    f = np.asarray(f, np.float64)
    p = np.full(len(f), 1 / len(f))
    centred = f - p @ f
    variance = p @ centred**2
    projector = np.eye(len(f)) - p
    projector -= np.outer(centred, p * centred) / (variance + epsilon)
    return scale / np.sqrt(variance + epsilon) * projector

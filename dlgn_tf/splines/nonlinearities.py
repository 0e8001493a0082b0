"""Closed forms of beta-VQ nonlinearities, on their pre-activations.

Source: the SMASO paper (arXiv 1810.09274), section 4 and Proposition 7.
"""

import numpy as np
from numpy import ndarray as Array
from scipy import special

from dlgn_tf.splines import selection


def beta_vq_nonlinearity(
    z: Array,
    slopes: tuple[float, float],
    beta: float,
    entropy: str = "shannon",
) -> Array:
    """z (s_1 + (s_2 - s_1) sigmoid(eta (s_2 - s_1) z)) of pre-activations z.

    Of slopes (0, 1) this is swish, z sigmoid(eta z); of (-1, 1) it is z tanh(
    eta z). beta in [0, 1]: 1 is the nonlinearity itself, 0 the line between.
    For slopes see `parameters.slopes_of`. With Tsallis' entropy, see
    `selection`, (1 + clip(u, -1, 1)) / 2 takes the place of sigmoid(u).
    """
    z = np.asarray(z, "float64")
    low, high = slopes
    eta = selection.odds(beta)
    if beta == 1:
        return np.maximum(low * z, high * z)
    step = high - low
    if selection.is_tsallis(entropy):
        high_weight = (1 + np.clip(eta * step * z, -1, 1)) / 2
    else:
        high_weight = special.expit(eta * step * z)
    return z * (low + step * high_weight)

"""Closed forms of beta-VQ nonlinearities, on their pre-activations.

Source: the SMASO paper (arXiv 1810.09274), section 4 and Proposition 7.
"""

import math

import numpy as np
from numpy import ndarray as Array
from scipy import special

from dlgn_tf.splines import selection


def beta_vq_nonlinearity(
    z: Array, slopes: tuple[float, float], beta: float
) -> Array:
    """z (s_1 + (s_2 - s_1) sigmoid(eta (s_2 - s_1) z)).

    Of slopes (0, 1) this is swish, z sigmoid(eta z); of (-1, 1) it is z tanh(
    eta z). beta = 1 is the nonlinearity itself, beta = 0 the line between.

    Args:
        z: Array of pre-activations.
        slopes: Two floats, see `parameters.slopes_of`.
        beta: Float in [0, 1].

    Returns:
        Array of the same shape.
    """
    z = np.asarray(z, "float64")
    low, high = slopes
    eta = selection.odds(beta)
    if beta == 1:
        return np.maximum(low * z, high * z)
    step = high - low
    return z * (low + step * special.expit(eta * step * z))


def gap_to_hard(pixels: int) -> float:
    """How far beta-VQ falls short of the largest of n scores, times eta.

    The largest gap over all scores is W((n - 1) / e) / eta, with W Lambert's
    function; two slopes count as n = 2.
    """
    return float(special.lambertw((pixels - 1) / math.e).real)

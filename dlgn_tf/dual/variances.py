"""Variances of the weights, and what they make of a kernel.

Source: the DLGN paper (arXiv 2110.03403), Theorems 2.1, 3.1 and A.1.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.errors import UserError


def tangent_factors(
    variances: float | Sequence[float], layers: int
) -> tuple[Array, float]:
    """What takes the place of 1 / width in E[K^v] where no layer is bypassed.

    E[K^v] is the kernel, not normalised, times sum_l prod_{j != l} variance_j,
    which is the product of all variances times the sum of their inverses: a
    factor for each layer but the last, and a float for the product of all.
    Arguments and errors are those of `per_layer`.
    """
    each = per_layer(variances, layers)
    return each[:-1], float(each[-1] * np.sum(1.0 / each))


def per_layer(variances: float | Sequence[float], layers: int) -> Array:
    """One variance a weight layer, from one for all or from as many.

    Raises:
        UserError: if there are not as many, or one is not a number > 0.
    """
    try:
        of_layers = np.asarray(variances, "float64")
    except (TypeError, ValueError):
        of_layers = np.asarray(math.nan)
    if of_layers.ndim == 0:
        of_layers = np.full(layers, float(of_layers))
    positive = np.all((of_layers > 0) & np.isfinite(of_layers))
    if of_layers.shape != (layers,) or not positive:
        raise UserError(
            f"Expected one variance > 0, or one for each of the {layers} "
            f"weight layers. Received: variances={variances}"
        )
    return of_layers

"""Variances of the weights, and what they make of a kernel.

Source: the DLGN paper (arXiv 2110.03403), Theorems 2.1, 3.1 and A.1.
"""

import numpy as np

from dlgn_tf.errors import UserError


def tangent_factor(variances, divisors):
    """E[K^v] over the normalised kernel, where every path has all layers.

    It is sum_l prod_{j != l} variance_j, times all that the normalised kernel
    was divided by. With d layers, one width w and variance c^2 / w it is
    d c^{2(d-1)}.

    Args:
        variances: Floats > 0, one a weight layer.
        divisors: Numbers of units of the gated layers, and sizes of windows.

    Returns:
        Float.
    """
    # By logarithms, for the product alone may be too large or too small.
    logs = np.log(np.asarray(variances, "float64"))
    common = logs.sum() + np.log(np.asarray(divisors, "float64")).sum()
    return float(np.exp(common - logs).sum())


def per_layer(variances, layers):
    """One variance a weight layer, from one for all or from as many.

    Raises:
        UserError: if there are not as many, or one is not a number > 0.
    """
    found = np.asarray(variances, "float64")
    if found.ndim == 0:
        found = np.full(layers, float(found))
    positive = np.all((found > 0) & np.isfinite(found))
    if found.shape != (layers,) or not positive:
        raise UserError(
            f"Expected one variance > 0, or one for each of the {layers} "
            f"weight layers. Received: variances={variances}"
        )
    return found

"""Norms of functions in the reproducing kernel Hilbert space of a kernel.

A network's output f(x) = <theta, phi(x)> lies in the space of the kernel of its
last features, and its norm there is the least |theta| of all readouts that give
the same function: it belongs to the function, not to the weights.

Source: arXiv 2305.18512, section 2 (not checked against the text); the norm is
that of Aronszajn, "Theory of reproducing kernels" (1950).
"""

import math
import typing
from collections.abc import Iterable

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.rainbow.learned_layers import LayeredNetwork
from dlgn_tf.rainbow.moments import second_moment
from dlgn_tf.rainbow.spectra import ZERO, eigen

if typing.TYPE_CHECKING:
    import keras


def rkhs_norm(kernel: Array, outputs: Array) -> Array | float:
    """The least norm of a function with these outputs on some samples.

    It is (f^T K^-1 f)^(1/2), with the pseudo-inverse where K has none. Of a
    function of the space it is a lower bound of its norm, and rises to it as
    samples are added.

    Args:
        kernel: Positive semi-definite array `(samples, samples)`.
        outputs: Array `(samples,)` or `(samples, functions)`.

    Returns:
        Float, or float64 array `(functions,)`; infinite where no function of
        the space has these outputs.
    """
    values, vectors = eigen(kernel)
    along = vectors.T @ np.asarray(outputs, np.float64)
    kept = values > ZERO * values[0]
    squares = np.tensordot(1 / values[kept], along[kept] ** 2, axes=1)
    # What a function of this norm may have where eigenvalues count as zero.
    most = ZERO * values[0] * squares
    inside = np.sum(along[~kept] ** 2, axis=0) <= most
    norms = np.where(inside, np.sqrt(squares), math.inf)
    return norms if norms.ndim else float(norms)


def output_norms(
    model: "keras.Model", batches: Iterable[Array], memory_gib: float = 1.0
) -> Array:
    """Norm of each logit in the space of the network's own last features.

    Features are divided by the square root of their number, as the theory has
    them, and what the classifier adds as a bias is left out. Directions in
    which no sample has a feature, as of units that are never on, do not count.

    Example:

    >>> rainbow.output_norms(model, rainbow.in_batches(images)).shape
    (10,)

    Args:
        model: See `LayeredNetwork`.
        batches: Arrays of images.
        memory_gib: Float > 0. Bound on the moments of the features.

    Returns:
        float64 array `(classes,)`.

    Raises:
        UserError: if the model is of another kind, there are no images,
            features are not finite, or memory does not suffice.
    """
    network = LayeredNetwork(model)
    head = network[network.classifier]
    features = (
        head.patches(network.read(images, [head])[0]) for images in batches
    )
    values, vectors = eigen(second_moment(features, memory_gib))
    spanned = vectors[:, values > ZERO * values[0]]
    readout = math.sqrt(head.dimension) * head.matrix @ spanned
    return np.linalg.norm(readout, axis=1)

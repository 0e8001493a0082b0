"""The MASO parameters (A, B) of layers, from their weights as Keras holds them.

Images `(height, width, channels)` are flattened in the order (row, column,
channel), and so are outputs. Windows are `(height, width)`, strides `(vertical,
horizontal)`, and padding is `"valid"` or `"same"`. Unrolled convolutions are
matrices of outputs x inputs: small images only.

Source: the SMASO paper (arXiv 1810.09274), Theorem 1; Balestriero and Baraniuk,
"A Spline Theory of Deep Learning" (2018), for the rows of each layer.
"""

import numpy as np
from numpy import ndarray as Array
from numpy.typing import ArrayLike

from dlgn_tf.errors import UserError, check_choice
from dlgn_tf.inspection import connections
from dlgn_tf.splines.maso import MASO

LEAKY_SLOPE = 0.01
# Index of what lies on the padding.
OUTSIDE = -1


def slopes_of(
    activation: str, negative_slope: float = LEAKY_SLOPE
) -> tuple[float, float]:
    """Slopes of `"relu"`, `"leaky"` or `"abs"` left and right of 0.

    Raises:
        ValueError: if the `negative_slope` of `"leaky"` is not below 1: such a
            function is the smallest of its maps.
    """
    if activation == "leaky" and not negative_slope < 1:
        raise ValueError(
            "Expected a negative_slope below 1. Received: "
            f"negative_slope={negative_slope}"
        )
    known = {"relu": (0.0, 1.0), "leaky": (negative_slope, 1.0)}
    return {**known, "abs": (-1.0, 1.0)}[activation]


def dense(kernel: Array, bias: Array | None = None) -> MASO:
    """A dense layer without nonlinearity: one region.

    Of a kernel `(inputs, units)` and a bias `(units,)`, by default zeros.
    """
    kernel = np.asarray(kernel, "float64")
    bias = np.zeros(kernel.shape[1]) if bias is None else np.asarray(bias)
    return MASO(kernel.T[:, None], bias[:, None])


def convolution(
    kernel: Array,
    bias: Array | None,
    image_shape: tuple[int, int, int],
    strides: tuple[int, int] = (1, 1),
    padding: str = "valid",
) -> MASO:
    """A convolution without nonlinearity, unrolled: one region.

    Of a kernel `(height, width, channels, filters)` and a bias `(filters,)` or
    None: a unit for each row, column and filter.
    """
    kernel = np.asarray(kernel, "float64")
    filters = kernel.shape[-1]
    seen = windows(image_shape, kernel.shape[:2], strides, padding)
    rows, columns = seen.shape[:2]
    seen = seen.reshape(rows * columns, -1)
    # A further column takes what lies on the padding.
    matrix = np.zeros((len(seen), filters, np.prod(image_shape) + 1))
    places = np.arange(len(seen))[:, None]
    matrix[places, :, seen] = kernel.reshape(-1, filters)
    matrix = matrix[..., :OUTSIDE].reshape(len(seen) * filters, -1)
    bias = np.zeros(filters) if bias is None else np.asarray(bias)
    return MASO(matrix[:, None], np.tile(bias, len(seen))[:, None])


def activated(affine: MASO, slopes: ArrayLike) -> MASO:
    """An affine layer of one region, then a nonlinearity with a kink at 0.

    It has a region for each of the slopes, which rise, see `slopes_of`.
    """
    slopes = np.asarray(slopes, "float64")
    return MASO(slopes[:, None] * affine.slopes, slopes * affine.offsets)


def max_pool(
    image_shape: tuple[int, int, int],
    window: tuple[int, int] = (2, 2),
    strides: tuple[int, int] | None = None,
    padding: str = "valid",
) -> MASO:
    """Max-pooling: a region for each pixel of the window.

    Strides default to the window.
    """
    seen = _pooled(image_shape, window, strides, padding)
    slopes = np.zeros((*seen.shape, np.prod(image_shape) + 1))
    np.put_along_axis(slopes, seen[..., None], 1.0, axis=-1)
    offsets = np.where(seen == OUTSIDE, -np.inf, 0.0)
    return MASO(slopes[..., :OUTSIDE], offsets)


def average_pool(
    image_shape: tuple[int, int, int],
    window: tuple[int, int] = (2, 2),
    strides: tuple[int, int] | None = None,
    padding: str = "valid",
) -> MASO:
    """Average pooling over the pixels that are there: one region."""
    pool = max_pool(image_shape, window, strides, padding)
    there = np.isfinite(pool.offsets)
    total = pool.slopes.sum(axis=1) / there.sum(axis=1, keepdims=True)
    return MASO(total[:, None], np.zeros((pool.units, 1)))


def _pooled(image_shape, window, strides, padding):
    """`(units, pixels of the window)`: indices that each unit looks at."""
    seen = windows(image_shape, window, strides or window, padding)
    channels = image_shape[2]
    seen = seen.reshape(*seen.shape[:2], -1, channels)
    return np.moveaxis(seen, -1, 2).reshape(-1, seen.shape[2])


def maxout(kernels: Array, biases: Array) -> MASO:
    """The largest of several dense layers, unit by unit: a region for each.

    With one unit, fully-connected-pooling: the largest of all logits. Of
    kernels `(pieces, inputs, units)` and biases `(pieces, units)`.
    """
    kernels = np.asarray(kernels, "float64")
    return MASO(kernels.transpose(2, 0, 1), np.asarray(biases).T)


def windows(
    image_shape: tuple[int, int, int],
    window: tuple[int, int],
    strides: tuple[int, int],
    padding: str,
) -> Array:
    """Flat indices of the pixels under each placement of a window.

    `"same"` padding is as in TensorFlow: the odd pixel comes after the image.

    Returns:
        Integer array `(rows, columns, window height, window width, channels)`
        of indices into the flattened image, `OUTSIDE` on the padding.

    Raises:
        UserError: if the window does not fit, or the padding is unknown.
    """
    check_choice("padding", padding, ("valid", "same"))
    for size, side in zip(image_shape, window, strict=False):
        if padding == "valid" and side > size:
            raise UserError(
                f"Expected a window of at most {size} pixels. Received: {side}"
            )
    return connections.windows(image_shape, window, strides, padding)

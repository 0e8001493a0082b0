"""Which input positions a convolution or a pooling layer looks at."""

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.errors import UserError

OUTSIDE = -1


def windows(
    image_shape: tuple[int, int, int],
    window: tuple[int, int],
    strides: tuple[int, int],
    padding: str,
) -> Array:
    """Flat indices of the pixels under each placement of a window.

    Args:
        image_shape: `(height, width, channels)`.
        window: `(height, width)`.
        strides: `(vertical, horizontal)`.
        padding: `"valid"`, or `"same"` as in TensorFlow: the odd pixel of
            padding comes after the image.

    Returns:
        Integer array `(rows, columns, window height, window width, channels)`
        of indices into the flattened image, `OUTSIDE` on the padding.

    Raises:
        UserError: if the window does not fit, or the padding is unknown.
    """
    height, width, channels = image_shape
    rows = _placements(height, window[0], strides[0], padding)
    columns = _placements(width, window[1], strides[1], padding)
    i, j = rows[:, None, :, None], columns[None, :, None, :]
    pixel = np.where((i == OUTSIDE) | (j == OUTSIDE), OUTSIDE, i * width + j)
    index = pixel[..., None] * channels + np.arange(channels)
    return np.where(pixel[..., None] == OUTSIDE, OUTSIDE, index)


def _placements(size, window, stride, padding):
    """`(placements, window)`: coordinates along one side of the image."""
    if padding not in ("valid", "same"):
        raise UserError(
            f"Expected padding valid or same. Received: padding={padding}"
        )
    if padding == "valid":
        count, before = (size - window) // stride + 1, 0
    else:
        count = -(-size // stride)
        before = max((count - 1) * stride + window - size, 0) // 2
    if count < 1:
        raise UserError(
            f"Expected a window of at most {size} pixels. Received: {window}"
        )
    starts = np.arange(count)[:, None] * stride - before
    at = starts + np.arange(window)
    return np.where((at < 0) | (at >= size), OUTSIDE, at)

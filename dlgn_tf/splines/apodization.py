"""Images as sums of windowed patches, so that overlapping filters can be used.

A window h is laid over every patch. Where its shifted copies sum to 1, the
windowed patches add up to the image, and what a model leaves of each patch
bounds what it leaves of the image.

Source: the SMASO paper (arXiv 1810.09274), appendix B, equations 17 to 19; the
constant of equation 18 is derived, as the printed one could not be read.
"""

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.errors import UserError

WINDOWS = ("rectangular", "hamming", "hann", "triangular", "gaussian")


def window(name: str, size: int) -> Array:
    """A separable window `(size, size)` of `WINDOWS`, not yet normalised."""
    at = np.arange(size) - (size - 1) / 2
    profile = {
        "rectangular": np.ones(size),
        "hamming": np.hamming(size),
        # Without the zeros at both ends.
        "hann": np.hanning(size + 2)[1:-1],
        "triangular": np.bartlett(size + 2)[1:-1],
        "gaussian": np.exp(-(at**2) / (size / 2) ** 2),
    }[name]
    return np.outer(profile, profile)


def coverage(h: Array, stride: int = 1) -> Array:
    """Sum of the shifted windows at each pixel of a period.

    Of a window `(size, size)`: array `(stride, stride)`. The windows are a
    partition of unity where all of it is 1.
    """
    size = len(h)
    total = np.zeros((stride, stride))
    rows, columns = np.divmod(np.arange(size * size), size)
    np.add.at(total, (rows % stride, columns % stride), np.ravel(h))
    return total


def partition_of_unity(h: Array, stride: int = 1) -> Array:
    """The window divided by its coverage.

    Raises:
        UserError: if the window leaves pixels uncovered.
    """
    size = len(h)
    total = coverage(h, stride)
    if np.any(total == 0):
        raise UserError(
            f"Expected a window that covers every pixel at stride {stride}. "
            f"Received: one of size {size}"
        )
    residue = np.arange(size) % stride
    return h / total[np.ix_(residue, residue)]


class Patches:
    """All square patches of an image that is continued over its edges.

    Args:
        image_shape: `(height, width, channels)`.
        size: The side of a patch.
        stride: Divides height and width.

    Raises:
        UserError: if it does not, or patches are larger than the image.
    """

    def __init__(
        self, image_shape: tuple[int, int, int], size: int, stride: int = 1
    ) -> None:
        height, width, _ = image_shape
        if height % stride or width % stride or size > min(height, width):
            raise UserError(
                "Expected a stride that divides the image's sides and patches "
                f"no larger than it. Received: image {height}x{width}, size "
                f"{size}, stride {stride}"
            )
        self.image_shape = tuple(image_shape)
        offsets = np.arange(size)
        rows = (np.arange(0, height, stride)[:, None] + offsets) % height
        columns = (np.arange(0, width, stride)[:, None] + offsets) % width
        self._at = rows[:, None, :, None], columns[None, :, None, :]

    def of(self, image: Array) -> Array:
        """`(rows, columns, size, size, channels)` of `image_shape`."""
        return np.asarray(image)[self._at]

    def sum(self, patches: Array) -> Array:
        """Puts patches back where they were, adding where they overlap."""
        image = np.zeros(self.image_shape)
        np.add.at(image, self._at, patches)
        return image

    def overlap(self) -> int:
        """The most patches that cover one pixel."""
        ones = np.ones_like(self.of(np.zeros(self.image_shape)))
        return int(self.sum(ones).max())


def errors(
    patches: Patches, h: Array, image: Array, models: Array
) -> tuple[float, float]:
    """Both sides of equation 18.

    Args:
        patches: Those of the image.
        h: A partition of unity at the stride of the patches.
        image: Array of the patches' `image_shape`.
        models: What stands for each windowed patch, of the shape of
            `patches.of(image)`.

    Returns:
        Floats: |image - sum of models|^2, and the most patches that cover a
        pixel times the sum over patches of |windowed patch - model|^2.
    """
    left = np.sum((image - patches.sum(models)) ** 2)
    residuals = h[..., None] * patches.of(image) - models
    return float(left), float(patches.overlap() * np.sum(residuals**2))

"""Convolutions whose filters fade towards their edge."""

import functools

import keras
import numpy as np
from keras import ops

from dlgn_tf.layers.orthogonal import OrthogonalConv2D


def apodization_window(size, stride=1):
    """A Hamming window whose overlapping copies sum to 1 at every pixel.

    Copies of a window that lie `stride` apart sum to a function of that period;
    the window is divided by it, which for stride 1 is its sum. Where padding
    leaves copies out, at the edge of an image, less than 1 is left.

    Source: "From Hard to Soft" (arXiv 1810.09274), Appendix B, which leaves the
    window open; Hamming's is that of its authors' code.

    Args:
        size: Integer >= 1, side of the window.
        stride: Integer in [1, size]; others would leave pixels out.

    Returns:
        float64 array `(size, size)`.
    """
    if not 1 <= stride <= size:
        raise ValueError(
            "Expected strides of at most the window's side: others leave out "
            f"pixels. Received: size={size}, stride={stride}"
        )
    side = np.hamming(size)
    period = np.array([side[first::stride].sum() for first in range(stride)])
    side = side / period[np.arange(size) % stride]
    return np.outer(side, side)


class Apodized:
    """Makes a convolution multiply its filters by `apodization_window`.

    For `class C(Apodized, SomeConv2D)`: the kernel that `SomeConv2D` hands to
    `convolution_op` is multiplied there. The weight `kernel` stays as it is
    without a window. Filtering an image with `h * w` is filtering its windowed
    patches with `w`.

    A window takes most of a filter's length. Initial weights are divided by the
    window's root mean square, so that windowed filters have the lengths that
    the initialiser gives others, and signals keep their size from layer to
    layer (assumed: the authors' networks are batch-normalised).
    """

    def add_weight(self, *args, **kwargs):
        if kwargs.get("name") == "kernel":
            initializer = kwargs["initializer"]
            rms = float(np.sqrt(np.mean(self._window**2)))
            kwargs["initializer"] = lambda *given, **named: (
                initializer(*given, **named) / rms
            )
        return super().add_weight(*args, **kwargs)

    def convolution_op(self, inputs, kernel):
        return super().convolution_op(inputs, self.windowed(kernel))

    def windowed(self, kernel):
        """Filters `(height, width, inputs, filters)` times the window."""
        window = ops.convert_to_tensor(self._window, kernel.dtype)
        return ops.multiply(kernel, window[:, :, None, None])

    @functools.cached_property
    def _window(self):
        (size, *others), (stride, *steps) = self.kernel_size, self.strides
        if others != [size] or steps != [stride]:
            raise ValueError(
                "Expected square filters and equal strides for apodization. "
                f"Received: {self.kernel_size}, {self.strides}"
            )
        return apodization_window(size, stride)


@keras.saving.register_keras_serializable(package="dlgn_tf")
class ApodizedConv2D(Apodized, keras.layers.Conv2D):
    """`keras.layers.Conv2D` with square, windowed filters: see `Apodized`."""


@keras.saving.register_keras_serializable(package="dlgn_tf")
class ApodizedOrthogonalConv2D(Apodized, OrthogonalConv2D):
    """`OrthogonalConv2D` with square, windowed filters: see `Apodized`.

    It is the filters without window that are orthogonal, as the means of the
    model of windowed patches are. Source: "From Hard to Soft" (arXiv
    1810.09274), Appendix B; the code of its authors has the other order.
    """

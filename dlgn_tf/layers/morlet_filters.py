"""Fixed wavelets: a low-pass filter and oriented Morlet wavelets."""

import math

import keras
import numpy as np
from keras import ops

from dlgn_tf.layers import arguments


@keras.saving.register_keras_serializable(package="dlgn_tf")
class MorletFilters(keras.layers.Layer):
    """Convolves every channel with a Gaussian and with Morlet wavelets.

    Nothing is learned. The wavelet of angle t is

        psi(u) = g(u) (exp(i xi <u, (cos t, sin t)>) - beta),

    g being a Gaussian of standard deviation `sigma` along t and `sigma / slant`
    across, and beta such that psi sums to exactly 0. Angles are k pi / angles,
    k = 0, 1, ...; the image is continued by reflection.

    Source: "A Rainbow in Deep Network Black Boxes" (arXiv 2305.18512) and its
    authors' code for the constants. Its filters are as large as the image and
    applied by FFT; here they are cut to a window, outside of which at the
    default size a wavelet has less than 1e-6 of its energy.

    Args:
        angles: Integer >= 1. Number of wavelets.
        sigma: Float > 0, in pixels.
        frequency: Float > 0, xi in radians a pixel.
        low_pass_sigma: Float > 0, in pixels, of the low-pass Gaussian.
        slant: Float > 0. Defaults to `4 / angles`.
        kernel_size: Odd integer. Side of the window.
        stride: Integer >= 1. Every so many-th row and column is kept, the first
            included.

    Call arguments:
        images: Floating tensor `(batch, height, width, channels)`; height and
            width exceed half the window.

    Returns:
        Tensor `(batch, height', width', (1 + 2 angles) channels)`: all channels
        after the low-pass filter, then after the real part of each wavelet,
        then after the imaginary part of each.

    Raises:
        ValueError: if an argument lies outside its range, or images are too
            small to be reflected.
    """

    def __init__(
        self,
        angles=4,
        sigma=0.8,
        frequency=3 * math.pi / 4,
        low_pass_sigma=0.8,
        slant=None,
        kernel_size=7,
        stride=1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.angles = arguments.positive_integer("angles", angles)
        self.stride = arguments.positive_integer("stride", stride)
        slant = 4.0 / self.angles if slant is None else slant
        positive = {
            "sigma": sigma,
            "frequency": frequency,
            "low_pass_sigma": low_pass_sigma,
            "slant": slant,
        }
        for name, value in positive.items():
            valid = 0 < value < math.inf
            arguments.check(valid, name, value, "a number > 0")
        valid = kernel_size >= 1 and kernel_size % 2 == 1
        arguments.check(valid, "kernel_size", kernel_size, "an odd integer")
        self.sigma = float(sigma)
        self.frequency = float(frequency)
        self.low_pass_sigma = float(low_pass_sigma)
        self.slant = float(slant)
        self.kernel_size = int(kernel_size)

    def filters(self):
        """The filters: low-pass, real parts, imaginary parts.

        float64 `(kernel_size, kernel_size, 1 + 2 angles)`.
        """
        low_pass = _gaussian(self.kernel_size, self.low_pass_sigma, 1.0, 0.0)
        wavelets = [
            morlet(
                self.kernel_size,
                self.sigma,
                self.frequency,
                math.pi * k / self.angles,
                self.slant,
            )
            for k in range(self.angles)
        ]
        parts = [low_pass, *map(np.real, wavelets), *map(np.imag, wavelets)]
        return np.stack(parts, axis=-1)

    def build(self, input_shape):
        sides = [side for side in input_shape[1:3] if side is not None]
        if sides and self.kernel_size // 2 >= min(sides):
            raise ValueError(
                "Expected images that can be reflected by "
                f"{self.kernel_size // 2} pixels. Received: "
                f"input_shape={tuple(input_shape)}"
            )

    def call(self, images):
        margin = self.kernel_size // 2
        pads = [(0, 0), (margin, margin), (margin, margin), (0, 0)]
        padded = ops.pad(images, pads, mode="reflect")
        channels = images.shape[-1]
        # One filter after the other over all channels: `depthwise_conv` would
        # interleave them.
        bank = ops.cast(self.filters(), self.compute_dtype)
        kernel = ops.broadcast_to(
            bank[:, :, None], (*bank.shape[:2], channels, bank.shape[2])
        )
        filtered = ops.depthwise_conv(
            padded, kernel, self.stride, "valid", data_format="channels_last"
        )
        shape = ops.shape(filtered)[:3]
        filtered = ops.reshape(filtered, (*shape, channels, bank.shape[2]))
        filtered = ops.swapaxes(filtered, -1, -2)
        return ops.reshape(filtered, (*shape, channels * bank.shape[2]))

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        sides = (
            None if side is None else -(-side // self.stride)
            for side in (height, width)
        )
        filters = 1 + 2 * self.angles
        return (batch, *sides, channels and channels * filters)

    def get_config(self):
        return {
            **super().get_config(),
            "angles": self.angles,
            "sigma": self.sigma,
            "frequency": self.frequency,
            "low_pass_sigma": self.low_pass_sigma,
            "slant": self.slant,
            "kernel_size": self.kernel_size,
            "stride": self.stride,
        }


def morlet(size, sigma, frequency, angle, slant=1.0):
    """A complex Morlet wavelet `(size, size)`, which sums to 0.

    `sigma` is the standard deviation of the Gaussian envelope along the angle,
    in pixels; across it the envelope is `sigma / slant` wide. The frequency is
    in radians a pixel, the angle of the oscillation in radians.
    """
    envelope = _gaussian(size, sigma, slant, angle)
    along, _ = _rotated(size, angle)
    wave = envelope * np.exp(1j * frequency * along)
    return wave - wave.sum() / envelope.sum() * envelope


def _gaussian(size, sigma, slant, angle):
    """Of integral 1 over the plane."""
    along, across = _rotated(size, angle)
    squares = along**2 + (slant * across) ** 2
    density = slant / (2 * math.pi * sigma**2)
    return density * np.exp(-squares / (2 * sigma**2))


def _rotated(size, angle):
    """Coordinates along and across a direction, 0 in the middle."""
    axis = np.arange(size) - size // 2
    rows, columns = np.meshgrid(axis, axis, indexing="ij")
    cos, sin = math.cos(angle), math.sin(angle)
    return rows * cos + columns * sin, columns * cos - rows * sin

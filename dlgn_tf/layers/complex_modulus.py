"""The modulus of complex maps whose parts are channels of their own."""

import keras
from keras import ops

from dlgn_tf.layers.arguments import positive_integer
from dlgn_tf.layers.precision import widened


@keras.saving.register_keras_serializable(package="dlgn_tf")
class ComplexModulus(keras.layers.Layer):
    """Takes the modulus of wavelet coefficients, keeps the low-pass ones.

    Stands behind `MorletFilters`, of whose order of channels it is:
    `|z| = sqrt(re^2 + im^2 + 1e-12)`. The constant 1e-12 keeps the gradient
    finite at 0.

    Source: "A Rainbow in Deep Network Black Boxes" (arXiv 2305.18512), learned
    scattering; the constant is assumed.

    Args:
        angles: Integer >= 1. Complex maps of each channel.
        skip: Boolean. Whether coefficients are kept too, beside their moduli
            and beside the modulus of the low-pass ones: for files that are
            older than `SkipModulus`, which keeps complex ones. Defaults to
            `False`.

    Call arguments:
        coefficients: Tensor `(..., (1 + 2 angles) channels)`: low-pass, real
            parts, imaginary parts.

    Returns:
        Tensor `(..., (1 + angles) channels)`: low-pass, moduli; with `skip`
        `(..., (2 + 3 angles) channels)`: the input, modulus of low-pass,
        moduli.

    Raises:
        ValueError: if `angles` is no integer >= 1, or channels do not split
            into that many parts.
    """

    def __init__(self, angles=4, skip=False, **kwargs):
        super().__init__(**kwargs)
        self.angles = positive_integer("angles", angles)
        self.skip = bool(skip)

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels is None or channels % (1 + 2 * self.angles):
            raise ValueError(
                f"Expected a multiple of {1 + 2 * self.angles} channels. "
                f"Received: input_shape={tuple(input_shape)}"
            )

    def call(self, coefficients):
        channels = coefficients.shape[-1] // (1 + 2 * self.angles)
        end = channels * (1 + self.angles)
        low_pass = coefficients[..., :channels]
        moduli = modulus(
            coefficients[..., channels:end], coefficients[..., end:]
        )
        if not self.skip:
            return ops.concatenate([low_pass, moduli], axis=-1)
        return ops.concatenate(
            [coefficients, ops.abs(low_pass), moduli], axis=-1
        )

    def compute_output_shape(self, input_shape):
        *rest, channels = input_shape
        parts = 2 + 3 * self.angles if self.skip else 1 + self.angles
        return (*rest, channels // (1 + 2 * self.angles) * parts)

    def get_config(self):
        return {
            **super().get_config(),
            "angles": self.angles,
            "skip": self.skip,
        }


def modulus(real, imaginary):
    """`sqrt(re^2 + im^2 + 1e-12)` of tensors, in their dtype."""
    # In 16 bits squares overflow, and 1e-12 is rounded to 0.
    squares = ops.square(widened(real)) + ops.square(widened(imaginary))
    return ops.cast(ops.sqrt(squares + 1e-12), real.dtype)

"""Complex wavelet coefficients beside their moduli."""

import keras
from keras import ops

from dlgn_tf.layers.arguments import positive_integer
from dlgn_tf.layers.complex_modulus import modulus


@keras.saving.register_keras_serializable(package="dlgn_tf")
class SkipModulus(keras.layers.Layer):
    """Keeps complex coefficients and appends the modulus of each.

    Stands behind `MorletFilters`, of whose order of channels it is. A complex
    map is held as real channels: real parts, then imaginary parts. Filters of
    complex maps act on both parts, `psi * (a + ib) = psi * a + i psi * b`. The
    modulus, `|z| = sqrt(re^2 + im^2 + 1e-12)`, has imaginary part 0; the
    constant 1e-12 keeps the gradient finite at 0.

    Source: "A Rainbow in Deep Network Black Boxes" (arXiv 2305.18512), learned
    scattering with skip, as in its authors' code; the constant is assumed.

    Args:
        angles: Integer >= 1. Complex wavelets. Defaults to `4`.
        complex_maps: Boolean. Whether the filtered maps were complex: their
            real parts, then their imaginary parts. Defaults to `True`.

    Call arguments:
        coefficients: Tensor `(..., (1 + 2 angles) channels)`: low-pass, real
            parts of the wavelets, imaginary parts; of real channels, or of
            twice as many that hold complex maps.

    Returns:
        Tensor `(..., 2, 2 (1 + angles) channels)`: real and imaginary part of
        low-pass, wavelets, modulus of low-pass, moduli of wavelets; channels
        are complex ones.

    Raises:
        ValueError: if `angles` is no integer >= 1, or channels do not split so.
    """

    def __init__(self, angles=4, complex_maps=True, **kwargs):
        super().__init__(**kwargs)
        self.angles = positive_integer("angles", angles)
        self.complex_maps = bool(complex_maps)

    @property
    def _reals(self):
        """Real channels that a complex one comes from."""
        return (1 + 2 * self.angles) * (2 if self.complex_maps else 1)

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels is None or channels % self._reals:
            raise ValueError(
                f"Expected a multiple of {self._reals} channels. Received: "
                f"input_shape={tuple(input_shape)}"
            )

    def call(self, coefficients):
        filters = ops.split(coefficients, 1 + 2 * self.angles, axis=-1)
        low_pass, wavelets = filters[0], filters[1:]
        if self.complex_maps:
            low_pass = ops.split(low_pass, 2, axis=-1)
        else:
            low_pass = [low_pass, ops.zeros_like(low_pass)]
        pairs = zip(
            wavelets[: self.angles], wavelets[self.angles :], strict=True
        )
        maps = [low_pass, *(self._filtered(*pair) for pair in pairs)]
        moduli = [modulus(real, imaginary) for real, imaginary in maps]
        return ops.stack(
            [
                ops.concatenate([*(real for real, _ in maps), *moduli], -1),
                ops.concatenate(
                    [*(part for _, part in maps), *map(ops.zeros_like, moduli)],
                    -1,
                ),
            ],
            axis=-2,
        )

    def _filtered(self, by_real, by_imaginary):
        """A wavelet's coefficients, from maps filtered by both its parts."""
        if not self.complex_maps:
            return by_real, by_imaginary
        real, imaginary = ops.split(by_real, 2, axis=-1)
        turned_real, turned_imaginary = ops.split(by_imaginary, 2, axis=-1)
        return real - turned_imaginary, turned_real + imaginary

    def compute_output_shape(self, input_shape):
        *rest, channels = input_shape
        maps = channels // self._reals
        return (*rest, 2, 2 * (1 + self.angles) * maps)

    def get_config(self):
        return {
            **super().get_config(),
            "angles": self.angles,
            "complex_maps": self.complex_maps,
        }

"""Pixels as they are stored, turned into what a network is trained on."""

import keras
from keras import ops

from dlgn_tf.layers import arguments
from dlgn_tf.layers.precision import wide

# With these pixels leave as they came, to the bit.
AS_STORED = {"mean": [0.0], "std": [1 / 255]}


@keras.saving.register_keras_serializable(package="dlgn_tf")
class PixelNormalization(keras.layers.Layer):
    """Maps pixels in [0, 255] to `(pixels / 255 - mean) / std`.

    Models carry it as their first layer, so that they take stored images
    (uint8, or floats on the same scale) wherever they are used.

    Args:
        mean: Float or sequence of floats, one per channel, on the [0, 1] scale.
        std: Float > 0 or sequence of them, on the same scale.

    Call arguments:
        images: uint8 or floating tensor `(..., channels)` in [0, 255].

    Returns:
        Tensor of the layer's compute dtype and the shape of `images`.

    Raises:
        ValueError: if a standard deviation is not positive, or the numbers of
            channels differ.
    """

    def __init__(self, mean=0.0, std=1.0, **kwargs):
        # Keras casts only floating inputs on its own; uint8 is cast in call.
        super().__init__(autocast=False, **kwargs)
        self.mean = _numbers(mean)
        self.std = _numbers(std)
        positive = all(value > 0 for value in self.std)
        arguments.check(positive, "std", std, "numbers > 0")

    def build(self, input_shape):
        for name, values in (("mean", self.mean), ("std", self.std)):
            channels = input_shape[-1]
            arguments.check(
                len(values) in (1, channels),
                name,
                values,
                f"one number or {channels}, one for each channel",
            )

    @property
    def identical(self):
        """Whether pixels leave as they came, as with `AS_STORED`."""
        return self.get_config() == {**self.get_config(), **AS_STORED}

    def call(self, images):
        # In 16 bits the difference below would lose whole grey levels.
        dtype = wide(self.compute_dtype)
        scale = [1.0 / (255.0 * s) for s in self.std]
        shift = [m / s for m, s in zip(*self._aligned(), strict=True)]
        pixels = ops.cast(images, dtype)
        normalized = pixels * ops.convert_to_tensor(
            scale, dtype
        ) - ops.convert_to_tensor(shift, dtype)
        return ops.cast(normalized, self.compute_dtype)

    def _aligned(self):
        channels = max(len(self.mean), len(self.std))
        return [
            values * channels if len(values) == 1 else values
            for values in (self.mean, self.std)
        ]

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_output_spec(self, images):
        return keras.KerasTensor(images.shape, dtype=self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "mean": self.mean, "std": self.std}


def _numbers(values):
    try:
        return [float(value) for value in values]
    except TypeError:
        return [float(values)]

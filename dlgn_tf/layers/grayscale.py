"""Colour images as grey ones."""

import keras
from keras import ops

_LUMINANCE = (0.299, 0.587, 0.114)


@keras.saving.register_keras_serializable(package="dlgn_tf")
class Grayscale(keras.layers.Layer):
    """Luminance of red, green and blue: 0.299 R + 0.587 G + 0.114 B (BT.601).

    Images of one channel are passed on.

    Call arguments:
        images: Floating tensor `(batch, height, width, 3)`, or 1 channel.

    Returns:
        Tensor `(batch, height, width, 1)`.

    Raises:
        ValueError: if images have another number of channels.
    """

    def build(self, input_shape):
        if input_shape[-1] not in (1, 3):
            raise ValueError(
                "Expected images of 1 or 3 channels. Received: "
                f"input_shape={tuple(input_shape)}"
            )

    def call(self, images):
        if images.shape[-1] == 1:
            return images
        weights = ops.convert_to_tensor(_LUMINANCE, self.compute_dtype)
        return ops.sum(images * weights, axis=-1, keepdims=True)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 1)

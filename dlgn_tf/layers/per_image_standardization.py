"""Pixels on a scale of their own image."""

import keras
from keras import ops

from dlgn_tf.layers.precision import widened


@keras.saving.register_keras_serializable(package="dlgn_tf")
class PerImageStandardization(keras.layers.Layer):
    """Subtracts an image's mean and divides by its largest absolute value.

    Mean and maximum are over all pixels and channels; what leaves lies in
    [-1, 1]. An image of one colour in all channels becomes 0.

    Unlike `PixelNormalization` this is no linear function of the pixels, so a
    network that is linear behind it is not linear in the stored image.

    Source: the preprocessing in code of the authors of "From Hard to Soft"
    (arXiv 1810.09274).

    Call arguments:
        images: uint8 or floating tensor `(batch, height, width, channels)` in
            [0, 255].

    Returns:
        Tensor of the layer's compute dtype and the shape of `images`.
    """

    def __init__(self, **kwargs):
        # Keras casts only floating inputs on its own; uint8 is cast in call.
        super().__init__(autocast=False, **kwargs)

    def call(self, images):
        # In 16 bits the difference below would lose whole grey levels.
        pixels = widened(images, self.compute_dtype)
        axes = tuple(range(1, len(pixels.shape)))
        pixels = pixels - ops.mean(pixels, axis=axes, keepdims=True)
        # A hundredth of a grey level: below it is rounding of the mean. A batch
        # of no images has no other maximum.
        largest = ops.max(ops.abs(pixels), axes, keepdims=True, initial=0.01)
        return ops.cast(pixels / largest, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def compute_output_spec(self, images):
        return keras.KerasTensor(images.shape, dtype=self.compute_dtype)

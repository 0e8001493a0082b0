"""Standardisation of complex channels."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dlgn_tf")
class ComplexStandardization(keras.layers.BatchNormalization):
    """Batch normalisation of complex channels, with nothing learned.

    `(z - E[z]) / sqrt(E|z - E[z]|^2 + epsilon)`: real and imaginary part have a
    mean of their own and are divided by the same number. Moving statistics are
    those of the parts, as a `BatchNormalization` keeps them.

    Source: "A Rainbow in Deep Network Black Boxes" (arXiv 2305.18512), its
    authors' code.

    Args:
        momentum: Float in [0, 1]. Weight of the old moving average.
        epsilon: Float > 0. Added to the variance. Defaults to `1e-5`.
        **kwargs: Arguments of `keras.layers.Layer`, and `synchronized`.

    Call arguments:
        inputs: Floating tensor `(..., 2 channels)`: real parts, then imaginary
            parts.
        training: Boolean. Batch statistics if true (and the layer is
            trainable), moving averages otherwise.

    Returns:
        Tensor of the shape of `inputs`.
    """

    def __init__(self, momentum=0.9, epsilon=1e-5, **kwargs):
        kwargs |= {"center": False, "scale": False}
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def call(self, inputs, training=None):
        # In 16 bits the squares of large values would overflow.
        dtype = keras.backend.result_type(inputs.dtype, "float32")
        x = ops.cast(inputs, dtype)
        averages = (self.moving_mean, self.moving_variance)
        mean, variance = (ops.cast(average, dtype) for average in averages)
        if training and self.trainable:
            mean, variance = ops.moments(
                x, list(range(len(x.shape) - 1)), synchronized=self.synchronized
            )
            for average, value in zip(averages, (mean, variance), strict=True):
                old = ops.cast(average, dtype) * self.momentum
                average.assign(old + value * (1.0 - self.momentum))
        real, imaginary = ops.split(variance, 2)
        scale = ops.rsqrt(real + imaginary + self.epsilon)
        standardized = (x - mean) * ops.concatenate([scale, scale])
        return ops.cast(standardized, inputs.dtype)

"""Batch normalisation that is fast on one replica and exact on several."""

import keras
import numpy as np
from keras import ops

if keras.backend.backend() == "tensorflow":
    import tensorflow as tf
else:
    tf = None

_FUSED_DTYPES = ("float16", "bfloat16", "float32")


def scale_and_shift(layer):
    """Batch normalisation in evaluation mode, `scale * x + shift`.

    float64 `(channels,)` each, of `BatchNorm` or its Keras base, with or
    without `scale` and `center`.
    """
    mean, variance, gamma, beta = (
        None if x is None else np.asarray(ops.convert_to_numpy(x), "float64")
        for x in (
            layer.moving_mean,
            layer.moving_variance,
            layer.gamma,
            layer.beta,
        )
    )
    scale = 1 / np.sqrt(variance + layer.epsilon)
    if gamma is not None:
        scale = scale * gamma
    shift = -mean * scale
    return scale, shift if beta is None else shift + beta


def scales_channels(layer):
    """Whether a layer is a batch normalisation of the last axis."""
    rank = len(layer.output.shape)
    # Not what derives from it: complex maps share a variance.
    plain = type(layer) in (BatchNorm, keras.layers.BatchNormalization)
    return plain and layer.axis in (-1, rank - 1)


@keras.saving.register_keras_serializable(package="dlgn_tf")
class BatchNorm(keras.layers.BatchNormalization):
    """`keras.layers.BatchNormalization` on TensorFlow's fused kernel.

    Computes what the Keras layer computes (the same variables, the same
    moving averages of the biased variance) and falls back to it wherever the
    kernel does not serve: inputs that are not rank 4, float64, another
    backend, or training on several replicas, where the statistics are taken
    over the global batch.

    Args:
        momentum: Float in [0, 1]. Weight of the old moving average.
        epsilon: Float > 0. Added to the variance.
        synchronized: Boolean. Whether several replicas share their batch
            statistics.
        as_keras: Boolean. Whether inference also rounds as the Keras layer
            does, which takes a pass more over the tensor.
        **kwargs: Arguments of `keras.layers.Layer`, and `center` and `scale`
            of the Keras layer.

    Call arguments:
        inputs: Floating tensor, channels last: `(batch, height, width,
            channels)` or `(batch, channels)`.
        training: Boolean. Batch statistics if true (and the layer is
            trainable), moving averages otherwise.

    Returns:
        Tensor of the shape of `inputs`.
    """

    def __init__(
        self,
        momentum=0.99,
        epsilon=1e-3,
        synchronized=True,
        as_keras=False,
        **kwargs,
    ):
        super().__init__(
            momentum=momentum,
            epsilon=epsilon,
            **kwargs,
        )
        # Keras knows the option on TensorFlow alone; the layer's own value
        # must survive a round trip through another backend.
        self.share_statistics(synchronized)
        self._as_keras = bool(as_keras)

    def share_statistics(self, synchronized):
        """Sets whether several replicas share their batch statistics."""
        self._share_statistics = bool(synchronized)
        self.synchronized = self._share_statistics and tf is not None

    def call(self, inputs, training=None, mask=None):
        use_batch_statistics = bool(training) and self.trainable
        if mask is not None or not self._kernel_serves(
            inputs, use_batch_statistics
        ):
            return super().call(inputs, training=training, mask=mask)
        if use_batch_statistics:
            return self._normalize_by_batch(inputs)
        outputs, _, _ = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            *self._scale_and_offset(),
            mean=ops.convert_to_tensor(self.moving_mean),
            variance=ops.convert_to_tensor(self.moving_variance),
            epsilon=self.epsilon,
            is_training=False,
        )
        return outputs

    def _kernel_serves(self, inputs, use_batch_statistics):
        if tf is None or len(inputs.shape) != 4 or self.axis not in (-1, 3):
            return False
        if keras.backend.standardize_dtype(inputs.dtype) not in _FUSED_DTYPES:
            return False
        if self.variable_dtype != "float32":
            return False
        # Keras has it from 3.14 on.
        if getattr(self, "renorm", False):
            return False
        if self._as_keras and not use_batch_statistics:
            return False
        several = tf.distribute.get_strategy().num_replicas_in_sync > 1
        return not (use_batch_statistics and several and self._share_statistics)

    def _scale_and_offset(self):
        """What the kernel wants, even of a layer that has none of its own."""
        like = self.moving_mean
        scale = self.gamma if self.scale else ops.ones_like(like)
        offset = self.beta if self.center else ops.zeros_like(like)
        return ops.convert_to_tensor(scale), ops.convert_to_tensor(offset)

    def _normalize_by_batch(self, inputs):
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs,
            *self._scale_and_offset(),
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel reports the variance with Bessel's correction, n / (n-1).
        count = tf.cast(tf.size(inputs) / inputs.shape[-1], variance.dtype)
        biased_variance = variance * (count - 1) / count
        _move_average(self.moving_mean, mean, self.momentum)
        _move_average(self.moving_variance, biased_variance, self.momentum)
        return outputs

    def get_config(self):
        config = super().get_config()
        config["synchronized"] = self._share_statistics
        if self._as_keras:
            config["as_keras"] = True
        return config


def _move_average(average, value, momentum):
    average.assign(average * momentum + value * (1.0 - momentum))

"""One output for two classes."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="dlgn_tf")
class TwoLogits(keras.layers.Layer):
    """The logits (-s z, s z) of one output z, for the logistic loss.

    Their cross-entropy is log(1 + exp(-2 s y z)) with y = -1 or 1: as published
    with s = 1 (Yadav et al., arXiv 2404.04312), and with s = 1/2 that of the
    probability sigmoid(z).

    Args:
        scale: Float, s. Defaults to `1.0`.

    Call arguments:
        z: Floating tensor `(batch, 1)`.

    Returns:
        Tensor `(batch, 2)`.
    """

    def __init__(self, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = float(scale)

    def call(self, z):
        scaled = self.scale * z
        return ops.concatenate([-scaled, scaled], axis=-1)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], 2)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}

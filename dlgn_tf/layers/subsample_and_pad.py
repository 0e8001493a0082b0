"""The parameter-free shortcut of residual networks (option A)."""

import keras
from keras import ops

from dlgn_tf.layers.arguments import positive_integer


@keras.saving.register_keras_serializable(package="dlgn_tf")
class SubsampleAndPad(keras.layers.Layer):
    """Keeps every `stride`-th pixel and appends channels of zeros.

    Option A of He et al., "Deep Residual Learning for Image Recognition",
    section 3.3: it lets a block change resolution and width with no weights.

    Args:
        filters: Integer >= 1. Channels of the output, at least those of the
            input.
        stride: Integer >= 1. Defaults to `1`.

    Call arguments:
        inputs: Tensor `(batch, height, width, channels)`.

    Returns:
        Tensor `(batch, ceil(height / stride), ceil(width / stride), filters)`.

    Raises:
        ValueError: if an argument is no integer >= 1, or the input has more
            channels than `filters`.
    """

    def __init__(self, filters, stride=1, **kwargs):
        super().__init__(**kwargs)
        self.filters = positive_integer("filters", filters)
        self.stride = positive_integer("stride", stride)

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels is None or channels > self.filters:
            raise ValueError(
                f"Expected at most filters={self.filters} input channels. "
                f"Received: input_shape={tuple(input_shape)}"
            )

    def call(self, inputs):
        added = self.filters - inputs.shape[-1]
        kept = inputs[:, :: self.stride, :: self.stride, :]
        return ops.pad(kept, [(0, 0), (0, 0), (0, 0), (0, added)])

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        return (
            batch,
            _ceil_divide(height, self.stride),
            _ceil_divide(width, self.stride),
            self.filters,
        )

    def get_config(self):
        config = {"filters": self.filters, "stride": self.stride}
        return {**super().get_config(), **config}


def _ceil_divide(length, stride):
    return None if length is None else -(-length // stride)

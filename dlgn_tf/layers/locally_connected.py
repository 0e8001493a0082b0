"""A layer whose every place has weights of its own."""

import math

import keras
from keras import ops

from dlgn_tf.layers.arguments import positive_integer


@keras.saving.register_keras_serializable(package="dlgn_tf")
class LocallyConnected(keras.layers.Layer):
    """Windows along a line of regions, with unshared weights.

    Region r of the output sees `window` regions of the input, from region
    `r * stride` on, through weights that no other region uses. Weights start
    normal with variance 2 / (inputs of a node), biases at 0. (Keras 3 has no
    layer of this kind; Keras 2 had `LocallyConnected1D`.)

    Example:

    >>> LocallyConnected(5, window=2, stride=1)(numpy.ones((8, 4, 3))).shape
    TensorShape([8, 3, 5])

    Args:
        nodes: Integer >= 1, nodes of each region of the output.
        window: Integer >= 1.
        stride: Integer >= 1. Defaults to `window`: windows are disjoint.
        seed: Integer from which the initial weights follow, or None.
        **kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Floating tensor `(batch, regions, channels)`.

    Returns:
        Tensor `(batch, 1 + (regions - window) / stride, nodes)`.

    Raises:
        ValueError: if an argument lies outside its range, the windows leave
            regions at the end out, or how many there are is not known.
    """

    def __init__(self, nodes, window, stride=None, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.nodes = positive_integer("nodes", nodes)
        self.window = positive_integer("window", window)
        stride = window if stride is None else stride
        self.stride = positive_integer("stride", stride)
        self.seed = seed
        self.input_spec = keras.layers.InputSpec(ndim=3)

    def build(self, input_shape):
        regions = self._regions(input_shape)
        fan_in = self.window * input_shape[2]
        self.kernel = self.add_weight(
            shape=(regions, fan_in, self.nodes),
            # Keras' own He initialisation would count the regions as inputs.
            initializer=keras.initializers.RandomNormal(
                stddev=math.sqrt(2 / fan_in), seed=self.seed
            ),
            name="kernel",
        )
        self.bias = self.add_weight(
            shape=(regions, self.nodes), initializer="zeros", name="bias"
        )

    def call(self, inputs):
        # Constants, so that the layer compiles to one gather.
        places = [
            r * self.stride + k
            for r in range(self.kernel.shape[0])
            for k in range(self.window)
        ]
        gathered = ops.take(inputs, ops.convert_to_tensor(places), axis=1)
        shape = (-1, *self.kernel.shape[:2])
        gathered = ops.reshape(gathered, shape)
        return ops.einsum("bri,rio->bro", gathered, self.kernel) + self.bias

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self._regions(input_shape), self.nodes)

    def _regions(self, input_shape):
        _, below, channels = input_shape
        if below is None or channels is None:
            raise ValueError(
                "Expected regions and channels whose numbers are known. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        places = below - self.window
        if places < 0 or places % self.stride:
            raise ValueError(
                "Expected windows that cover all regions. Received: "
                f"window={self.window}, stride={self.stride} over {below}"
            )
        return 1 + places // self.stride

    def get_config(self):
        config = {
            "nodes": self.nodes,
            "window": self.window,
            "stride": self.stride,
            "seed": self.seed,
        }
        return {**super().get_config(), **config}

"""Initial weights: of the theory of the dual view, and as PyTorch's."""

import math

import keras
from keras import ops

from dlgn_tf.errors import UserError
from dlgn_tf.layers import OrthogonalKernel, arguments

_SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
_PLAIN = (
    keras.layers.Dense,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)


@keras.saving.register_keras_serializable(package="dlgn_tf")
class Bernoulli(keras.initializers.RandomUniform):
    """Weights that are +sigma or -sigma, each with probability 1/2.

    `sigma = scale / sqrt(window * width)`, where `window` is the number of
    places a convolution's filter covers, and 1 for a dense layer.

    Source: Assumption 2.1 of the DLGN paper (arXiv 2110.03403); sigma^2 =
    2 / width is that of its predecessor's code (arXiv 2006.10529).

    Example:

    >>> sorted(set(Bernoulli(width=8, seed=0)((8, 8)).numpy().ravel()))
    [-0.5, 0.5]

    Args:
        scale: Float > 0. Defaults to the square root of 2, with which ReLU
            layers keep the size of what passes.
        width: Integer >= 1. Units or filters of a hidden layer; the theorems
            want that number in every layer. Defaults to the number of inputs
            of each unit (a filter: input channels), which is the same number
            in all layers but the first.
        seed: Integer or `keras.random.SeedGenerator`, as Keras' random
            initialisers take it: with an integer, each call returns the same
            weights.

    Call arguments:
        shape: Tuple `(..., inputs, outputs)`; what stands before the last two
            is the window.
        dtype: String. Defaults to Keras' floatx.

    Raises:
        ValueError: if an argument lies outside its range.
    """

    def __init__(self, scale=2**0.5, width=None, seed=None):
        super().__init__(-1.0, 1.0, seed=seed)
        valid = 0 < scale < float("inf")
        arguments.check(valid, "scale", scale, "a number > 0")
        if width is not None:
            width = arguments.positive_integer("width", width)
        self.scale = float(scale)
        self.width = width

    def __call__(self, shape, dtype=None):
        if len(shape) < 2:
            raise ValueError(
                "Expected a kernel of shape (..., inputs, outputs). "
                f"Received: shape={shape}"
            )
        *window, inputs, _ = shape
        sigma = self.scale / math.sqrt(
            math.prod(window) * (self.width or inputs)
        )
        uniform = super().__call__(shape, dtype)
        return sigma * ops.where(
            uniform < 0, -ops.ones_like(uniform), ops.ones_like(uniform)
        )

    def get_config(self):
        seed = super().get_config()["seed"]
        return {"scale": self.scale, "width": self.width, "seed": seed}


def bernoulli_weights(network, width=None, seed=0):
    """Gives every kernel of a network independent Bernoulli weights.

    Biases become 0, as the theory has none.

    Args:
        network: Functional `keras.Model`, such as the value network of a
            `GatedNetwork`. It is changed; its kernels are weights, and not
            orthogonal functions of weights.
        width: See `Bernoulli`.
        seed: Integer from which all weights follow.

    Raises:
        UserError: if the network has orthogonal filters by construction.
    """
    if any(isinstance(x, OrthogonalKernel) for x in network.layers):
        raise UserError(
            "Expected a network with plain kernels, which can be given any "
            f"weights. Received: {network.name} with orthogonal filters"
        )
    generator = keras.random.SeedGenerator(seed)
    initializer = Bernoulli(width=width, seed=generator)
    for layer in network.layers:
        kernel = getattr(layer, "kernel", None)
        if kernel is None:
            continue
        kernel.assign(initializer(kernel.shape, kernel.dtype))
        if layer.bias is not None:
            layer.bias.assign(ops.zeros_like(layer.bias))


def as_pytorch(network):
    """A network of the same layers, its weights drawn as PyTorch draws them.

    Kernels of dense layers and convolutions and their biases are uniform in
    +-1/sqrt(fan_in), the number of inputs of a unit; of a transposed
    convolution that of its outputs, which PyTorch takes for it.

    Args:
        network: Functional `keras.Model`.

    Raises:
        UserError: if other layers have kernels, as attention has.
    """

    def redrawn(layer):
        config = layer.get_config()
        for initializer, fan in _fans(layer, config).items():
            bound = fan**-0.5
            config[initializer] = keras.initializers.RandomUniform(
                -bound, bound
            )
        return type(layer).from_config(config)

    return keras.models.clone_model(network, clone_function=redrawn)


def _fans(layer, config):
    """Dict from the initialisers in a layer's options to its fans."""
    if isinstance(layer, _SEPARABLE):
        kernel, last = layer.depthwise_kernel, layer.pointwise_kernel
        return {
            "depthwise_initializer": math.prod(kernel.shape[:-2]),
            "pointwise_initializer": math.prod(last.shape[:-1]),
            "bias_initializer": math.prod(last.shape[:-1]),
        }
    if isinstance(layer, _DEPTHWISE):
        fan = math.prod(layer.kernel.shape[:-2])
        return {"depthwise_initializer": fan, "bias_initializer": fan}
    if "kernel_initializer" not in config:
        return {}
    if not isinstance(layer, _PLAIN):
        raise UserError(
            "Expected initializer=pytorch with dense layers and convolutions. "
            f"Received: {layer.name}, a {type(layer).__name__}"
        )
    fan = math.prod(layer.kernel.shape[:-1])
    return {"kernel_initializer": fan, "bias_initializer": fan}

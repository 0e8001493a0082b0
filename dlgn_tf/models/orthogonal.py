"""Models with orthogonal filters: made, looked at, and folded again."""

import dataclasses
import math

import keras
from keras import ops

from dlgn_tf.errors import UserError
from dlgn_tf.layers import (
    Apodized,
    ApodizedConv2D,
    ApodizedOrthogonalConv2D,
    OrthogonalConv2D,
    OrthogonalDense,
    OrthogonalKernel,
)
from dlgn_tf.models.classifier import single_networks

_ORTHOGONAL = {
    keras.layers.Dense: OrthogonalDense,
    keras.layers.Conv2D: OrthogonalConv2D,
    ApodizedConv2D: ApodizedOrthogonalConv2D,
}
_PLAIN = {
    OrthogonalDense: keras.layers.Dense,
    OrthogonalConv2D: keras.layers.Conv2D,
    ApodizedConv2D: keras.layers.Conv2D,
    ApodizedOrthogonalConv2D: keras.layers.Conv2D,
}
_OPTIONS = ("reparametrization", "scale", "overcomplete")


@dataclasses.dataclass(frozen=True)
class Filters:
    """The filters of a dense layer or a convolution.

    Attributes:
        label: String, `"network/layer"`.
        layer: Keras layer.
    """

    label: str
    layer: keras.layers.Layer

    @property
    def variable(self):
        """The weight that they are, or are a function of."""
        if isinstance(self.layer, OrthogonalKernel):
            return self.layer.raw_kernel
        return self.layer.kernel

    @property
    def count(self):
        return self.variable.shape[-1]

    @property
    def inputs(self):
        return math.prod(self.variable.shape[:-1])

    @property
    def too_many(self):
        """Whether they are more than their inputs: not all are orthogonal."""
        return self.count > self.inputs

    def __str__(self):
        return f"{self.label} ({self.count} of {self.inputs} inputs)"


def filters_of(model, networks="both"):
    """All `Filters` of a model, its last layer's included, as a list.

    Of a gated one those of `networks`: `"both"`, `"gating"` or `"value"`.
    """
    return [
        Filters(f"{name}/{layer.name}", layer)
        for name, network in single_networks(model).items()
        if networks in ("both", name)
        for layer in network.layers
        if isinstance(layer, tuple(_ORTHOGONAL))
    ]


def with_orthogonal_filters(network, options):
    """A network whose dense layers and convolutions are orthogonal.

    Its raw kernels, and all other weights, are those of the network given, as
    are names, inputs and outputs.

    Raises:
        UserError: if there are more filters than inputs somewhere, and the
            options call that an error.
    """
    given = {name: getattr(options, name) for name in _OPTIONS}

    def replaced(layer):
        if type(layer) not in _ORTHOGONAL:
            return type(layer).from_config(layer.get_config())
        config = {**layer.get_config(), **given}
        return _ORTHOGONAL[type(layer)].from_config(config)

    try:
        made = keras.models.clone_model(network, clone_function=replaced)
    except ValueError as error:
        if options.overcomplete != "error":
            raise
        raise UserError(str(error).splitlines()[0]) from error
    _copy_named_weights(network, made)
    return made


def folded(model):
    """The same function by plain kernels, not orthogonalised, not windowed.

    What it computes is equal up to rounding, and costs what a plain model
    costs. A model whose kernels are plain is returned itself.
    """
    if not any(type(layer) in _PLAIN for layer in model._flatten_layers()):
        return model
    return model.with_networks(_folded_network)


def _folded_network(network):
    def replaced(layer):
        config = layer.get_config()
        for name in _OPTIONS if isinstance(layer, OrthogonalKernel) else ():
            del config[name]
        return _PLAIN.get(type(layer), type(layer)).from_config(config)

    made = keras.models.clone_model(network, clone_function=replaced)
    _copy_named_weights(network, made)
    for layer in network.layers:
        if type(layer) in _PLAIN:
            made.get_layer(layer.name).kernel.assign(kernel_in_effect(layer))
    made.trainable = network.trainable
    return made


def kernel_in_effect(layer):
    """What a built layer multiplies its inputs by: orthogonal, and windowed.

    In the dtype of the layer's variables.
    """
    orthogonal = isinstance(layer, OrthogonalKernel)
    kernel = layer.full_kernel if orthogonal else layer.kernel
    kernel = ops.convert_to_tensor(kernel)
    return layer.windowed(kernel) if isinstance(layer, Apodized) else kernel


def _copy_named_weights(source, target):
    """Copies every weight that a layer and its twin both have."""
    for twin in target.layers:
        if not twin.weights:
            continue
        layer = source.get_layer(twin.name)
        available = {variable.name: variable for variable in layer.weights}
        for variable in twin.weights:
            if variable.name in available:
                variable.assign(available[variable.name])
        if isinstance(twin, OrthogonalKernel):
            twin.reset_gain()

"""The MASO parameters of Keras layers, read off what the layers compute."""

import contextlib
import dataclasses
import math
import re
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
from keras import ops

from dlgn_tf.errors import UserError
from dlgn_tf.inspection.autodiff import double_precision
from dlgn_tf.layers.beta import BetaLayer
from dlgn_tf.models.classifier import listed
from dlgn_tf.splines import composition, measured_layers, parameters
from dlgn_tf.splines.maso import MASO
from dlgn_tf.splines.measured_maps import maps_of


def maso_of_layers(
    layers: Sequence[keras.layers.Layer], input_shape: Sequence[int]
) -> MASO:
    """One operator that computes what layers do in evaluation mode.

    Every layer is called, and what it computes counts, whatever its class and
    options: it may be affine (dense layers, convolutions of any kind, batch
    normalisation, average pooling, padding), take the largest of its inputs
    (pooling, `Maximum`), have two slopes that rise (ReLU, leaky ReLU, PReLU,
    absolute value), or be a soft choice between such (`BetaVQ`,
    `BetaVQPooling`). Together they may be anything that is the largest of
    affine maps.

    Example: `maso_of_layers([convolution, relu, pool], (8, 8, 1))`, or
    `maso_of_layers([keras.Model(x, y)], (8, 8, 1))` of a functional network
    with skips.

    Args:
        layers: Built Keras layers in order; functional networks of one input
            and one output count as layers.
        input_shape: Without the batch dimension.

    Returns:
        `MASO`; its inputs and outputs are flattened, and its `beta` is that of
        the layers.

    Raises:
        UserError: if a layer does something else, if layers together are not
            the largest of affine maps (a convolution with weights < 0 after a
            ReLU is none), or if there are more than fit into memory.
    """
    shape = tuple(input_shape)
    maso = parameters.dense(np.eye(math.prod(shape)))
    # On JAX, also while copies are made and get their weights.
    with double_precision():
        for layer in layers:
            if isinstance(layer, keras.layers.InputLayer):
                continue
            copy = copied(layer, shape)
            if isinstance(copy, keras.Model):
                own = _of_network(copy, maso)
            else:
                own = _composed(copy, copy, [shape], maso)
            maso, shape = own, _output_shape(copy, shape)
    return maso


def copied(
    layer: keras.layers.Layer, shape: tuple[int, ...] | None = None
) -> keras.layers.Layer:
    """A copy in float64, with the layer's weights; `UserError` if it cannot.

    A network knows the shape that enters it, without the batch dimension.
    """
    ends = [getattr(layer, name, ()) for name in ("inputs", "outputs")]
    network = shape is None or isinstance(layer, keras.Model)
    if network and [len(end) for end in ends] != [1, 1]:
        raise UserError(
            "Expected a functional network of one input and one output. "
            f"Received: {layer.name}, a {type(layer).__name__}"
        )
    if shape is None:
        shape = tuple(layer.inputs[0].shape[1:])
    try:
        if isinstance(layer, keras.Model):
            copy = keras.models.clone_model(
                layer, clone_function=measured_layers.in_float64
            )
        else:
            copy = measured_layers.in_float64(layer)
        _output_shape(copy, shape)
    # Whatever a layer or the backend has against it.
    except Exception as error:
        raise UserError(
            f"Expected layers that compute here. Received: layer {layer.name} "
            f"on {shape}, which does not: {_first_line(error)}"
        ) from error
    if len(copy.weights) != len(layer.weights):
        raise UserError(
            f"Expected built layers. Received: layer {layer.name}, which has "
            "no weights yet"
        )
    copy.set_weights(layer.get_weights())
    return copy


def _first_line(error):
    """What Keras says, without its frame and colours."""
    lines = re.sub(r"\x1b\[[0-9]*m", "", str(error)).splitlines()
    lines = [line for line in map(str.strip, lines) if line]
    return lines[min(1, len(lines) - 1)] if lines else type(error).__name__


def _output_shape(layer, shape):
    zeros = ops.zeros((1, *shape), "float64")
    return tuple(layer(zeros).shape[1:])


def _of_network(network, entering):
    """Of a functional network in float64 on the units of an operator."""
    known = {id(network.inputs[0]): entering}
    for step in steps_of(network):
        operators = [known[taken] for taken in step.taken]
        entering = MASO(*composition.stacked(operators))
        made = _composed(step.operation, step.function, step.shapes, entering)
        known[step.made] = made
    return known[id(network.outputs[0])]


@dataclasses.dataclass(frozen=True)
class Step:
    """One operation of a functional network.

    Attributes:
        operation: Layer or other operation of Keras.
        function: What it computes of tensors.
        shapes: Of these tensors, without the batch dimension.
        taken: Identities of the network's tensors that it takes.
        made: Identity of the one that it makes.
    """

    operation: keras.Operation
    function: Callable
    shapes: list[tuple[int, ...]]
    taken: list[int]
    made: int


def steps_of(network: keras.Model) -> Iterator[Step]:
    """The operations of a functional network, in order.

    Raises:
        UserError: if one is used several times, or is itself a network.
    """
    known = {id(network.inputs[0])}
    for operation in network.operations:
        if isinstance(operation, keras.layers.InputLayer):
            continue
        tensors = _inputs(operation, known)
        function = keras.Function(tensors, operation.output)
        known.add(id(operation.output))
        yield Step(
            operation,
            lambda *given, function=function: function(list(given)),
            [tuple(tensor.shape[1:]) for tensor in tensors],
            [id(tensor) for tensor in tensors],
            id(operation.output),
        )
    # Of a layer that is used twice only the first use is among the operations.
    if id(network.outputs[0]) not in known:
        raise UserError(_ONCE.format(network.name))


_ONCE = (
    "Expected a network whose layers are each used once and are no networks. "
    "Received: {}, where that is not so"
)


def _inputs(operation, known):
    taken = listed(operation.input)
    unknown = any(id(tensor) not in known for tensor in taken)
    if unknown or isinstance(operation, keras.Model):
        raise UserError(_ONCE.format(operation.name))
    return taken


def _composed(layer, function, shapes, entering):
    """A layer on the units of an operator."""
    with _named(layer):
        maps = _maps(layer, function, shapes)
        return MASO(*composition.compose(maps, entering))


def maps_of_step(step: Step) -> composition.Maps:
    """What an operation chooses from; of a copy in float64, which is changed.

    Raises:
        UserError: if it is nothing that `maso_of_layers` reads.
    """
    with _named(step.operation):
        return _maps(step.operation, step.function, step.shapes)


@contextlib.contextmanager
def _named(layer):
    """Says of which layer a `UserError` is."""
    try:
        yield
    except UserError as error:
        named = f"layer {layer.name}, a {type(layer).__name__}"
        raise UserError(f"{error}: {named}") from error


def _maps(layer, function, shapes):
    """Of a copy of a layer, which is changed."""
    inputs = sum(map(math.prod, shapes))
    function = measured_layers.flattened(function, shapes)
    if isinstance(layer, BetaLayer):
        beta = np.asarray(ops.convert_to_numpy(layer.beta), "float64")
        layer.initial_beta, layer.beta_mode = 1.0, "fixed"
        maps = maps_of(function, inputs)
        beta = np.tile(beta, len(maps.offsets) // beta.size)
        return dataclasses.replace(maps, beta=beta, entropy=layer.entropy)
    activation = getattr(layer, "activation", None)
    maps = maps_of(function, inputs)
    if maps is None and callable(activation):
        maps = _activated(layer, function, inputs)
    return maps or _refuse(function, inputs)


def _activated(layer, function, inputs):
    """Of an affine layer with a nonlinearity of its own, or None."""
    points = measured_layers.probes(inputs)
    expected = function(points)
    activation, layer.activation = layer.activation, keras.activations.linear
    affine = measured_layers.is_affine(function, inputs)
    matrix, shift = measured_layers.affine_map(function, inputs)
    layer.activation = activation
    nonlinearity = measured_layers.flattened(activation, [shift.shape])
    if not affine:
        return None
    maps = maps_of(nonlinearity, len(shift))
    maps = maps or _refuse(nonlinearity, len(shift))
    maps = maps.after_affine(matrix, shift)
    return maps if measured_layers.agree(maps(points), expected) else None


def _refuse(function, inputs):
    concave = maps_of(lambda x: -function(x), inputs) is not None
    what = "the smallest of affine maps" if concave else "neither"
    raise UserError(
        "Expected layers that are affine, take the largest of their inputs or "
        f"have two slopes that rise. Received: one that is {what}"
    )

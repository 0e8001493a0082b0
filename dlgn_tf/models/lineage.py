"""Checkpoints of resnets-in-tensorflow2, the lineage of these architectures.

The lineage saves the weights of functional Keras 2 models as TensorFlow
checkpoints, `PREFIX.index` and `PREFIX.data-*`. Such a checkpoint knows no
names of layers: it lists them all as `layer-K`, and those with weights a second
time as `layer_with_weights-N`, by their distance from the output and, at equal
distance, the shortcut's before the branch's. Keras 3 lists the layers of a
functional model by the same rule, so the N-th layer with weights here is the
N-th there.

Shapes alone do not say that two networks are the same: ResNet v1 and v2 with
shortcut A have equal weights in equal order. So the places of the layers
without weights (ReLU, addition) among the others are compared too.

What a checkpoint does not say, and so cannot be checked, is what has neither
weights nor a place of its own: whether a preactivated block takes its shortcut
before or after its first ReLU (the networks here do as the lineage does under
the same name), the nonlinearity, the kind of pooling (the VGGs of the lineage
have max pooling, and are refused to a network that has not), and the input
normalisation (the lineage's constants are those of `dlgn_tf.data.catalog`).
"""

import contextlib
import dataclasses
import glob
import os
import pathlib
import re

import keras
import numpy as np

from dlgn_tf.errors import UserError, reason
from dlgn_tf.models.relu import ReLUNetwork
from dlgn_tf.output import files

_OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"

# The lineage's Wide ResNets may have dropout between a preactivated block's
# first convolution and what follows it, which evaluation passes over.
_AFTER_DROPOUT = re.compile(r"group\d+_block\d+_2_bn")


@dataclasses.dataclass(frozen=True)
class _Layer:
    """A layer with weights and its place among those without.

    Attributes:
        name: String, for messages.
        weights: Dict from a weight's name to its variable or value.
        apart: Whether layers without weights stand between the layer with
            weights before it and this one.
    """

    name: str
    weights: dict
    apart: bool

    def __str__(self):
        shapes = (
            f"{name} {'x'.join(map(str, value.shape))}"
            for name, value in sorted(self.weights.items())
        )
        return f"{self.name} with {', '.join(shapes)}"

    def fits(self, other):
        return {k: tuple(v.shape) for k, v in self.weights.items()} == {
            k: tuple(v.shape) for k, v in other.weights.items()
        }


def is_checkpoint(path):
    """Whether files of a TensorFlow checkpoint lie at a prefix."""
    prefix = os.fspath(path)
    parts = glob.glob(f"{glob.escape(prefix)}.data-?????-of-?????")
    return os.path.isfile(f"{prefix}.index") or bool(parts)


def load(path, network):
    """Gives a ReLU network the weights of the lineage's network of its kind.

    Every weight of the checkpoint finds its place and every weight of the
    network is filled, or the network stays as it was.

    Args:
        path: Path-like, prefix of the checkpoint.
        network: `ReLUNetwork` of architecture resnet*, wrn* or vgg*.

    Raises:
        UserError: if the checkpoint is missing or damaged or not of such a
            network (another depth, width, block type, shortcut, number of
            classes), or TensorFlow, which reads it, is not installed.
    """
    if not isinstance(network, ReLUNetwork):
        raise UserError(
            "Expected a ReLU network (family dnn) for a checkpoint of "
            f"resnets-in-tensorflow2. Received: {network.name}"
        )
    if network.activation != "relu":
        raise UserError(
            "Expected activation=relu, which all networks of "
            f"resnets-in-tensorflow2 have. Received: {network.activation}"
        )
    _check_pooling(network)
    wanted = _layers_of(network.network)
    stored = _read(os.fspath(path))
    _check_same(path, network.name, wanted, stored)
    for layer, source in zip(wanted, stored, strict=True):
        for name, variable in layer.weights.items():
            variable.assign(source.weights[name])


def _check_pooling(network):
    pool = keras.layers.AveragePooling2D
    if any(isinstance(layer, pool) for layer in network.network.layers):
        raise UserError(
            "Expected a network with option pooling=max, as the VGGs of "
            "resnets-in-tensorflow2 have it. Received: "
            f"{network.name} with average pooling"
        )


def _layers_of(model):
    """Layers with weights of a functional model, as Keras lists them."""
    return _with_places(
        (layer.name, {v.name: v for v in layer.weights})
        for layer in model.layers
    )


def _with_places(layers):
    """Of `(name, weights)` of all layers, those that have weights."""
    in_order, apart = [], False
    for name, weights in layers:
        if weights:
            in_order.append(_Layer(name, weights, apart))
        apart = not weights
    return in_order


def _check_same(path, name, wanted, stored):
    """Raises a `UserError` unless two lists of layers are of one network."""
    for expected, received in zip(wanted, stored, strict=False):
        if not expected.fits(received):
            raise UserError(
                f"Expected a checkpoint of {name}, {len(wanted)} layers with "
                f"weights, among them {expected}. Received: {path}, "
                f"{len(stored)} layers, in that place {received}"
            )
    if len(wanted) != len(stored):
        raise UserError(
            f"Expected a checkpoint of {name}, {len(wanted)} layers with "
            f"weights. Received: {path}, {len(stored)} layers"
        )
    for expected, received in zip(wanted, stored, strict=True):
        dropout = received.apart and _AFTER_DROPOUT.fullmatch(expected.name)
        if expected.apart != received.apart and not dropout:
            between = {True: "a layer without weights", False: "nothing"}
            raise UserError(
                f"Expected a checkpoint of {name}, where "
                f"{between[expected.apart]} stands before {expected.name}. "
                f"Received: {path}, where {between[received.apart]} does: "
                "another block type"
            )


def _read(prefix):
    """The layers with weights of a checkpoint, their weights as arrays."""
    if not is_checkpoint(prefix):
        raise UserError(
            "Expected the prefix of a TensorFlow checkpoint (what stands "
            f"before .index). Received: {prefix}, where there is none"
        )
    tf, path = _import_tensorflow(), pathlib.Path(prefix)
    with _damage(prefix, tf):
        with files.as_tensorflow_reads_it(path.parent) as folder:
            reader = tf.train.load_checkpoint(str(folder / path.name))
        keys = set(reader.get_variable_to_shape_map())
        if _OBJECT_GRAPH not in keys:
            raise ValueError("it holds no graph of objects")
        listed = _listed_layers(reader.get_tensor(_OBJECT_GRAPH))
        layers = [
            (name, {k: reader.get_tensor(key) for k, key in weights.items()})
            for name, weights in listed
        ]
        _check_complete(keys, listed)
        _check_finite(layers)
    return _with_places(layers)


def _import_tensorflow():
    try:
        import tensorflow
    except ImportError as error:
        raise UserError(
            "Expected TensorFlow to be installed, which reads checkpoints of "
            f"resnets-in-tensorflow2. Received: {error}"
        ) from error
    return tensorflow


@contextlib.contextmanager
def _damage(prefix, tf):
    """Turns what reading may raise into a `UserError`."""
    from google.protobuf.message import DecodeError

    # TensorFlow translates some of its own into Python's.
    damaged = (tf.errors.OpError, LookupError, RuntimeError, ValueError)
    try:
        yield
    except (DecodeError, *damaged) as error:
        raise UserError(
            "Expected a whole checkpoint of resnets-in-tensorflow2. Received: "
            f"{prefix}, {reason(error)}"
        ) from error


def _listed_layers(serialized):
    """All layers in order: `(name, {weight's name: its key})`."""
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    graph = trackable_object_graph_pb2.TrackableObjectGraph()
    graph.ParseFromString(serialized)

    def children(node):
        return {child.local_name: child.node_id for child in node.children}

    def weights(node):
        return {
            name: attribute.checkpoint_key
            for name, place in children(node).items()
            for attribute in graph.nodes[place].attributes
            if attribute.name == "VARIABLE_VALUE"
        }

    model = children(graph.nodes[0])
    if "layer-0" not in model and "model" in model:
        # Written by tf.train.Checkpoint(model=...).
        model = children(graph.nodes[model["model"]])
    names = {place: name for name, place in model.items() if "_with_" in name}
    layers, count = [], 0
    while (place := model.get(f"layer-{count}")) is not None:
        name = names.get(place, f"layer-{count}")
        layers.append((name, weights(graph.nodes[place])))
        count += 1
    if not layers:
        raise ValueError("which lists no layers of a Keras 2 model")
    return layers


def _check_complete(keys, listed):
    """Every weight of a layer is one that a listed layer has."""
    used = {key for _, weights in listed for key in weights.values()}
    left = sorted(
        key
        for key in keys - used
        if key.removeprefix("model/").startswith("layer")
        and ".OPTIMIZER_SLOT" not in key
    )
    if left:
        raise ValueError(f"{len(left)} weights without a layer: {left[0]}")


def _check_finite(layers):
    for name, weights in layers:
        for weight, value in weights.items():
            if not np.isfinite(value).all():
                raise ValueError(f"{name}/{weight} is not finite")

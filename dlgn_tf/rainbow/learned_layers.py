"""The learned layers of a network, in order, and what each of them reads.

Weights are seen as `(neurons, channels, patch)`: a convolution's filter has a
column of channels at each position of its patch, a dense layer on a flattened
map too, and any other dense layer has a patch of one. Alignments act on the
channels alone, the same at every position.

Source: arXiv 2305.18512, section 2; layouts as in the authors' repository.
"""

import dataclasses
import math
import typing
from collections.abc import Sequence

import keras
import numpy as np
from keras import layers
from numpy import ndarray as Array

from dlgn_tf.choices import NETWORKS
from dlgn_tf.errors import UserError, check_choice
from dlgn_tf.models.classifier import (
    ImageClassifier,
    copied,
    listed,
    single_networks,
)
from dlgn_tf.models.orthogonal import folded

if typing.TYPE_CHECKING:
    from dlgn_tf.models.relu import ReLUNetwork


@dataclasses.dataclass(frozen=True)
class LearnedLayer:
    """A dense layer or a convolution.

    Attributes:
        label: The layer's name, behind `gating/` or `value/` in a gated
            network.
        layer: Keras layer.
        source: Keras tensor `(batch, ..., channels)` that it reads; the map
            itself where that is flattened in between, unless maps are taken
            whole.
        network: Name of the network it is in.
        reads_input: Whether it reads the network's input, with no learned
            layer before it, which needs no alignment.
    """

    label: str
    layer: layers.Layer
    source: keras.KerasTensor
    network: str
    reads_input: bool

    @property
    def neurons(self) -> int:
        return self.layer.kernel.shape[-1]

    @property
    def channels(self) -> int:
        return self.source.shape[-1]

    @property
    def patch(self) -> int:
        return math.prod(self.layer.kernel.shape[:-1]) // self.channels

    @property
    def dimension(self) -> int:
        """Channels times patch, the dimension D of what a neuron reads."""
        return self.channels * self.patch

    @property
    def signature(self) -> tuple[str, int]:
        """What two layers must share to be compared: not their widths."""
        return type(self.layer).__name__, self.patch

    @property
    def weights(self) -> Array:
        """float64 array `(neurons, channels, patch)`."""
        kernel = np.asarray(self.layer.kernel, np.float64)
        by_patch = kernel.reshape(self.patch, self.channels, self.neurons)
        return by_patch.transpose(2, 1, 0)

    @property
    def matrix(self) -> Array:
        """Weights as float64 array `(neurons, dimension)`, channels first."""
        return self.weights.reshape(self.neurons, -1)

    @property
    def bias(self) -> Array | None:
        """float64 array `(neurons,)`, or None."""
        if not self.layer.use_bias:
            return None
        return np.asarray(self.layer.bias, np.float64)

    def assign(self, weights: Array) -> None:
        """Sets the weights, an array `(neurons, channels, patch)`.

        Raises:
            ValueError: if it has another shape.
        """
        kernel = self.layer.kernel
        weights = np.asarray(weights)
        expected = (self.neurons, self.channels, self.patch)
        if weights.shape != expected:
            raise ValueError(
                f"Expected weights of {self.label} of shape {expected}. "
                f"Received: shape {weights.shape}"
            )
        kernel.assign(weights.transpose(2, 1, 0).reshape(kernel.shape))

    def patches(self, activations: Array) -> Array:
        """What each neuron is multiplied by, at every position.

        Of activations `(batch, ..., channels)` of `source`: array `(positions,
        dimension)`, in the order of `matrix`.
        """
        if isinstance(self.layer, layers.Conv2D):
            taken = keras.ops.image.extract_patches(
                activations,
                self.layer.kernel_size,
                strides=self.layer.strides,
                dilation_rate=self.layer.dilation_rate,
                padding=self.layer.padding,
                data_format="channels_last",
            )
            taken = keras.ops.convert_to_numpy(taken)
        else:
            taken = np.asarray(activations)
        by_patch = taken.reshape(-1, self.patch, self.channels)
        return by_patch.transpose(0, 2, 1).reshape(-1, self.dimension)


@dataclasses.dataclass(frozen=True)
class Normalization:
    """A batch normalisation, which a change of what comes before it upsets.

    Attributes are as those of `LearnedLayer`; `neurons_of` are labels of the
    learned layers whose neurons its channels are: the last ones on each way
    that leads to it.
    """

    label: str
    layer: layers.BatchNormalization
    source: keras.KerasTensor
    network: str
    neurons_of: tuple[str, ...]


class LayeredNetwork:
    """A network with its learned layers, from input to output.

    Args:
        model: `ReLUNetwork` or `GatedNetwork` of the zoo, or a functional
            `keras.Model` of one input and one output. A gated network's
            gating network comes first. Orthogonal filters are folded into
            plain kernels.
        network: `"gating"` or `"value"`, to see one network of a gated model
            alone. Defaults to `None`: all.
        whole_maps: Whether a dense layer on a flattened map is seen as one that
            reads a vector, whose alignment mixes positions, as in the authors'
            tutorial. Defaults to `False`: it has a patch.

    Attributes:
        model: The model; the same, but for folded kernels.
        whole_maps: As given.
        parts: Tuple of `LearnedLayer` and `Normalization`, every one after
            those it depends on.

    Raises:
        UserError: if the model is of another kind, or has no learned layer.
    """

    def __init__(
        self,
        model: "ReLUNetwork",
        network: str | None = None,
        whole_maps: bool = False,
    ) -> None:
        _check_network(model, network)
        self.whole_maps = whole_maps
        self.model = folded(model) if _of_zoo(model) else model
        self._networks = _functional_networks(self.model)
        self.parts = tuple(
            part
            for name, functional in self._networks.items()
            if network in (None, name)
            for part in _parts(functional, name, whole_maps)
        )
        if not self.layers:
            raise UserError(
                "Expected a network with a dense layer or a convolution. "
                f"Received: {model.name}, which has none"
            )
        self._readers: dict = {}

    @property
    def layers(self) -> tuple[LearnedLayer, ...]:
        """The parts that are learned layers."""
        return tuple(p for p in self.parts if isinstance(p, LearnedLayer))

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(layer.label for layer in self.layers)

    @property
    def hidden(self) -> tuple[str, ...]:
        """Labels of all layers but the classifier."""
        return tuple(x for x in self.labels if x != self.classifier)

    @property
    def widths(self) -> tuple[int, ...]:
        """How many neurons each layer has, a tuple."""
        return tuple(layer.neurons for layer in self.layers)

    def __getitem__(self, label):
        for layer in self.layers:
            if layer.label == label:
                return layer
        raise UserError(
            f"Expected a learned layer, one of {', '.join(self.labels)}. "
            f"Received: {label}"
        )

    @property
    def classifier(self) -> str | None:
        """Label of the layer that makes the logits, or None in a gating one."""
        last = self.layers[-1]
        return last.label if last.network == list(self._networks)[-1] else None

    def read(self, images: Array, parts: Sequence[LearnedLayer]) -> list[Array]:
        """What parts of the network read of a batch, in evaluation mode.

        Returns:
            One float array `(batch, ..., channels)` per part.
        """
        values: dict = {}
        for name in dict.fromkeys(part.network for part in parts):
            here = [part for part in parts if part.network == name]
            read = self._reader(name, here)
            taken = listed(read(self._inputs(name, images), training=False))
            values |= {
                id(part): keras.ops.convert_to_numpy(value)
                for part, value in zip(here, taken, strict=True)
            }
        return [values[id(part)] for part in parts]

    def _reader(self, name, parts):
        key = (name, *(part.label for part in parts))
        if key not in self._readers:
            self._readers[key] = keras.Model(
                self._networks[name].inputs, [part.source for part in parts]
            )
        return self._readers[key]

    def _inputs(self, name, images):
        """What enters one of the networks."""
        model = self.model
        if not _of_zoo(model):
            inputs = self._networks[name].inputs
            return [images] if isinstance(inputs, list) else images
        if name == "value":
            return model.entering(images)
        return model.normalization(images)

    def copy(self) -> "LayeredNetwork":
        """A new `LayeredNetwork` of a copy of the whole model."""
        return LayeredNetwork(copy_of(self.model), self._only, self.whole_maps)

    @property
    def _only(self):
        seen = {part.network for part in self.parts}
        return None if len(seen) == len(self._networks) else seen.pop()


def copy_of(model: keras.Model) -> keras.Model:
    """A model of the same kind, structure and weights, which shares nothing."""
    if _of_zoo(model):
        return model.with_networks(copied)
    return copied(model)


def _of_zoo(model):
    return isinstance(model, ImageClassifier)


def _check_network(model, network):
    if network is None:
        return
    check_choice("network", network, NETWORKS)
    if not (_of_zoo(model) and model.gated):
        raise UserError(
            "Expected a gated network, which has a gating and a value network. "
            f"Received: network={network} with {model.name}"
        )


def _functional_networks(model):
    """Dict from a network's name to the functional model."""
    if _of_zoo(model):
        return single_networks(model)
    inputs = getattr(model, "inputs", None)
    if not inputs or len(inputs) != 1:
        raise UserError(
            "Expected a ReLU network, a gated network, or a functional model "
            f"with one input. Received: a {type(model).__name__}"
        )
    return {"network": model}


def _parts(network, name, whole_maps):
    makers = {id(layer.output): layer for layer in _computing(network)}
    prefix = f"{name}/" if name in NETWORKS else ""
    for layer in _computing(network):
        label = f"{prefix}{layer.name}"
        before = tuple(dict.fromkeys(_last_learned(layer, makers)))
        if _learned(layer):
            source = layer.input
            if not whole_maps:
                source = _unflattened(source, makers)
            yield LearnedLayer(label, layer, source, name, not before)
        elif isinstance(layer, layers.BatchNormalization):
            owners = tuple(prefix + x.name for x in before)
            yield Normalization(label, layer, layer.input, name, owners)


def _computing(network):
    return [x for x in network.layers if not isinstance(x, layers.InputLayer)]


def _learned(layer):
    # A depthwise convolution is none of these.
    if isinstance(layer, layers.Conv2D) and layer.groups > 1:
        raise UserError(
            "Expected convolutions of one group. Received: "
            f"{layer.groups} groups in {layer.name}"
        )
    return isinstance(layer, (layers.Dense, layers.Conv2D))


def _unflattened(tensor, makers):
    maker = makers.get(id(tensor))
    return maker.input if isinstance(maker, layers.Flatten) else tensor


def _last_learned(layer, makers):
    for tensor in listed(layer.input):
        maker = makers.get(id(tensor))
        if maker is None:
            continue
        if _learned(maker):
            yield maker
        else:
            yield from _last_learned(maker, makers)

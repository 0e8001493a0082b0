"""Gradients of one logit in every weight, image by image.

Each image goes forward and back alone, through one graph, at the speed of a
training step. The scalar product of two images' gradients then needs no
gradient at all where a kernel is applied in few places: for a dense layer it is
that of the inputs times that of the derivatives in the outputs.
"""

import collections
import dataclasses
import math
import typing

import keras
import numpy as np
from numpy import ndarray as Array

from dlgn_tf.command import startup
from dlgn_tf.dual.coverage import unusual_options
from dlgn_tf.dual.gradient_factors import Factors, bytes_of_pass
from dlgn_tf.models.classifier import listed, single_networks
from dlgn_tf.models.functional import calls_of
from dlgn_tf.models.graphs import graph_of

if typing.TYPE_CHECKING:
    from dlgn_tf.models.relu import ReLUNetwork


tf = startup.tensorflow()


class ExampleGradients:
    """The gradients of a model, a `ReLUNetwork` or `GatedNetwork`.

    Frozen networks count as constants. Batch normalisations use their moving
    statistics. A `UserError` refuses models of other kinds.

    Attributes:
        networks: The networks' names: `"network"` of a ReLU network,
            `"gating"` and `"value"` of a gated one.
        size: Integer, float64 numbers an image that a call returns.
        bytes_within: Integer, what a call needs besides.
        pairs: Integer, float64 numbers a pair of images that the largest
            `Factors.gram` needs.
    """

    def __init__(self, model: "ReLUNetwork") -> None:
        networks = single_networks(model)
        self._model = model
        self.networks = tuple(networks)
        self._tapped = {name: _Tapped(n) for name, n in networks.items()}
        tapped = self._tapped.values()
        self.size = sum(t.size for t in tapped)
        self.bytes_within = sum(map(bytes_of_pass, networks.values()))
        self.pairs = max(max(t.pairs for t in tapped), 1)
        self._classes = model.classes
        self._graph = graph_of(self._tensors)

    def __call__(self, images: Array, logit: int) -> dict:
        """`Factors` by (network, layer, weight) of a batch of stored images.

        `logit` says which logit; `"sum"`, the sum of all.
        """
        chosen = np.ones(self._classes, "float32")
        if logit != "sum":
            chosen = np.eye(self._classes, dtype="float32")[logit]
        of_images = [
            self._graph(tf.convert_to_tensor(images[i : i + 1]), chosen)
            for i in range(len(images))
        ]
        return {
            key: _joined([tensors[key] for tensors in of_images])
            for key in of_images[0]
        }

    def _tensors(self, image, chosen):
        """The tensors of each weight's `Factors`, of one image.

        Logits are multiplied by `chosen`, `(classes,)`, and summed.
        """
        taps = {}
        with tf.GradientTape() as tape:
            logits = self._forward(image, taps)
            total = tf.reduce_sum(logits * tf.cast(chosen, logits.dtype))
        sources = {
            name: (tapped.summed, taps[name].leaving)
            for name, tapped in self._tapped.items()
        }
        gradients = tape.gradient(total, sources)
        return {
            (name, *key): tensors
            for name, tapped in self._tapped.items()
            for key, tensors in tapped.factors(*gradients[name], taps[name])
        }

    def _forward(self, image, taps):
        """The logits, keeping what every network made on the way."""
        pixels = self._model.normalization(image)
        if not self._model.gated:
            last = taps["network"] = self._tapped["network"](pixels)
        else:
            gating = taps["gating"] = self._tapped["gating"](pixels)
            last = taps["value"] = self._tapped["value"](
                self._model.value_inputs(pixels, gating.outputs)
            )
        return last.outputs[0]


@dataclasses.dataclass(frozen=True)
class _Taps:
    """A forward pass: outputs, and some layers' inputs and outputs."""

    outputs: list
    entering: list
    leaving: list


class _Tapped:
    """A network that also returns what enters and leaves some layers.

    Those are the layers in whose kernel gradients stay in two factors. In all
    other weights they are gradients in full.
    """

    def __init__(self, network):
        # What a layer that is called again takes is none of its attributes.
        calls = collections.Counter(id(x.operation) for x in calls_of(network))
        self._factored = [
            layer
            for layer in network.layers
            if calls[id(layer)] == 1 and _factors_are_fewer(layer)
        ]
        of_factors = {id(layer.kernel) for layer in self._factored}
        self.summed = {
            (layer.name, variable.name): variable
            for layer in network.layers
            for variable in layer.trainable_variables
            if id(variable) not in of_factors
        }
        in_full = sum(math.prod(v.shape) for v in self.summed.values())
        counts = [_counts(layer) for layer in self._factored]
        self.size = in_full + sum(p * (i + o) for p, i, o in counts)
        self.pairs = max((2 * places**2 for places, _, _ in counts), default=0)
        self._outputs = len(network.outputs)
        self._model = keras.Model(
            network.inputs,
            [
                *network.outputs,
                *(layer.input for layer in self._factored),
                *(layer.output for layer in self._factored),
            ],
        )

    def __call__(self, inputs):
        tensors = listed(self._model(inputs, training=False))
        outputs, taps = tensors[: self._outputs], tensors[self._outputs :]
        count = len(self._factored)
        return _Taps(list(outputs), list(taps[:count]), list(taps[count:]))

    def factors(self, gradients, deltas, taps):
        """Yields `((layer, weight), tensors)` for every weight.

        `gradients` are those in the weights of `summed`, `deltas` the
        derivatives in what leaves the other layers.
        """
        for key, gradient in gradients.items():
            gradient = _or_zeros(gradient, self.summed[key])
            yield key, (tf.reshape(gradient, (1, -1)),)
        layers = zip(
            self._factored, taps.entering, taps.leaving, deltas, strict=True
        )
        for layer, entering, leaving, delta in layers:
            delta = _or_zeros(delta, leaving)
            tensors = _patches(layer, entering), _places(delta)
            yield (layer.name, layer.kernel.name), tensors


def _factors_are_fewer(layer):
    """Whether scalar products cost less with a kernel's gradients in factors.

    For two images they take `inputs * outputs` multiplications with gradients
    in full, `places^2 (inputs + outputs)` with factors.
    """
    # What derives from them (orthogonal or apodized filters) multiplies its
    # inputs by something else than its weight.
    if type(layer) not in (keras.layers.Conv2D, keras.layers.Dense):
        return False
    # What leaves it is not its kernel times patches, or not of these patches.
    if not layer.kernel.trainable or unusual_options(layer):
        return False
    places, inputs, outputs = _counts(layer)
    return places**2 * (inputs + outputs) <= inputs * outputs


def _counts(layer):
    """Places where a kernel is applied, and its inputs and outputs at each."""
    *window, channels, outputs = layer.kernel.shape
    places = math.prod(layer.output.shape[1:-1])
    return places, math.prod(window) * channels, outputs


def _patches(layer, entering):
    """What the layer's kernel sees, `(1, places, inputs)`."""
    if not isinstance(layer, keras.layers.Conv2D):
        return _places(entering)
    steps = zip(
        entering.shape[1:3],
        layer.output.shape[1:3],
        layer.kernel_size,
        layer.strides,
        layer.dilation_rate,
        strict=True,
    )
    padding, slices = [], []
    for size, count, window, stride, dilation in steps:
        span = (window - 1) * dilation + 1
        missing = max((count - 1) * stride + span - size, 0)
        # None is missing without padding.
        padding.append([missing // 2, missing - missing // 2])
        slices.append(
            [
                slice(first, first + stride * (count - 1) + 1, stride)
                for first in range(0, span, dilation)
            ]
        )
    padded = tf.pad(entering, [[0, 0], *padding, [0, 0]])
    shifted = [
        padded[:, rows, columns] for rows in slices[0] for columns in slices[1]
    ]
    return _places(tf.concat(shifted, axis=-1))


def _or_zeros(gradient, source):
    """The gradient; zeros where none comes through, as behind hard gates."""
    if gradient is None:
        return tf.zeros(source.shape, source.dtype)
    return tf.convert_to_tensor(gradient)


def _places(tensor):
    """`(1, ..., channels)` -> `(1, places, channels)`."""
    return tf.reshape(tensor, (1, -1, tensor.shape[-1]))


def _joined(of_images):
    """`Factors` of the tensors of single images."""
    return Factors(
        *(
            np.concatenate(parts, dtype="float64")
            for parts in zip(*of_images, strict=True)
        )
    )

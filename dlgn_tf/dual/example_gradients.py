"""Gradients of one logit in every weight, for each image of a batch.

One forward and one backward pass serve a whole batch, since images do not mix
in evaluation mode: they give what enters each layer and the derivative of the
logit in what leaves it, and a weight's gradient for an image is the product of
the two, summed over the places that share the weight. Two gradients' scalar
product then needs no gradient at all where there are few places: for a dense
layer it is that of the inputs times that of the derivatives.
"""

import dataclasses
import math

import keras
import numpy as np
import tensorflow as tf

from dlgn_tf.errors import UserError
from dlgn_tf.models.ensemble import EnsembleNetwork
from dlgn_tf.models.gated import GatedNetwork
from dlgn_tf.models.relu import ReLUNetwork

LAYERS = (
    keras.layers.Conv2D,
    keras.layers.Dense,
    keras.layers.BatchNormalization,
)
# TensorFlow holds a layer's input, its output, the derivatives in both, and
# while it computes a copy of one of them.
_TENSORS_HELD = 5


@dataclasses.dataclass(frozen=True)
class Kernel:
    """Gradients in the kernel of a dense layer or a convolution.

    Attributes:
        places: Integer. Where the kernel is applied: 1 for a dense layer.
        inputs: Integer, what it sees at each place.
        outputs: Integer, units or filters.
    """

    places: int
    inputs: int
    outputs: int

    @property
    def summed(self):
        """Whether gradients are summed over places, or kept in two factors.

        Two images' scalar product takes `inputs * outputs` multiplications of
        summed gradients, `places^2 (inputs + outputs)` of factors.
        """
        apart = self.places**2 * (self.inputs + self.outputs)
        return apart > self.inputs * self.outputs

    @property
    def size(self):
        """Numbers an image."""
        if self.summed:
            return self.inputs * self.outputs
        return self.places * (self.inputs + self.outputs)

    def factors(self, patches, deltas):
        """From `(batch, places, ...)` to a `Factors`."""
        if self.summed:
            gradients = tf.matmul(patches, deltas, transpose_a=True)
            return Factors(_flat(gradients))
        return Factors(_float64(patches), _float64(deltas))


@dataclasses.dataclass(frozen=True)
class Factors:
    """What the scalar products of gradients in one weight follow from.

    Attributes:
        left: float64 array `(batch, size)`, the gradients; or `(batch, places,
            inputs)`.
        right: None; or float64 array `(batch, places, outputs)`: gradients are
            the products of both, summed over places.
    """

    left: np.ndarray
    right: np.ndarray | None = None

    def __getitem__(self, images):
        right = None if self.right is None else self.right[images]
        return Factors(self.left[images], right)

    def gram(self, others):
        """Scalar products with the gradients of others, `(n, m)`."""
        if self.right is None:
            return self.left @ others.left.T
        product = _pairs(self.left, others.left)
        product *= _pairs(self.right, others.right)
        return product.sum(axis=(1, 3))

    def squares(self):
        """Each image's gradient with itself, `(n,)`."""
        if self.right is None:
            return np.einsum("ni,ni->n", self.left, self.left)
        products = [
            factor @ factor.transpose(0, 2, 1)
            for factor in (self.left, self.right)
        ]
        return np.einsum("npq,npq->n", *products)


def joined(parts):
    """Factors of the images of several, one after the other."""
    first = parts[0]
    right = None
    if first.right is not None:
        right = np.concatenate([part.right for part in parts])
    return Factors(np.concatenate([part.left for part in parts]), right)


class ExampleGradients:
    """The gradients of a model, batch by batch.

    Frozen networks count as constants. Batch normalisations use their moving
    statistics.

    Args:
        model: `ReLUNetwork` or `GatedNetwork`.

    Attributes:
        networks: The networks' names: `"network"` of a ReLU network,
            `"gating"` and `"value"` of a gated one.
        size: Integer, float64 numbers an image that a call returns.
        bytes_within: Integer, bytes an image that a call needs besides.
        pairs: Integer, float64 numbers a pair of images that the largest
            `Factors.gram` needs.

    Raises:
        UserError: if the model is of another kind, or has weights in a layer
            that is none of `LAYERS`.
    """

    def __init__(self, model):
        if isinstance(model, EnsembleNetwork) or not isinstance(
            model, ReLUNetwork | GatedNetwork
        ):
            raise UserError(
                "Expected a single network of the zoo: a ReLU network or a "
                f"gated one. Received: {type(model).__name__} {model.name}"
            )
        self._model = model
        if isinstance(model, ReLUNetwork):
            networks = {"network": model.network}
        else:
            networks = {
                "gating": model.gating_network,
                "value": model.value_network,
            }
        self._tapped = {name: _Tapped(n) for name, n in networks.items()}
        self.networks = tuple(networks)
        kernels = [k for t in self._tapped.values() for k in t.kernels.values()]
        self.size = sum(tapped.size for tapped in self._tapped.values())
        self.bytes_within = sum(t.bytes_within for t in self._tapped.values())
        self.pairs = max(
            [2 * k.places**2 for k in kernels if not k.summed] + [1]
        )

    def __call__(self, images, logit):
        """Computes a batch.

        Args:
            images: Array `(batch, height, width, channels)` as stored.
            logit: Integer, which logit; or `"sum"`, the sum of all.

        Returns:
            Dict from (network, layer, weight) to `Factors`.
        """
        records = {}
        with tf.GradientTape() as tape:
            logits = self._forward(images, records)
            total = tf.reduce_sum(
                logits if logit == "sum" else logits[:, logit]
            )
        leaving = {name: record.leaving for name, record in records.items()}
        # Nothing passes a hard gate.
        deltas = tape.gradient(total, leaving, unconnected_gradients="zero")
        return {
            (name, *key): factors
            for name, record in records.items()
            for key, factors in self._tapped[name].factors(
                record.entering, deltas[name]
            )
        }

    def _forward(self, images, records):
        """The logits, keeping what every network made on the way."""
        pixels = self._model.normalization(images)
        if isinstance(self._model, ReLUNetwork):
            last = records["network"] = self._tapped["network"](pixels)
        else:
            gating = records["gating"] = self._tapped["gating"](pixels)
            last = records["value"] = self._tapped["value"](
                self._model.value_inputs(pixels, gating.outputs)
            )
        return last.outputs[0]


@dataclasses.dataclass(frozen=True)
class _Record:
    """A forward pass: outputs, and each weight layer's input and output."""

    outputs: list
    entering: list
    leaving: list


class _Tapped:
    """A network that also returns what enters and leaves its layers."""

    def __init__(self, network):
        self.layers = [x for x in network.layers if x.trainable_variables]
        for layer in self.layers:
            _check(layer)
        self.kernels = {
            layer.name: _kernel_of(layer)
            for layer in self.layers
            if not isinstance(layer, keras.layers.BatchNormalization)
        }
        self._outputs = len(network.outputs)
        self._model = keras.Model(
            network.inputs,
            [
                *network.outputs,
                *(layer.input for layer in self.layers),
                *(layer.output for layer in self.layers),
            ],
        )
        vectors = sum(
            variable.shape[0]
            for layer in self.layers
            for variable in layer.trainable_variables
            if len(variable.shape) == 1
        )
        self.size = vectors + sum(k.size for k in self.kernels.values())
        self.bytes_within = _bytes_within(network, self.kernels.values())

    def __call__(self, inputs):
        tensors = self._model(inputs, training=False)
        outputs, taps = tensors[: self._outputs], tensors[self._outputs :]
        count = len(self.layers)
        return _Record(list(outputs), taps[:count], taps[count:])

    def factors(self, entering, deltas):
        """Yields `((layer, weight), Factors)` for every weight."""
        layers = zip(self.layers, entering, deltas, strict=True)
        for layer, before, delta in layers:
            places = _places(delta)
            bias = getattr(layer, "bias", None)
            if layer.name not in self.kernels:
                yield from _normalization_factors(layer, before, places)
                continue
            patches = _patches(layer, before)
            kernel = self.kernels[layer.name]
            yield (layer.name, "kernel"), kernel.factors(patches, places)
            if bias is not None:
                summed = tf.reduce_sum(places, axis=1)
                yield (layer.name, "bias"), Factors(_float64(summed))


def _check(layer):
    grouped = getattr(layer, "groups", 1) != 1
    if not isinstance(layer, LAYERS) or grouped:
        raise UserError(
            "Expected weights in dense layers, convolutions without groups "
            "and batch normalisations. Received: layer "
            f"{layer.name!r}, a {type(layer).__name__}"
        )


def _kernel_of(layer):
    *window, inputs, outputs = layer.kernel.shape
    places = math.prod(layer.output.shape[1:-1])
    return Kernel(places, math.prod(window) * inputs, outputs)


def _bytes_within(network, kernels):
    """What a forward and backward pass of one image needs, from above."""
    numbers = 0
    for layer in network.layers:
        for tensor in keras.tree.flatten(layer.output):
            numbers += _TENSORS_HELD * math.prod(tensor.shape[1:])
    # The patches of one convolution at a time.
    numbers += 2 * max((k.places * k.inputs for k in kernels), default=0)
    return 8 * numbers


def _normalization_factors(layer, before, deltas):
    deviation = tf.sqrt(layer.moving_variance + layer.epsilon)
    if layer.scale and layer.gamma.trainable:
        normalized = (_places(before) - layer.moving_mean) / deviation
        of_gamma = tf.reduce_sum(normalized * deltas, axis=1)
        yield (layer.name, "gamma"), Factors(_float64(of_gamma))
    if layer.center and layer.beta.trainable:
        of_beta = tf.reduce_sum(deltas, axis=1)
        yield (layer.name, "beta"), Factors(_float64(of_beta))


def _patches(layer, before):
    """What the layer's kernel sees, `(batch, places, inputs)`."""
    if not isinstance(layer, keras.layers.Conv2D):
        return _places(before)
    sizes = before.shape[1:3]
    spans = [
        (k - 1) * d + 1
        for k, d in zip(layer.kernel_size, layer.dilation_rate, strict=True)
    ]
    counts = layer.output.shape[1:3]
    padding = [[0, 0], [0, 0], [0, 0], [0, 0]]
    if layer.padding == "same":
        steps = zip(counts, layer.strides, spans, sizes, strict=True)
        missing = [max((c - 1) * s + k - n, 0) for c, s, k, n in steps]
        padding[1:3] = [[m // 2, m - m // 2] for m in missing]
    padded = tf.pad(before, padding)
    shifted = [
        padded[:, rows, columns]
        for rows in _slices(layer, 0, counts[0])
        for columns in _slices(layer, 1, counts[1])
    ]
    return _places(tf.concat(shifted, axis=-1))


def _slices(layer, axis, count):
    """Where each row (column) of the window lies, for all places at once."""
    stride, step = layer.strides[axis], layer.dilation_rate[axis]
    starts = [step * i for i in range(layer.kernel_size[axis])]
    return [slice(a, a + stride * (count - 1) + 1, stride) for a in starts]


def _places(tensor):
    """`(batch, ..., channels)` -> `(batch, places, channels)`."""
    if tensor.dtype in (tf.float16, tf.bfloat16):
        tensor = tf.cast(tensor, tf.float32)
    places = math.prod(tensor.shape[1:-1])
    return tf.reshape(tensor, (-1, places, tensor.shape[-1]))


def _flat(tensor):
    return _float64(tf.reshape(tensor, (tensor.shape[0], -1)))


def _float64(tensor):
    return np.asarray(tensor, "float64")


def _pairs(first, second):
    """Scalar products of all images at all places, `(n, p, m, q)`."""
    shapes = (*first.shape[:2], *second.shape[:2])
    rows, columns = (x.reshape(-1, x.shape[-1]) for x in (first, second))
    return (rows @ columns.T).reshape(shapes)

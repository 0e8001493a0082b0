"""The outputs of tiny networks as polynomials in their weights.

Each unit is a dict from a monomial, the sorted weights of a bundle of paths, to
its coefficient for each of n images, `(n,)`: what paths that share all weights
bring. It is written from the definitions, one number after the other.
"""

import collections
import itertools
import typing
from typing import Any

import keras
import numpy as np
from numpy import ndarray as Array

from dlgn_tf.errors import UserError
from dlgn_tf.models.functional import calls_of

if typing.TYPE_CHECKING:
    from dlgn_tf.models.classifier import ImageClassifier


class Polynomials:
    """The first logit of a model, gates and choices of max pooling held.

    Args:
        model: `GatedNetwork` or `ReLUNetwork` of a few units; there is a method
            for each kind of layer that it may have.
        images: Array `(n, height, width, channels)`.
        biases: Boolean. Whether biases and shifts of batch normalisation are
            inputs too.

    Raises:
        UserError: naming a layer of another kind.

    Attributes:
        variance: Dict from a weight layer's name to what the kernel of the
            normalised weights has, 1 / inputs of a unit.
    """

    def __init__(
        self, model: "ImageClassifier", images: Array, biases: bool = False
    ) -> None:
        self.biases = biases
        self.variance: dict[str, float] = {}
        self.count = len(images)
        network = model.logits_network
        entering = model.entering(images)
        sites = {model.layer_at(x).name: x for x in model.site_names}
        gates = {k: np.asarray(v) for k, v in model.gates(images).items()}
        first = np.asarray(entering[0], "float64")
        tensors = {id(network.inputs[0]): of_array(first)}
        for node in calls_of(network):
            layer = node.operation
            taken = [tensors.get(id(x)) for x in node.input_tensors]
            if layer.name in sites:
                gate = of_array(gates[sites[layer.name]])
                made = entrywise(taken[0], gate)
            elif isinstance(layer, keras.layers.MaxPooling2D):
                tapped = keras.Model(network.inputs, layer.input)
                values = np.asarray(tapped(entering, training=False))
                made = self.max_pooling(layer, taken[0], values)
            else:
                made = self._kind(layer)(layer, *taken)
            tensors[id(node.outputs[0])] = made
        self.logit = tensors[id(network.outputs[0])][0]

    def _kind(self, layer):
        kind = type(layer).__name__
        method = getattr(self, kind, None)
        if method is None:
            raise UserError(
                "Expected layers of tiny networks, of kinds that are "
                f"enumerated. Received: {layer.name}, a {kind}"
            )
        return method

    def kernel(
        self,
        variance: dict[str, float] | None = None,
        derivative: bool = False,
    ) -> Array:
        """Covariance if weights have these variances, by name, or its
        derivative in all of them, summed.
        """
        variance = variance or self.variance
        total: Any = 0
        for monomial, coefficient in self.logit.items():
            of_weights = [variance[name] for name, *_ in monomial]
            weight = np.prod(of_weights)
            if derivative:
                weight *= np.sum(1 / np.array(of_weights))
            total = total + weight * np.outer(coefficient, coefficient)
        return total

    def weighted(self, name, terms):
        """Sum of units times weights, given by what tells them apart."""
        total = collections.defaultdict(lambda: np.zeros(self.count))
        for unit, *weight in terms:
            for monomial, coefficient in unit.items():
                total[(*monomial, (name, *weight))] += coefficient
        return dict(total)

    def note_variance(self, layer, tensor, places, channels):
        fixed = all(set(unit) <= {()} for unit in tensor.reshape(-1))
        self.variance[layer.name] = 1 / (places * (1 if fixed else channels))

    def biased(self, layer, made):
        if self.biases and layer.use_bias:
            ones = np.ones((self.count, *made.shape))
            made = plus(made, of_array(ones * np.asarray(layer.bias)))
        return made

    def Dense(self, layer, tensor):
        self.note_variance(layer, tensor, 1, tensor.shape[-1])
        made = empty((*tensor.shape[:-1], layer.units))
        for *p, o in np.ndindex(made.shape):
            terms = [(u, i, o) for i, u in enumerate(tensor[tuple(p)])]
            made[(*p, o)] = self.weighted(layer.name, terms)
        return self.biased(layer, made)

    def Conv2D(self, layer, tensor):
        each = tensor.shape[-1] // layer.groups
        self.note_variance(layer, tensor, np.prod(layer.kernel_size), each)
        made = empty(layer.output.shape[1:])
        for y, x, o in np.ndindex(made.shape):
            group = o // (made.shape[-1] // layer.groups)
            terms = [
                (tensor[q][group * each + i], place, i, o)
                for place, q in seen(layer, tensor, (y, x))
                for i in range(each)
            ]
            made[y, x, o] = self.weighted(layer.name, terms)
        return self.biased(layer, made)

    def DepthwiseConv2D(self, layer, tensor):
        made = self._depthwise(layer, tensor, layer.name)
        return self.biased(layer, made)

    def SeparableConv2D(self, layer, tensor):
        between = self._depthwise(layer, tensor, f"{layer.name} depthwise")
        name = f"{layer.name} pointwise"
        self.variance[name] = 1 / between.shape[-1]
        made = empty((*between.shape[:-1], layer.filters))
        for *p, o in np.ndindex(made.shape):
            terms = [(u, i, o) for i, u in enumerate(between[tuple(p)])]
            made[(*p, o)] = self.weighted(name, terms)
        return self.biased(layer, made)

    def _depthwise(self, layer, tensor, name):
        self.variance[name] = 1 / np.prod(layer.kernel_size)
        space, each = layer.output.shape[1:3], layer.depth_multiplier
        made = empty((*space, tensor.shape[-1] * each))
        for y, x, o in np.ndindex(made.shape):
            terms = [
                (tensor[q][o // each], place, o)
                for place, q in seen(layer, tensor, (y, x))
            ]
            made[y, x, o] = self.weighted(name, terms)
        return made

    def BatchNorm(self, layer, tensor):
        gamma, beta, mean, variance = map(np.asarray, layer.get_weights())
        scale = gamma / np.sqrt(variance + layer.epsilon)
        ones = np.ones((self.count, *tensor.shape))
        made = entrywise(tensor, of_array(ones * scale))
        if self.biases:
            made = plus(made, of_array(ones * (beta - mean * scale)))
        return made

    BatchNormalization = BatchNorm

    def Add(self, _, *tensors):
        made = tensors[0]
        for other in tensors[1:]:
            made = plus(made, other)
        return made

    def Average(self, layer, *tensors):
        factor = np.array(1 / len(tensors))
        return np.frompyfunc(lambda u: scaled(u, factor), 1, 1)(
            self.Add(layer, *tensors)
        )

    def Concatenate(self, _, *tensors):
        return np.concatenate(tensors, axis=-1)

    def AveragePooling2D(self, layer, tensor):
        made = empty(layer.output.shape[1:])
        for y, x, c in np.ndindex(made.shape):
            units = [tensor[q][c] for q in pooled(layer, tensor, (y, x))]
            made[y, x, c] = mean(units)
        return made

    def GlobalAveragePooling2D(self, _, tensor):
        flat = tensor.reshape(-1, tensor.shape[-1])
        made = empty(flat.shape[1:])
        for c in range(len(made)):
            made[c] = mean(flat[:, c])
        return made

    def max_pooling(self, layer, tensor, values):
        made = empty(layer.output.shape[1:])
        for y, x, c in np.ndindex(made.shape):
            places = pooled(layer, tensor, (y, x))
            best = np.argmax([values[:, *q, c] for q in places], axis=0)
            total = {}
            for k, q in enumerate(places):
                total = sum_of(total, scaled(tensor[q][c], best == k))
            made[y, x, c] = total
        return made

    def ZeroPadding2D(self, layer, tensor):
        made = empty(layer.output.shape[1:])
        (top, _), (left, _) = layer.padding
        height, width, _ = tensor.shape
        made[top : top + height, left : left + width] = tensor
        return made

    def UpSampling2D(self, layer, tensor):
        return tensor.repeat(layer.size[0], 0).repeat(layer.size[1], 1)

    def CircularPadding(self, layer, tensor):
        before = (layer.kernel_size - 1) // 2
        after = layer.kernel_size - 1 - before
        height, width, _ = tensor.shape
        rows = np.arange(-before, height + after) % height
        columns = np.arange(-before, width + after) % width
        return tensor[np.ix_(rows, columns)]

    def SubsampleAndPad(self, layer, tensor):
        kept = tensor[:: layer.stride, :: layer.stride]
        made = empty((*kept.shape[:-1], layer.filters))
        made[..., : kept.shape[-1]] = kept
        return made

    def Flatten(self, _, tensor):
        return tensor.reshape(-1)

    def Dropout(self, _, tensor):
        return tensor


def seen(layer, tensor, position):
    """Yields places of a window, and what positions they fall on."""
    for place in itertools.product(*map(range, layer.kernel_size)):
        q = []
        for axis in range(2):
            size, stride = tensor.shape[axis], layer.strides[axis]
            side, dilation = layer.kernel_size[axis], layer.dilation_rate[axis]
            before = 0
            if layer.padding == "same":
                count = -(-size // stride)
                span = (count - 1) * stride + (side - 1) * dilation + 1
                before = max(span - size, 0) // 2
            q.append(position[axis] * stride + place[axis] * dilation - before)
        if all(0 <= k < n for k, n in zip(q, tensor.shape, strict=False)):
            yield place, tuple(q)


def pooled(layer, tensor, position):
    """Positions in a window of pooling that is 'valid', or has no margin."""
    corner = [p * s for p, s in zip(position, layer.strides, strict=True)]
    return [
        (corner[0] + a, corner[1] + b)
        for a in range(layer.pool_size[0])
        for b in range(layer.pool_size[1])
        if corner[0] + a < tensor.shape[0] and corner[1] + b < tensor.shape[1]
    ]


def empty(shape):
    made = np.empty(shape, object)
    for index in np.ndindex(made.shape):
        made[index] = {}
    return made


def of_array(array):
    """Units without weights, of `(n, ...)`."""
    made = np.empty(array.shape[1:], object)
    for index in np.ndindex(made.shape):
        made[index] = {(): array[(slice(None), *index)].astype("float64")}
    return made


def scaled(unit, factor):
    return {monomial: c * factor for monomial, c in unit.items()}


def sum_of(first, second):
    total = dict(first)
    for monomial, c in second.items():
        total[monomial] = total.get(monomial, 0) + c
    return total


def mean(units):
    total = {}
    for unit in units:
        total = sum_of(total, unit)
    return scaled(total, 1 / len(units))


def plus(first, second):
    return np.frompyfunc(sum_of, 2, 1)(first, second)


def entrywise(tensor, factors):
    return np.frompyfunc(lambda u, f: scaled(u, f[()]), 2, 1)(tensor, factors)

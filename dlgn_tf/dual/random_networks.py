"""Random networks on which the theorems' two sides are compared, in float64.

A gating network of Gaussian weights makes the gates; then the value network's
weights are drawn, +sigma or -sigma (Assumption 2.1), as often as one likes. Its
tangent kernel and what the theorem says of it are matrices over a few inputs of
norm 1.

Source: the DLGN paper (arXiv 2110.03403), Theorems 2.1, 3.1, 3.2 (A.1) and 3.3
(B.1), with sigma^2 = 2 / width (a convolution: 2 / (window width)).
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf.dual import kernels, value_gradients

VARIANCE_TIMES_WIDTH = 2.0


@dataclasses.dataclass(frozen=True)
class FullyConnected:
    """Dense layers, gates from an independent network of the same shape.

    Attributes:
        depth: Integer >= 2, weight layers.
        inputs: Integer, their number.
        images: Integer, how many.
        constant: Boolean. Whether the value network sees ones.
        linear: Boolean. Whether the gating network is linear, as in a DLGN; it
            has ReLUs otherwise.
        beta: Steepness of soft gates, or None: gates are hard.
        order: Tuple, a permutation of the gate layers, or None. The theorem's
            side keeps the order in which the gating network made them.
    """

    depth: int = 4
    inputs: int = 8
    images: int = 6
    constant: bool = False
    linear: bool = False
    beta: float | None = None
    order: tuple | None = None

    def draw(self, rng: Generator, width: int) -> Callable:
        """Draws inputs and gates.

        What is returned draws value weights from a generator and returns the
        tangent kernel and its limit, arrays `(images, images)`.
        """
        x = unit_vectors(rng, self.images, self.inputs)
        gates = self.gates(rng, x, width)
        entering = np.ones_like(x) if self.constant else x
        used = gates if self.order is None else [gates[k] for k in self.order]
        variance = VARIANCE_TIMES_WIDTH / width
        limit = kernels.fully_connected(gates, entering, variances=variance)

        def sample(rng):
            weights = bernoulli(rng, self.shapes(width), variance)
            kernel = value_gradients.fully_connected(weights, entering, used)
            return kernel, limit

        return sample

    def shapes(self, width: int) -> list:
        return _dense_shapes(self.inputs, width, self.depth)

    def gates(self, rng: Generator, x: Array, width: int) -> list[Array]:
        """Gates of a gating network of Gaussian weights, `(images, width)`."""
        gates, _ = _gates(
            rng, x, self.shapes(width)[:-1], self.linear, self.beta
        )
        return gates


@dataclasses.dataclass(frozen=True)
class PlainReLU(FullyConnected):
    """The control: a ReLU network, whose gates its own weights make.

    They are not independent of the weights, and the theorem does not hold.
    """

    def draw(self, rng: Generator, width: int) -> Callable:
        x = unit_vectors(rng, self.images, self.inputs)
        variance = VARIANCE_TIMES_WIDTH / width

        def sample(rng):
            weights = bernoulli(rng, self.shapes(width), variance)
            gates, h = [], x
            for matrix in weights[:-1]:
                q = h @ matrix
                gates.append(hard(q))
                h = q * gates[-1]
            return (
                value_gradients.fully_connected(weights, x, gates),
                kernels.fully_connected(gates, x, variances=variance),
            )

        return sample


@dataclasses.dataclass(frozen=True)
class Convolutional:
    """Circular convolutions in one dimension, GAP, dense layers.

    Attributes:
        convolutions: Integer.
        dense: Integer, dense layers, the last one to a single output.
        window: Integer, places a filter covers.
        inputs: Integer, places of the input.
        images: Integer, how many.
        constant: Boolean. Whether the value network sees ones.
    """

    convolutions: int = 2
    dense: int = 2
    window: int = 3
    inputs: int = 8
    images: int = 4
    constant: bool = False

    def draw(self, rng: Generator, width: int) -> Callable:
        """As `FullyConnected.draw`."""
        x = unit_vectors(rng, self.images, self.inputs)[..., None]
        gates, dense_gates = self._convolution_gates(rng, x, width)
        entering = np.ones_like(x) if self.constant else x
        variance = VARIANCE_TIMES_WIDTH / width
        of_filters = variance / self.window
        limit = kernels.convolutional(
            [*gates, *dense_gates],
            entering,
            self.window,
            variances=[of_filters] * self.convolutions
            + [variance] * self.dense,
        )
        shapes = self._filter_shapes(width), self._dense_shapes(width)

        def sample(rng):
            filters = bernoulli(rng, shapes[0], of_filters)
            weights = bernoulli(rng, shapes[1], variance)
            kernel = value_gradients.convolutional(
                filters, weights, entering, gates, dense_gates
            )
            return kernel, limit

        return sample

    def _filter_shapes(self, width):
        channels = [1] + [width] * (self.convolutions - 1)
        return [(self.window, count, width) for count in channels]

    def _dense_shapes(self, width):
        return _dense_shapes(width, width, self.dense)

    def _convolution_gates(self, rng, x, width):
        gates, h = [], x
        for shape in self._filter_shapes(width):
            q = value_gradients.circular_convolution(h, gaussian(rng, shape))
            gates.append(hard(q))
            h = q * gates[-1]
        dense_shapes = self._dense_shapes(width)[:-1]
        return gates, _gates(rng, h.mean(axis=1), dense_shapes)[0]


@dataclasses.dataclass(frozen=True)
class Residual:
    """Blocks of dense layers, all but the first and the last with a skip.

    Attributes:
        skips: Integer, blocks with a skip.
        layers: Integer, dense layers of a block.
        inputs: Integer, their number.
        images: Integer, how many.
        constant: Boolean. Whether the value network sees ones.
        removed: Integer, the block with a skip (counted from 1) that the value
            network goes without, or None. The theorem's side is then the sum
            over the sub-networks of the whole that do not contain it.
    """

    skips: int = 3
    layers: int = 2
    inputs: int = 6
    images: int = 5
    constant: bool = False
    removed: int | None = None

    def draw(self, rng: Generator, width: int) -> Callable:
        """As `FullyConnected.draw`."""
        x = unit_vectors(rng, self.images, self.inputs)
        gates = self._block_gates(rng, x, width)
        entering = np.ones_like(x) if self.constant else x
        variance = VARIANCE_TIMES_WIDTH / width
        limit = self._limit(gates, entering, variance)
        kept = [k for k in range(self.skips + 2) if k != self.removed]
        shapes = self._shapes(width)

        def sample(rng):
            blocks = [bernoulli(rng, shapes[k], variance) for k in kept]
            kernel = value_gradients.residual(
                blocks, entering, [gates[k] for k in kept]
            )
            return kernel, limit

        return sample

    def _limit(self, gates, entering, variance):
        if self.removed is None:
            return kernels.residual(gates, entering, variances=variance)
        others = [k for k in range(1, self.skips + 1) if k != self.removed]
        return sum(
            kernels.sub_network(gates, entering, kept, variances=variance)
            for count in range(self.skips)
            for kept in itertools.combinations(others, count)
        )

    def _shapes(self, width):
        first = _dense_shapes(self.inputs, width, self.layers + 1)[:-1]
        middle = [[(width, width)] * self.layers] * self.skips
        return [first, *middle, _dense_shapes(width, width, self.layers)]

    def _block_gates(self, rng, x, width):
        gates, h = [], x
        for index, shapes in enumerate(self._shapes(width)):
            last = index == self.skips + 1
            of_block, out = _gates(rng, h, shapes[:-1] if last else shapes)
            h = out if index == 0 else h + out
            gates.append(of_block)
        return gates


def _gates(rng, h, shapes, linear=False, beta=None):
    """Gates of Gaussian dense layers, and what leaves the last of them."""
    gates = []
    for shape in shapes:
        q = h @ gaussian(rng, shape)
        h = q if linear else np.maximum(q, 0)
        gates.append(hard(q) if beta is None else soft(q, beta))
    return gates, h


def unit_vectors(rng: Generator, count: int, size: int) -> Array:
    """Independent directions, `(count, size)`."""
    x = rng.normal(size=(count, size))
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def hard(q: Array) -> Array:
    """Gates that are 1 where the pre-activation is positive, 0 elsewhere."""
    return np.asarray(q > 0, "float64")


def soft(q: Array, beta: float) -> Array:
    """Gates between 0 and 1."""
    return 1 / (1 + np.exp(-beta * q))


def gaussian(rng: Generator, shape: Sequence[int]) -> Array:
    """Weights under which a linear layer keeps the size of what passes."""
    return rng.normal(size=shape) / math.sqrt(math.prod(shape[:-1]))


def bernoulli(
    rng: Generator, shapes: Sequence[Sequence[int]], variance: float
) -> list:
    """Arrays of these shapes, whose entries are +sigma or -sigma."""
    sigma = math.sqrt(variance)
    return [
        np.where(rng.integers(2, size=shape, dtype=bool), sigma, -sigma)
        for shape in shapes
    ]


def _dense_shapes(inputs, width, depth):
    """Of `depth` layers, the last with one output."""
    hidden = [(width, width)] * (depth - 2)
    if depth == 1:
        return [(inputs, 1)]
    return [(inputs, width), *hidden, (width, 1)]

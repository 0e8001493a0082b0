"""Paths of tiny networks, one by one: the definitions, as they are written.

What `dlgn_tf.dual.kernels` computes by products and recursions is enumerated
here, in float64 NumPy: the paths, the activity, feature and value of each, and
the overlap of two images. It is for networks of a few units, to look at them
and to test everything else against.

Networks are given as arrays: weights from input to output, the last one a
vector, for there is one output; gates, one array for every layer but the last.
There are no biases.

Source: the DLGN paper (arXiv 2110.03403), section 2 and appendices A and B.
"""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.dual.gram import check_same_images
from dlgn_tf.errors import UserError

MOST_PATHS = 1_000_000
# Of all images together: 0.8 GB, which is held two or three times.
_MOST_ACTIVITIES = 100_000_000


@dataclasses.dataclass(frozen=True)
class Paths:
    """The paths of a network, and what they are for each of n images.

    Paths that share all weights are a bundle: in a convolutional network those
    that differ in their position alone. Elsewhere each is a bundle of its own.

    Attributes:
        inputs: float64 `(n, nodes)`, what the network sees.
        start: Integers `(paths,)`, the input node where each begins.
        bundle: Integers `(paths,)`, counted from 0.
        activity: float64 `(n, paths)`, the product of the gates on each.
        weight: float64 `(paths,)`, the product of the weights on each.
        pooling: Float, what global average pooling multiplies every path by.
    """

    inputs: np.ndarray
    start: np.ndarray
    bundle: np.ndarray
    activity: np.ndarray
    weight: np.ndarray
    pooling: float = 1.0

    def __len__(self) -> int:
        return len(self.start)

    @property
    def bundles(self) -> int:
        """How many there are."""
        return int(self.bundle.max()) + 1

    @property
    def features(self) -> Array:
        """Neural path features phi, float64 `(n, bundles)`."""
        terms = self.pooling * self.inputs[:, self.start] * self.activity
        features = np.zeros((self.bundles, len(terms)))
        np.add.at(features, self.bundle, terms.T)
        return features.T

    @property
    def values(self) -> Array:
        """Neural path values v, float64 `(bundles,)`."""
        values = np.empty(self.bundles)
        values[self.bundle] = self.weight
        return values

    def output(self) -> Array:
        """What the network computes: <phi, v>, float64 `(n,)`."""
        return self.features @ self.values

    def kernel(self) -> Array:
        """The neural path kernel <phi, phi'>, not normalised: `(n, n)`."""
        return self.features @ self.features.T

    def overlap(self, node: int) -> Array:
        """How many paths from an input node are active for both of two images.

        With soft gates, the sum of the products of their activities, float64
        `(n, n)`. Nodes are counted from 0.
        """
        here = self.activity[:, self.start == node]
        return here @ here.T


def fully_connected_paths(
    inputs: Array,
    gates: Sequence[Array],
    weights: Sequence[Array],
) -> Paths:
    """Paths of a fully connected network.

    Args:
        inputs: Array `(n, nodes)`.
        gates: Sequence of arrays `(n, w_l)`.
        weights: Sequence of arrays `(nodes, w_1)`, `(w_1, w_2)`, ..., `(w_d,)`.

    Raises:
        UserError: if there are too many, or weights do not fit the gates.
    """
    inputs = np.asarray(inputs, "float64")
    sizes = (inputs.shape[1], *(np.shape(g)[1] for g in gates))
    check_same_images(gates, inputs)
    _check_count(math.prod(sizes), len(inputs))
    expected = [*itertools.pairwise(sizes), sizes[-1:]]
    if [np.shape(w) for w in weights] != expected:
        raise UserError(
            f"Expected weights of shapes {expected}. Received: "
            f"{[np.shape(w) for w in weights]}"
        )
    start, *units = _grid(sizes)
    return Paths(
        inputs=inputs,
        start=start,
        bundle=np.arange(len(start)),
        activity=_activity(gates, units, inputs),
        weight=_weight(weights, [start, *units]),
    )


def convolutional_paths(
    inputs: Array,
    gates: Sequence[Array],
    weights: Sequence[Array],
) -> Paths:
    """Paths of circular convolutions, global average pooling, dense layers.

    Args:
        inputs: Array `(n, height, width, channels)` or, in one dimension,
            `(n, length, channels)`.
        gates: Sequence of arrays `(n, height, width, w_l)` or `(n, length,
            w_l)` of the convolutions, then `(n, w_l)` of hidden dense layers.
        weights: Sequence of arrays `(side, side, w_{l-1}, w_l)` or
            `(side, w_{l-1}, w_l)` of the convolutions, `(w_{l-1}, w_l)` of
            hidden dense layers, and last `(w,)`.

    Errors are those of `fully_connected_paths`.
    """
    inputs = np.asarray(inputs, "float64")
    space = inputs.shape[1:-1]
    count = sum(np.ndim(g) > 2 for g in gates)
    windows = [np.shape(w)[: len(space)] for w in weights[:count]]
    sizes = [
        *space,
        *itertools.chain.from_iterable(windows),
        inputs.shape[-1],
        *(np.shape(g)[-1] for g in gates),
    ]
    check_same_images(gates, inputs)
    _check_count(math.prod(sizes), len(inputs))
    grid = iter(_grid(sizes))
    position = list(itertools.islice(grid, len(space)))
    offsets = [list(itertools.islice(grid, len(space))) for _ in windows]
    channels = list(grid)
    # From the pooling back to the input, position by position.
    activity, weight = 1.0, 1.0
    for layer in reversed(range(count)):
        activity = activity * _at(gates[layer], position, channels[layer + 1])
        kernel = np.asarray(weights[layer], "float64")
        link = channels[layer : layer + 2]
        weight = weight * kernel[(*offsets[layer], *link)]
        position = [
            (p + c - (side - 1) // 2) % length
            for p, c, side, length in zip(
                position, offsets[layer], windows[layer], space, strict=True
            )
        ]
    dense = channels[count:]
    start = np.ravel_multi_index((*position, channels[0]), inputs.shape[1:])
    positions = math.prod(space)
    return Paths(
        inputs=inputs.reshape(len(inputs), -1),
        start=start,
        # The position where a path ends varies slowest.
        bundle=np.arange(len(start)) % (len(start) // positions),
        activity=activity * _activity(gates[count:], dense[1:], inputs),
        weight=weight * _weight(weights[count:], dense),
        pooling=1 / positions,
    )


def residual_paths(
    inputs: Array,
    gates: Sequence[Sequence[Array]],
    weights: Sequence[Sequence[Array]],
) -> Paths:
    """Paths of fully connected blocks, those between the ends with skips.

    Args:
        inputs: Array `(n, nodes)`.
        gates: Sequence of b + 2 sequences of arrays `(n, w)`, one per block;
            the last has one array less than weights.
        weights: Sequence of b + 2 sequences of arrays; the very last one is
            `(w,)`.

    Paths of each sub-network come in turn.

    Errors are those of `fully_connected_paths`.
    """
    skips = range(1, len(gates) - 1)
    chains = []
    for size in range(len(skips) + 1):
        for kept in itertools.combinations(skips, size):
            blocks = (0, *kept, len(gates) - 1)
            chains.append(
                [
                    list(itertools.chain.from_iterable(of[k] for k in blocks))
                    for of in (gates, weights)
                ]
            )
    nodes = np.shape(inputs)[1]
    counts = [
        nodes * math.prod(np.shape(gate)[1] for gate in chain)
        for chain, _ in chains
    ]
    _check_count(sum(counts), len(inputs))
    parts = [
        fully_connected_paths(inputs, gates, weights)
        for gates, weights in chains
    ]
    return Paths(
        inputs=parts[0].inputs,
        start=np.concatenate([part.start for part in parts]),
        bundle=np.arange(sum(counts)),
        activity=np.concatenate([part.activity for part in parts], axis=1),
        weight=np.concatenate([part.weight for part in parts]),
    )


def _check_count(count, images):
    if count > MOST_PATHS:
        raise UserError(
            f"Too many paths to enumerate. Expected at most {MOST_PATHS:,}. "
            f"Received: a network with {count:,}"
        )
    if count * images > _MOST_ACTIVITIES:
        raise UserError(
            f"Too many images for {count:,} paths. Expected at most "
            f"{_MOST_ACTIVITIES // count:,}. Received: {images:,}"
        )


def _grid(sizes):
    """All combinations of indices: one flat array a dimension."""
    return list(np.indices(sizes).reshape(len(sizes), -1))


def _at(gates, position, units):
    """Gates `(n, paths)` of a convolution along paths."""
    return np.asarray(gates, "float64")[(slice(None), *position, units)]


def _activity(gates, units, inputs):
    """Product `(n, paths)` of the gates of dense layers along paths."""
    activity = np.ones((len(inputs), 1))
    for gate, index in zip(gates, units, strict=True):
        activity = activity * np.asarray(gate, "float64")[:, index]
    return activity


def _weight(weights, units):
    """Product `(paths,)` of the weights of dense layers along paths.

    Args:
        weights: Sequence of matrices, and last a vector.
        units: Sequence of integers `(paths,)`, the unit before each of them.
    """
    *matrices, last = (np.asarray(w, "float64") for w in weights)
    weight = last[units[-1]]
    pairs = zip(matrices, itertools.pairwise(units), strict=True)
    for matrix, (source, target) in pairs:
        weight = weight * matrix[source, target]
    return weight

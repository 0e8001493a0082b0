"""What is left of a network whose layer sees few directions of its input.

One layer at a time is projected, W -> W P, on the leading eigenvectors of its
weights' covariance, of the activations that it reads, or on random ones.

Source: arXiv 2305.18512, the figure on low-rank projection.
"""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf.command.memory import GIB
from dlgn_tf.models import evaluation
from dlgn_tf.rainbow import moments
from dlgn_tf.rainbow.alignment import Alignment, random_alignment
from dlgn_tf.rainbow.learned_layers import LayeredNetwork, LearnedLayer
from dlgn_tf.rainbow.spectra import eigen


def weight_basis(
    covariance: Array, layer: LearnedLayer, turn: Alignment | None = None
) -> Array:
    """Eigenvectors of a weight covariance, in a network's own basis.

    The covariance `(dimension, dimension)` is in the reference basis, or
    without a turn of what the layer reads in the network's own.

    Returns:
        float64 array `(dimension, vectors)`, the largest eigenvalue first,
        orthonormal. Directions that the network has no dimension for are lost.
    """
    vectors = eigen(covariance)[1]
    if turn is None:
        return vectors
    rows = vectors.T.reshape(-1, len(turn.matrix), layer.patch)
    own = turn.weights_back(rows).reshape(len(rows), -1).T
    if own.shape[0] == own.shape[1]:
        return own
    # Turned into fewer dimensions, the vectors are orthonormal no longer.
    return np.linalg.qr(own)[0]


def activation_basis(
    network: LayeredNetwork,
    layer: LearnedLayer,
    batches: Iterable[Array],
    memory_gib: float = 1.0,
) -> Array:
    """Eigenvectors of the second moment of what a layer is multiplied by.

    Patches are cut out of as many images at a time as have patches of
    `memory_gib`, see `moments.second_moment`.

    Returns:
        float64 array `(dimension, dimension)`, the largest eigenvalue first.
    """
    read = (
        layer.patches(part)
        for images in batches
        for part in _parts(network.read(images, [layer])[0], layer, memory_gib)
    )
    return eigen(moments.second_moment(read, memory_gib))[1]


def _parts(maps, layer, memory_gib):
    """Maps, as many at a time as have patches that fit into memory."""
    positions = math.prod(maps.shape[1:-1])
    # Both as they are cut out and in the order of the weights.
    of_one = 2 * maps.itemsize * positions * layer.dimension
    size = max(1, int(memory_gib * GIB / of_one))
    return [maps[part] for part in evaluation.batches(len(maps), size)]


def random_basis(dimension: int, rng: Generator) -> Array:
    """A uniformly random orthogonal matrix `(dimension, dimension)`."""
    return random_alignment(dimension, dimension, rng).matrix


def project(weights: Array, basis: Array, rank: int) -> Array:
    """Weights on the first `rank` vectors of an orthonormal basis.

    Weights are `(neurons, channels, patch)`, the basis `(channels * patch,
    vectors)`.
    """
    kept = basis[:, :rank]
    rows = weights.reshape(len(weights), -1)
    return ((rows @ kept) @ kept.T).reshape(weights.shape)


def clipping_curve(
    layer: LearnedLayer, basis: Array, ranks: Sequence[int], measure: Callable
) -> Array:
    """A figure of a network against the rank that a layer is projected to.

    The layer has its own weights again afterwards. For the basis see `project`;
    `measure` is a function without arguments, such as the accuracy.

    Returns:
        float64 array `(ranks,)`.
    """
    weights = layer.weights
    values = []
    try:
        for rank in ranks:
            layer.assign(project(weights, basis, rank))
            values.append(measure())
    finally:
        layer.assign(weights)
    return np.array(values, np.float64)


def explained_variance(weights: Array, basis: Array) -> Array:
    """Share of the energy of weights `(neurons, dimension)` on a basis.

    See `project`; float64 `(vectors,)`, for the first 1, 2, ... vectors; 0 of
    zero weights.
    """
    along = np.sum((weights @ basis) ** 2, axis=0)
    total = np.sum(np.asarray(weights) ** 2)
    return np.cumsum(along) / total if total > 0 else np.zeros(len(along))

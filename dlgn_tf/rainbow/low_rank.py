"""What is left of a network whose layer sees few directions of its input.

One layer at a time is projected, W -> W P, on the leading eigenvectors of its
weights' covariance, of the activations that it reads, or on random ones.

Source: arXiv 2305.18512, the figure on low-rank projection.
"""

import contextlib
import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf.command.memory import GIB
from dlgn_tf.rainbow import moments
from dlgn_tf.rainbow.alignment import Alignment
from dlgn_tf.rainbow.learned_layers import LayeredNetwork, LearnedLayer
from dlgn_tf.rainbow.spectra import eigen


def weight_basis(
    covariance: Array, layer: LearnedLayer, turn: Alignment | None = None
) -> Array:
    """Eigenvectors of a weight covariance, in a network's own basis.

    Args:
        covariance: Array `(dimension, dimension)` in the reference basis.
        layer: `LearnedLayer` of the network.
        turn: `Alignment` of what the layer reads with the reference. Defaults
            to `None`: the covariance is in the network's own basis.

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

    Args:
        network: `LayeredNetwork`.
        layer: One of its `LearnedLayer`.
        batches: Iterable of arrays of images.
        memory_gib: Float > 0, see `moments.second_moment`. Patches are cut out
            of as many images at a time as have patches of this size.

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
    return moments.in_batches(maps, max(1, int(memory_gib * GIB / of_one)))


def random_basis(dimension: int, rng: Generator) -> Array:
    """A uniformly random orthogonal matrix `(dimension, dimension)`."""
    q, r = np.linalg.qr(rng.standard_normal((dimension, dimension)))
    return q * np.sign(np.diag(r))


def project(weights: Array, basis: Array, rank: int) -> Array:
    """Weights on the first vectors of an orthonormal basis.

    Args:
        weights: Array `(neurons, channels, patch)`.
        basis: Array `(channels * patch, vectors)`.
        rank: Integer >= 0.

    Returns:
        Array of the shape of `weights`.
    """
    kept = basis[:, :rank]
    rows = weights.reshape(len(weights), -1)
    return ((rows @ kept) @ kept.T).reshape(weights.shape)


def clipping_curve(
    layer: LearnedLayer, basis: Array, ranks: Sequence[int], measure: Callable
) -> Array:
    """A figure of a network against the rank that a layer is projected to.

    The layer has its own weights again afterwards.

    Args:
        layer: `LearnedLayer`.
        basis: See `project`.
        ranks: Sequence of integers.
        measure: Function without arguments, such as the accuracy.

    Returns:
        float64 array `(ranks,)`.
    """
    weights = layer.weights
    values = []
    with _kept(layer):
        for rank in ranks:
            layer.assign(project(weights, basis, rank))
            values.append(measure())
    return np.array(values, np.float64)


@contextlib.contextmanager
def _kept(layer):
    before = layer.weights
    try:
        yield
    finally:
        layer.assign(before)


def explained_variance(weights: Array, basis: Array) -> Array:
    """Share of the weights' energy on the first vectors of a basis.

    Args:
        weights: Array `(neurons, dimension)`.
        basis: See `project`.

    Returns:
        float64 array `(vectors,)`, for 1, 2, ... vectors; 0 of zero weights.
    """
    along = np.sum((weights @ basis) ** 2, axis=0)
    total = np.sum(np.asarray(weights) ** 2)
    return np.cumsum(along) / total if total > 0 else np.zeros(len(along))

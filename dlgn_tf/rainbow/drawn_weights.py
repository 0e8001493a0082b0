"""Weights of a layer, drawn from the covariance of trained ones.

Source: arXiv 2305.18512, section 2 (definition of a Gaussian rainbow network).
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf import factorizations
from dlgn_tf.rainbow.covariance import WeightCovariances, covariance
from dlgn_tf.rainbow.spectra import ZERO, eigen


def draw_rows(
    covariances: WeightCovariances,
    labels: Sequence[str],
    neurons: int,
    rng: Generator,
    white: bool = False,
    orthogonal: bool = False,
) -> Array:
    """Gaussian weights of a layer, as its covariance has them.

    Where they are `white` they have its energy alone.

    Of several layers of as many neurons, those of one neuron side by side.

    Returns:
        float64 array `(neurons, dimension)`, of all these layers together.
    """
    if white:
        found = [
            _white(covariances.matrices[label], neurons, rng, orthogonal)
            for label in labels
        ]
        return np.concatenate(found, axis=1)
    trained = stacked_rows(covariances, labels)
    if len(trained) >= trained.shape[1]:
        matrix = covariances.matrices[labels[0]]
        if len(labels) > 1:
            matrix = covariance([trained])
        return draw_weights(matrix, neurons, rng, orthogonal)
    # The same, from fewer neurons than dimensions: a large matrix' eigenvectors
    # take long.
    _, sizes, vectors = factorizations.svd(trained)
    values = sizes**2 / len(trained)
    return _combine(values, vectors.T, neurons, rng, orthogonal)


def stacked_rows(
    covariances: WeightCovariances, labels: Sequence[str]
) -> Array:
    """Aligned weights of all networks, float64 `(neurons, dimension)`.

    Of several layers of as many neurons, those of one neuron side by side.
    """
    stacked = [np.concatenate(covariances.weights[x]) for x in labels]
    return np.concatenate(stacked, axis=1)


def _white(matrix, neurons, rng, orthogonal):
    energy = np.trace(matrix) / len(matrix)
    if orthogonal:
        white = np.eye(len(matrix))
        return draw_weights(energy * white, neurons, rng, orthogonal=True)
    return math.sqrt(energy) * rng.standard_normal((neurons, len(matrix)))


def draw_weights(
    matrix: Array, neurons: int, rng: Generator, orthogonal: bool = False
) -> Array:
    """Weights G C^(1/2) of a covariance C, float64 `(neurons, dimension)`.

    Where `orthogonal`, G is a random orthogonal matrix of the same energy
    instead of a Gaussian one. Where there are as many neurons as the covariance
    has rank, the weights then have that very covariance.
    """
    return _combine(*eigen(matrix), neurons, rng, orthogonal)


def _combine(values, vectors, neurons, rng, orthogonal):
    """White combinations of scaled eigenvectors."""
    kept = values > ZERO * values[0]
    # Their signs are arbitrary; of one covariance all draws shall be the same.
    largest = np.abs(vectors).argmax(axis=0)
    vectors = vectors * np.sign(vectors[largest, range(vectors.shape[1])])
    rank = int(kept.sum())
    white = rng.standard_normal((neurons, rank))
    if orthogonal and rank:
        left, _, right = factorizations.svd(white)
        white = math.sqrt(max(neurons, rank)) * left @ right
    return white @ (vectors[:, kept] * np.sqrt(values[kept])).T

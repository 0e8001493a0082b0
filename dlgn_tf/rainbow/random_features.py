"""Random features of a single ReLU layer, and the kernel they tend to.

Source: arXiv 2305.18512, section 2.1, theorem 1; the closed forms are those of
Cho and Saul, "Kernel methods for deep learning" (2009), orders 1 and 2.
"""

from collections.abc import Callable

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf import factorizations


def random_features(
    inputs: Array, width: int, rng: Generator, covariance: Array | None = None
) -> Array:
    """Features relu(W x) / sqrt(width) of Gaussian weights.

    Args:
        inputs: Array `(samples, dimension)`.
        width: Integer, number of neurons.
        rng: `numpy.random.Generator`.
        covariance: Array `(dimension, dimension)`, E[w w^T]. Defaults to
            `None`: the identity.

    Returns:
        float64 array `(samples, width)`.
    """
    colored = colored_inputs(inputs, covariance)
    weights = rng.standard_normal((colored.shape[1], width))
    return np.maximum(colored @ weights, 0.0) / np.sqrt(width)


def colored_inputs(inputs: Array, covariance: Array | None = None) -> Array:
    """Inputs C^(1/2) x, which white weights read as weights of C read x.

    Args:
        inputs: Array `(samples, dimension)`.
        covariance: See `random_features`.

    Returns:
        float64 array `(samples, dimension)`.
    """
    inputs = np.asarray(inputs, np.float64)
    return inputs if covariance is None else inputs @ square_root(covariance)


def relu_kernel(gram: Array) -> Array:
    """The kernel E[relu(u) relu(v)] of Gaussian pre-activations.

    Args:
        gram: Array `(samples, samples)`, the covariance of the pre-activations:
            X C X^T for weights of covariance C.

    Returns:
        float64 array `(samples, samples)`.
    """
    norms, angles = _norms_and_angles(gram)
    order1 = np.sin(angles) + (np.pi - angles) * np.cos(angles)
    return norms * order1 / (2 * np.pi)


def relu_kernel_variance(gram: Array) -> Array:
    """The variance of relu(u) relu(v), of which the kernel is the mean.

    Over the width it is the mean squared error of the kernel of random
    features.

    Args:
        gram: See `relu_kernel`.

    Returns:
        float64 array `(samples, samples)`.
    """
    norms, angles = _norms_and_angles(gram)
    sine, cosine = np.sin(angles), np.cos(angles)
    order2 = 3 * sine * cosine + (np.pi - angles) * (1 + 2 * cosine**2)
    return norms**2 * order2 / (2 * np.pi) - relu_kernel(gram) ** 2


def _norms_and_angles(gram):
    gram = np.asarray(gram, np.float64)
    # Rounding leaves a length of zero below it.
    lengths = np.sqrt(np.maximum(np.diag(gram), 0.0))
    norms = np.outer(lengths, lengths)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = np.where(norms > 0, gram / norms, 1.0)
    angles = np.arccos(np.clip(cosines, -1.0, 1.0))
    # Rounding would leave a sample at an angle of 1e-8 with itself.
    np.fill_diagonal(angles, 0.0)
    return norms, angles


def monte_carlo_kernel(
    inputs: Array,
    draw: Callable,
    width: int,
    activation: Callable,
    block: int = 4096,
) -> Array:
    """The kernel of any weights and nonlinearity, by a mean over neurons.

    Args:
        inputs: Array `(samples, dimension)`.
        draw: Function from a number of neurons to their weights `(neurons,
            dimension)`, called block by block.
        width: Integer, number of neurons in all.
        activation: Function of an array.
        block: Integer, neurons that are held at a time.

    Returns:
        float64 array `(samples, samples)`.
    """
    inputs = np.asarray(inputs, np.float64)
    total = np.zeros((len(inputs), len(inputs)))
    for first in range(0, width, block):
        weights = draw(min(block, width - first))
        features = activation(inputs @ weights.T)
        total += features @ features.T
    return total / width


def square_root(matrix: Array) -> Array:
    """The symmetric square root of a positive semi-definite matrix.

    Of a kernel on n samples it is the matrix of exact features: its rows have
    the very inner products of the kernel, in n dimensions.

    Args:
        matrix: Symmetric array `(n, n)`. Eigenvalues below zero, as rounding
            makes them, count as zero.

    Returns:
        float64 array `(n, n)`.
    """
    values, vectors = factorizations.eigh(np.asarray(matrix, np.float64))
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T

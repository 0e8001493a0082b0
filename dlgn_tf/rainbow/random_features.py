"""Random features of a single ReLU layer, and the kernel they tend to.

Source: arXiv 2305.18512, section 2.1, theorem 1; the closed forms are those of
Cho and Saul, "Kernel methods for deep learning" (2009), orders 1 and 2.
"""

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf import factorizations


def random_features(inputs: Array, width: int, rng: Generator) -> Array:
    """Features relu(W x) / sqrt(width) of white Gaussian weights.

    Of inputs `(samples, dimension)`: float64 `(samples, width)`.
    """
    weights = rng.standard_normal((inputs.shape[1], width))
    return np.maximum(inputs @ weights, 0.0) / np.sqrt(width)


def relu_kernel(gram: Array) -> Array:
    """The kernel E[relu(u) relu(v)] of Gaussian pre-activations.

    Of their covariance `(samples, samples)`, X C X^T for weights of covariance
    C: float64 array of the same shape.
    """
    norms, angles = _norms_and_angles(gram)
    order1 = np.sin(angles) + (np.pi - angles) * np.cos(angles)
    return norms * order1 / (2 * np.pi)


def relu_kernel_variance(gram: Array) -> Array:
    """The variance of relu(u) relu(v), of which `relu_kernel` is the mean.

    Over the width it is the mean squared error of the kernel of random
    features.
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


def square_root(matrix: Array) -> Array:
    """The symmetric square root of a positive semi-definite matrix.

    Of a kernel on n samples it is the matrix of exact features: its rows have
    the very inner products of the kernel, in n dimensions. Eigenvalues below
    zero, as rounding makes them, count as zero.
    """
    values, vectors = factorizations.eigh(np.asarray(matrix, np.float64))
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T

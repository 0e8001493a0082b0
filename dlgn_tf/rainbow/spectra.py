"""Spectra of covariances: fits, the Marchenko-Pastur law, whitening.

Source: arXiv 2305.18512, figures 2, 5 and those on whitening.
"""

import math
import typing

import numpy as np
from numpy import ndarray as Array
from scipy import stats

from dlgn_tf import factorizations

# Eigenvalues below this share of the first are taken to be zero.
ZERO = 1e-10


def eigen(covariance: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of a covariance, the largest first.

    Args:
        covariance: Symmetric array `(dimension, dimension)`.

    Returns:
        float64 arrays `(dimension,)`, not negative, and `(dimension,
        dimension)`, whose columns are the eigenvectors.
    """
    values, vectors = factorizations.eigh(np.asarray(covariance, np.float64))
    return np.maximum(values[::-1], 0.0), vectors[:, ::-1]


def shape(covariance: Array) -> Array:
    """A covariance over its first eigenvalue; one that is zero stays."""
    first = eigen(covariance)[0][0]
    return covariance / first if first > 0 else covariance


class Fit(typing.NamedTuple):
    """A line through logarithms, its R^2 in [0, 1]."""

    slope: float
    r_squared: float


def exponential_fit(values: Array, last: int | None = None) -> Fit:
    """Line of log(value) over rank, ranks counted from 0, up to `last` of them.

    The number of ranks over which values fall by e is -1 / slope. Values
    descend and are positive on the ranks that are fitted.
    """
    return _line(np.arange(len(values[:last])), np.log(values[:last]))


def power_law_fit(
    values: Array, first: int = 1, last: int | None = None
) -> Fit:
    """Line of log(value) over log(rank), of ranks `first` to `last` from 1.

    Values fall as rank ** slope, and are positive on the ranks that are fitted.
    """
    chosen = np.asarray(values)[first - 1 : last]
    ranks = np.arange(first, first + len(chosen))
    return _line(np.log(ranks), np.log(chosen))


def _line(x, y):
    line = stats.linregress(x, y)
    return Fit(float(line.slope), float(line.rvalue**2))


def marchenko_pastur_edges(ratio: float) -> tuple[float, float]:
    """Ends `(low, high)` of the bulk of eigenvalues of a random covariance.

    Of entries of unit variance; the ratio is that of dimensions over samples
    (neurons).
    """
    root = math.sqrt(ratio)
    return (1 - root) ** 2, (1 + root) ** 2


def marchenko_pastur_density(values: Array, ratio: float) -> Array:
    """Density of the eigenvalues of a random covariance that are not zero.

    Args:
        values: Array of eigenvalues > 0, in units of the variance.
        ratio: See `marchenko_pastur_edges`. Above 1 there are zero eigenvalues,
            a share of 1 - 1 / ratio; the density is of the others, of integral
            one.

    Returns:
        Array as `values`, zero outside of the edges; infinite at 0 where the
        ratio is 1, to which the lower edge then comes down.
    """
    low, high = marchenko_pastur_edges(ratio)
    values = np.asarray(values, np.float64)
    inside = np.maximum((high - values) * (values - low), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        density = np.sqrt(inside) / (2 * np.pi * ratio * values)
    at_zero = np.where(low == 0.0, np.inf, 0.0)
    return max(ratio, 1.0) * np.where(values == 0, at_zero, density)


def fraction_outside(values: Array, ratio: float) -> float:
    """Share of a covariance's eigenvalues outside of the random bulk.

    Eigenvalues `(dimension,)`, descending, are scaled to a mean of one over all
    dimensions; those that are zero because neurons are fewer than dimensions
    are not counted. For the ratio see `marchenko_pastur_edges`.

    Returns:
        Float in [0, 1].
    """
    values = np.asarray(values, np.float64)
    scaled = values / values.mean()
    # Of as many samples as it has, a random covariance has this rank.
    rank = min(len(values), round(len(values) / ratio))
    low, high = marchenko_pastur_edges(ratio)
    counted = scaled[:rank]
    return float(np.mean((counted < low) | (counted > high)))


def whiten(weights: Array, covariance: Array) -> Array:
    """Weights in the eigenbasis of a covariance, each of unit variance.

    Args:
        weights: Array `(neurons, dimension)`.
        covariance: Array `(dimension, dimension)`.

    Returns:
        float64 array `(neurons, rank)`, the largest eigenvalue first;
        directions in which the covariance is zero are left out.
    """
    values, vectors = eigen(covariance)
    kept = values > ZERO * values[0]
    return np.asarray(weights, np.float64) @ (
        vectors[:, kept] / np.sqrt(values[kept])
    )


def gaussianity(marginals: Array) -> Array:
    """Kolmogorov-Smirnov test of columns against the standard normal law.

    Columns of `(neurons, columns)`, as `whiten` makes them, are divided by
    their root mean square first: what is tested is the shape of their law, not
    its scale. Returns float64 p-values `(columns,)`.
    """
    scale = np.sqrt(np.mean(marginals**2, axis=0))
    return np.array(
        [
            stats.kstest(column, "norm").pvalue
            for column in (marginals / scale).T
        ]
    )

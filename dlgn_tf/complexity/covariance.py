"""Covariances between the parts of a feature, over a stream of batches."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray as Array


class PartCovariance:
    """Covariances of several parts, summed over a feature's coordinates.

    The covariance of parts a and b is E<a - E a, b - E b>, the expectation over
    images. Variances of all sums of parts follow from the matrix: the sum over
    a set S has 1_S' K 1_S. Means and covariances are merged batch by batch in
    float64 (Welford's way), so that the feature's mean costs no digits.

    Args:
        parts: Integer, how many.
    """

    def __init__(self, parts: int) -> None:
        self._count = 0
        self._means: Any = None
        self._sums = np.zeros((parts, parts))

    def add(self, parts: Sequence[Array]) -> None:
        """Takes in a batch.

        Args:
            parts: Sequence of arrays `(batch, ...)` of one shape.
        """
        batch = np.stack(
            [np.asarray(p, "float64").reshape(len(p), -1) for p in parts]
        )
        added = batch.shape[1]
        means = batch.mean(axis=1)
        centred = (batch - means[:, None]).reshape(len(batch), -1)
        self._sums += centred @ centred.T
        if self._means is None:
            self._means = np.zeros_like(means)
        step = means - self._means
        total = self._count + added
        self._sums += self._count * added / total * (step @ step.T)
        self._means += added / total * step
        self._count = total

    @property
    def count(self) -> int:
        """How many images were taken in."""
        return self._count

    @property
    def means(self) -> Array:
        """Means over the images: float64 array `(parts, coordinates)`."""
        return self._means

    def matrix(self) -> Array:
        """Covariances: float64 array `(parts, parts)`."""
        return self._sums / self._count


def variance(values: Array) -> float:
    """E ||z - E z||^2 over images: a float.

    Args:
        values: Array `(n, ...)`.
    """
    stream = PartCovariance(1)
    stream.add([values])
    return float(stream.matrix()[0, 0])

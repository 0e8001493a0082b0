"""Covariances between the parts of a feature, over a stream of batches."""

from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array


class PartCovariance:
    """Covariances of several parts, summed over a feature's coordinates.

    The covariance of parts a and b is E<a - E a, b - E b>, the expectation over
    images. Variances of all sums of parts follow from the matrix: the sum over
    a set S has 1_S' K 1_S. Means and covariances are merged batch by batch in
    float64 (Welford's way), so that the feature's mean costs no digits.

    Attributes:
        count: How many images were taken in.
        means: float64 array `(parts, coordinates)`, means over the images.
    """

    def __init__(self, parts: int) -> None:
        self.count = 0
        self.means: Array = np.zeros((parts, 1))
        self._sums = np.zeros((parts, parts))

    def add(self, parts: Sequence[Array] | Array) -> None:
        """Takes in a batch: an array `(batch, ...)` of each part."""
        batch = np.stack(
            [np.asarray(p, "float64").reshape(len(p), -1) for p in parts]
        )
        added = batch.shape[1]
        means = batch.mean(axis=1)
        centred = (batch - means[:, None]).reshape(len(batch), -1)
        step = means - self.means
        total = self.count + added
        self._sums += centred @ centred.T
        self._sums += self.count * added / total * (step @ step.T)
        self.means = self.means + added / total * step
        self.count = total

    def matrix(self) -> Array:
        """Covariances: float64 array `(parts, parts)`."""
        return self._sums / self.count

"""Covariances of images that are drawn again: bootstrap intervals of shares.

In a resample each image counts as often as a Poisson variable of mean 1 says,
which needs no images at hand but those of the batch (Hanley and MacGibbon,
Creating non-parametric bootstrap samples using Poisson frequencies, Computer
Methods and Programs in Biomedicine 83, 2006).
"""

from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.complexity.covariance import PartCovariance

LEVEL = 0.95


class ResampledCovariance(PartCovariance):
    """A `PartCovariance` that also has the covariances of resamples.

    Means of each resample are kept, `resamples * parts * coordinates` numbers
    of float64. How often an image counts follows from its place in the stream
    and the seed, and not from the batches. Without resamples nothing is kept.
    """

    def __init__(self, parts: int, resamples: int, seed: int = 0) -> None:
        super().__init__(parts)
        self._rng = np.random.default_rng(seed)
        self._resamples = resamples
        self._centre: Array | None = None
        self._weights = np.zeros(resamples)
        self._different = np.zeros(resamples, int)
        self._totals: Array = np.zeros((resamples, 1))
        self._products = np.zeros((resamples, parts, parts))

    def add(self, parts: Sequence[Array] | Array) -> None:
        """Takes in a batch: an array `(batch, ...)` of each part."""
        super().add(parts)
        if not self._resamples:
            return
        batch = np.stack(
            [np.asarray(p, "float64").reshape(len(p), -1) for p in parts],
            axis=1,
        )
        # Around about the mean, so that this costs no digits.
        if self._centre is None:
            self._centre = batch.mean(axis=0)
        batch -= self._centre
        size = (len(batch), self._resamples)
        counts = self._rng.poisson(1.0, size).T.astype("float64")
        self._weights += counts.sum(axis=1)
        self._different += np.count_nonzero(counts, axis=1)
        self._totals = self._totals + counts @ batch.reshape(len(batch), -1)
        products = batch @ batch.transpose(0, 2, 1)
        self._products += np.tensordot(counts, products, 1)

    def resampled(self) -> Array:
        """Covariances of each: float64 array `(resamples, parts, parts)`.

        A resample of very few images may have none or one of them, and then no
        variance to take shares of: it is left out.
        """
        left = self._different > 1
        weights = self._weights[left, None, None]
        parts = self._products.shape[-1]
        totals = self._totals.reshape(self._resamples, parts, -1)
        means = totals[left] / weights
        return self._products[left] / weights - means @ means.transpose(0, 2, 1)


def interval(values: Array, level: float = LEVEL) -> Array:
    """Between which quantiles a share of resamples lies.

    Args:
        values: `(resamples, ...)`.
        level: The share, in (0, 1).

    Returns:
        Lower and upper ends, `(2, ...)`.
    """
    tail = (1 - level) / 2
    return np.quantile(values, [tail, 1 - tail], axis=0)


def interval_columns(values: dict[str, Array]) -> dict[str, Array]:
    """Columns `NAME_low` and `NAME_high`, of values of resamples by name."""
    return {
        f"{name}_{end}": bound
        for name, of_name in values.items()
        for end, bound in zip(("low", "high"), interval(of_name), strict=True)
    }

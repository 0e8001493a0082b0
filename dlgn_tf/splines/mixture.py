"""Each unit as a Gaussian mixture whose components are its regions.

A unit has its own copy of the generative model: x = A_kr + noise with
probability pi_kr. The region that a MASO selects is then the most likely one.

Source: the SMASO paper (arXiv 1810.09274), equations 3 to 6 and Theorem 2.
"""

import dataclasses
import typing

import numpy as np
from numpy import ndarray as Array
from scipy import special

from dlgn_tf.splines.maso import MASO


def region_prior(
    squared_norms: Array, offsets: Array, variance: float = 1.0
) -> Array:
    """pi_kr proportional to exp((B_kr + |A_kr|^2 / 2) / variance).

    A ReLU layer without bias has pi_active = sigmoid(|w|^2 / 2) >= 1/2 by this
    formula: the active region is the favoured one. Appendix C of the paper says
    the opposite of Glorot's initial weights; its formula is what counts here.
    The prior is one of the generative model, not how often a unit fires.

    Args:
        squared_norms: Array `(..., regions)`, |A_kr|^2.
        offsets: Array of the same shape, B_kr.
        variance: Float > 0, of the noise.

    Returns:
        Array of the same shape that sums to 1 over the last axis.
    """
    exponents = np.asarray(offsets) + np.asarray(squared_norms) / 2
    return special.softmax(exponents / variance, axis=-1)


def offsets_of_prior(
    means: Array, prior: Array, variance: float = 1.0
) -> Array:
    """B_kr = variance log pi_kr - |A_kr|^2 / 2, up to a constant of each unit.

    Of means `(units, regions, inputs)`, A, and a prior `(units, regions)`,
    whose shape the offsets have.
    """
    with np.errstate(divide="ignore"):
        logarithms = np.log(prior)
    return variance * logarithms - np.sum(np.square(means), axis=-1) / 2


@dataclasses.dataclass(frozen=True)
class RegionMixture:
    """A Gaussian mixture for each unit, of one isotropic noise.

    Attributes:
        means: Array `(units, regions, inputs)`.
        prior: Array `(units, regions)`.
        variance: Float > 0.
    """

    means: np.ndarray
    prior: np.ndarray
    variance: float = 1.0

    @classmethod
    def of(cls, maso: MASO, variance: float = 1.0) -> typing.Self:
        """The mixture whose most likely region is the one a MASO selects."""
        norms = np.sum(maso.slopes**2, axis=-1)
        prior = region_prior(norms, maso.offsets, variance)
        return cls(maso.slopes, prior, variance)

    def log_posterior(self, x: Array) -> Array:
        """log p(region | x) of each unit, from Bayes' rule.

        Of `(points, inputs)`: array `(points, units, regions)`.
        """
        distances = _squared_distances(x, self.means)
        joint = self._log_prior() - distances / (2 * self.variance)
        return special.log_softmax(joint, axis=-1)

    def _log_prior(self):
        with np.errstate(divide="ignore"):
            return np.log(self.prior)

    def most_likely(self, x: Array) -> Array:
        """The MAP region of each unit, integers `(points, units)`."""
        return np.argmax(self.log_posterior(x), axis=-1)


def _squared_distances(x, means):
    """|x - A_kr|^2 as it stands, one unit at a time."""
    x = np.asarray(x, "float64")
    by_unit = [np.sum((x[:, None] - of_unit) ** 2, -1) for of_unit in means]
    return np.stack(by_unit, axis=1)

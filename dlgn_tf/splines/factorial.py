"""All units of a layer as one factorial Gaussian mixture.

x is the sum of one mean of each unit, plus noise. Inference of all regions at
once takes R^K configurations; where the means of different units are orthogonal
it falls apart into the units.

Source: the SMASO paper (arXiv 1810.09274), equations 10 and 11, Theorem 4 and
Corollary 1.
"""

import dataclasses

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator
from scipy import special

from dlgn_tf.errors import UserError
from dlgn_tf.splines.mixture import RegionMixture

# 2^18 configurations: seconds for a few hundred points.
MOST_CONFIGURATIONS = 2**18
# Points times configurations at once.
_CHUNK = 2**24


def configurations(units: int, regions: int) -> Array:
    """All ways to choose one region a unit.

    Returns:
        Integer array `(regions ** units, units)`.

    Raises:
        UserError: if there are more than `MOST_CONFIGURATIONS`.
    """
    count = regions**units
    if count > MOST_CONFIGURATIONS:
        raise UserError(
            f"Expected at most {MOST_CONFIGURATIONS:,} configurations to "
            f"enumerate. Received: {regions}^{units} of {units} units"
        )
    digits = regions ** np.arange(units)[::-1]
    return np.arange(count)[:, None] // digits % regions


@dataclasses.dataclass(frozen=True)
class FactorialMixture(RegionMixture):
    """Means, priors and noise as of `RegionMixture`, but of one x for all."""

    def configurations(self) -> Array:
        return configurations(*self.prior.shape)

    def interaction(self) -> float:
        """max |<A_kr, A_ls>| over different units; 0 where they factorise."""
        units, regions = self.prior.shape
        flat = self.means.reshape(units * regions, -1)
        unit = np.repeat(np.arange(units), regions)
        products = np.abs(flat @ flat.T)
        return float(products[unit[:, None] != unit].max(initial=0.0))

    def configuration_means(self, chosen: Array) -> Array:
        """Sums `(count, inputs)` of one mean a unit, of `(count, units)`."""
        return sum(self.means[k, chosen[:, k]] for k in range(len(self.means)))

    def sample(self, rng: Generator, count: int) -> tuple[Array, Array]:
        """Points `(count, inputs)`, and configurations `(count, units)`."""
        cumulated = np.cumsum(self.prior, axis=1)
        drawn = rng.random((count, len(self.prior), 1))
        most = self.prior.shape[1] - 1
        chosen = np.minimum((drawn > cumulated).sum(axis=-1), most)
        noise = rng.normal(size=(count, self.means.shape[-1]))
        means = self.configuration_means(chosen)
        return means + noise * np.sqrt(self.variance), chosen

    def joint_log_posterior(self, x: Array) -> Array:
        """log p(configuration | x), `(points, configurations)`; enumerates."""
        return special.log_softmax(self._joint(x, *self._terms()), axis=-1)

    def joint_map(self, x: Array) -> Array:
        """The most likely configuration of each point, by enumeration."""
        means, constants = self._terms()
        step = max(1, _CHUNK // len(means))
        best = [
            np.argmax(self._joint(x[i : i + step], means, constants), axis=-1)
            for i in range(0, len(x), step)
        ]
        return self.configurations()[np.concatenate(best)]

    def per_unit_map(self, x: Array) -> Array:
        """What each unit selects by itself: as many scores as means."""
        norms = np.sum(self.means**2, axis=-1)
        products = np.einsum("nd,krd->nkr", x, self.means)
        scores = (products - norms / 2) / self.variance + self._log_prior()
        return np.argmax(scores, axis=-1)

    def marginals(self, joint: Array) -> Array:
        """p(region of a unit | x) from p(configuration | x).

        Of `(points, configurations)`: array `(points, units, regions)`.
        """
        regions = self.prior.shape[1]
        one_hot = np.eye(regions)[self.configurations()]
        flat = joint @ one_hot.reshape(len(one_hot), -1)
        return flat.reshape(len(joint), -1, regions)

    def _joint(self, x, means, constants):
        return x @ means.T / self.variance + constants

    def _terms(self):
        """Mean and constant of each configuration."""
        chosen = self.configurations()
        means = self.configuration_means(chosen)
        units = np.arange(chosen.shape[1])
        log_prior = self._log_prior()[units, chosen].sum(axis=1)
        norms = np.sum(means**2, axis=-1)
        return means, log_prior - norms / (2 * self.variance)

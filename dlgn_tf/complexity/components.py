"""Components of a feature, and how significant each is.

f = c(l_1) + ... + c(l_n) + remainder, with c(l_i) = Phi(l_i) - Phi(l_{i-1}):
what a net of l_i nonlinear layers can compute of f and one of l_{i-1} cannot.

Source: Ren et al. (arXiv 2006.15920), section 3, equation (1), and the
significance of section 4.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.complexity.covariance import PartCovariance
from dlgn_tf.complexity.features import Feature
from dlgn_tf.complexity.ladder import Ladder
from dlgn_tf.complexity.unit import check_varies
from dlgn_tf.models.evaluation import batches


@dataclasses.dataclass(frozen=True, eq=False)
class Components:
    """A feature's components on a set of images, kept in memory.

    Attributes:
        orders: Tuple of integers l_1 < l_2 < ...; the component of l_i lumps
            the orders l_{i-1} + 1 to l_i together.
        parts: float32 array `(orders, n, *shape)`.
        remainder: float32 array `(n, *shape)`: f - Phi(l_n).
    """

    orders: tuple
    parts: np.ndarray
    remainder: np.ndarray

    def __len__(self) -> int:
        return len(self.remainder)

    @classmethod
    def of(cls, f: Array, outputs: dict) -> "Components":
        """The components that nets of several orders make.

        Args:
            f: Array `(n, *shape)`.
            outputs: Dict from order to Phi, array of the same shape.
        """
        orders = tuple(sorted(outputs))
        return cls(orders, *_split(f, [outputs[order] for order in orders]))

    def feature(self) -> Array:
        """Their sum, f."""
        return self.parts.sum(axis=0) + self.remainder

    def covariance(self) -> Array:
        """Covariances of components and remainder; see `PartCovariance`."""
        stream = PartCovariance(len(self.orders) + 1)
        for batch in batches(len(self), _AT_A_TIME):
            stream.add([*self.parts[:, batch], self.remainder[batch]])
        return stream.matrix()

    def means(self) -> Array:
        """Means of the components over the images, `(orders, *shape)`."""
        return self.parts.mean(axis=1, dtype="float64").astype("float32")


_AT_A_TIME = 1000


def _split(f, outputs):
    """Components and remainder of a feature, as float32 arrays."""
    outputs = [np.asarray(each, "float64") for each in outputs]
    differences = np.diff(
        np.stack([np.zeros_like(outputs[0]), *outputs]), axis=0
    )
    remainder = np.asarray(f, "float64") - outputs[-1]
    return differences.astype("float32"), remainder.astype("float32")


@dataclasses.dataclass(frozen=True, eq=False)
class Significance:
    """Shares of a feature's variance.

    Attributes:
        orders: Tuple of integers.
        covariance: float64 array `(orders + 1, orders + 1)` of the components
            and, last, the remainder; summed over the feature's coordinates.
        images: Integer, over how many.
    """

    orders: tuple
    covariance: np.ndarray
    images: int

    @property
    def variance(self) -> float:
        """Var[f]."""
        return float(self.covariance.sum())

    @property
    def variances(self) -> Array:
        """Var[c(l)]: float64 array `(orders,)`."""
        return np.diag(self.covariance)[:-1]

    @property
    def significance(self) -> Array:
        """rho_c(l) = Var[c(l)] / Var[f]: float64 array `(orders,)`."""
        return self.variances / self.variance

    @property
    def remainders(self) -> Array:
        """rho_rem(l) = Var[f - Phi(l)] / Var[f]: float64 array `(orders,)`.

        What the net of order l leaves, for every l.
        """
        beyond = [
            self.covariance[place:, place:].sum()
            for place in range(1, len(self.orders) + 1)
        ]
        return np.array(beyond) / self.variance

    @property
    def gap(self) -> float:
        """1 - sum of rho_c - rho_rem of the highest order.

        Twice the covariances between components, and with the remainder, over
        Var[f]. The paper does not print it; without it shares that do not add
        up look like shares that do.
        """
        return float(1 - np.trace(self.covariance) / self.variance)

    def of(self, orders: Iterable[int]) -> float:
        """rho(S) = Var[sum of c(l), l in S] / Var[f] of a set of orders.

        Args:
            orders: Iterable of integers, some of `self.orders`.
        """
        chosen = [self.orders.index(order) for order in orders]
        return float(
            self.covariance[np.ix_(chosen, chosen)].sum() / self.variance
        )

    @property
    def profile(self) -> Array:
        """Significances scaled to sum to 1: float64 array `(orders,)`."""
        return self.significance / self.significance.sum()

    def rows(self) -> list:
        """A table, one dict per order."""
        return [
            {
                "order": order,
                "significance": float(share),
                "remainder": float(left),
                "gap": self.gap,
                "variance": float(absolute),
                "feature_variance": self.variance,
                "images": self.images,
            }
            for order, share, left, absolute in zip(
                self.orders,
                self.significance,
                self.remainders,
                self.variances,
                strict=True,
            )
        ]


def measure_significance(
    feature: Feature,
    ladder: Ladder,
    images: Array,
    batch_size: int = _AT_A_TIME,
) -> Significance:
    """How much of a feature's variance each component has.

    Nothing but the covariances is kept, so any number of images will do.
    Images are taken as they are: no augmentation, batch normalisation in
    evaluation mode.

    Args:
        feature: `Feature`.
        ladder: `dlgn_tf.complexity.ladder.Ladder`, or anything with `orders`
            and `outputs(images)`.
        images: Array `(n, height, width, channels)`.
        batch_size: Integer >= 1, images at a time.

    Returns:
        `Significance`.

    Raises:
        UserError: if the feature is constant over the images.
    """
    stream = PartCovariance(len(ladder.orders) + 1)
    for batch in batches(len(images), batch_size):
        parts = Components.of(
            feature.trunk(images[batch]), ladder.outputs(images[batch])
        )
        stream.add([*parts.parts, parts.remainder])
    significance = Significance(
        tuple(ladder.orders), stream.matrix(), stream.count
    )
    check_varies(feature.name, significance.variance, stream)
    return significance


def total_variation(first: Array, second: Array) -> float:
    """Distance of two profiles of the same orders, in [0, 1].

    Args:
        first: Array of shares that sum to 1.
        second: The same.
    """
    return float(np.abs(np.asarray(first) - np.asarray(second)).sum() / 2)

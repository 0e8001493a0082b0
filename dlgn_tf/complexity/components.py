"""Components of a feature, and how significant each is.

f = c(l_1) + ... + c(l_n) + remainder, with c(l_i) = Phi(l_i) - Phi(l_{i-1}):
what a net of l_i nonlinear layers can compute of f and one of l_{i-1} cannot.

Source: Ren et al. (arXiv 2006.15920), section 3, equation (1), and the
significance of section 4.
"""

import dataclasses
from collections.abc import Iterator

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.complexity import resampling, tables
from dlgn_tf.complexity.features import Feature, image_batches
from dlgn_tf.complexity.ladder import Ladder
from dlgn_tf.complexity.resampling import ResampledCovariance
from dlgn_tf.complexity.unit import check_varies


@dataclasses.dataclass(frozen=True, eq=False)
class Components:
    """A feature's components on a set of images, kept in memory.

    Attributes:
        orders: l_1 < l_2 < ...; the component of l_i lumps the orders
            l_{i-1} + 1 to l_i together.
        parts: float32 array `(orders, n, *shape)`.
        remainder: float32 array `(n, *shape)`: f - Phi(l_n).
    """

    orders: tuple[int, ...]
    parts: Array
    remainder: Array

    def __len__(self) -> int:
        return len(self.remainder)

    @classmethod
    def of(cls, f: Array, outputs: dict) -> "Components":
        """The components that nets make of f: Phi by order, `(n, *shape)`."""
        orders = tuple(sorted(outputs))
        phi = np.array([outputs[order] for order in orders], "float64")
        parts = np.diff(phi, axis=0, prepend=0).astype("float32")
        remainder = np.asarray(f, "float64") - phi[-1]
        return cls(orders, parts, remainder.astype("float32"))

    def feature(self) -> Array:
        """Their sum, f."""
        return self.parts.sum(axis=0) + self.remainder


@dataclasses.dataclass(frozen=True, eq=False)
class Significance:
    """Shares of a feature's variance.

    Attributes:
        orders: Those of the components, from low to high.
        covariance: float64 array `(orders + 1, orders + 1)` of the components
            and, last, the remainder; summed over the feature's coordinates.
        images: Over how many.
        resampled: float64 array `(resamples, orders + 1, orders + 1)`, the same
            of images drawn again, from which intervals follow; None where that
            was not asked for.
    """

    orders: tuple[int, ...]
    covariance: Array
    images: int
    resampled: Array | None = None

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
        return _shares(self.covariance)

    @property
    def remainders(self) -> Array:
        """rho_rem(l) = Var[f - Phi(l)] / Var[f]: float64 array `(orders,)`.

        What the net of order l leaves, for every l.
        """
        return _remainders(self.covariance)

    @property
    def gap(self) -> float:
        """1 - sum of rho_c - rho_rem of the highest order.

        Twice the covariances between components, and with the remainder, over
        Var[f]. The paper does not print it; without it shares that do not add
        up look like shares that do.
        """
        return float(1 - np.trace(self.covariance) / self.variance)

    @property
    def profile(self) -> Array:
        """Significances scaled to sum to 1: float64 array `(orders,)`."""
        return self.significance / self.significance.sum()

    def rows(self) -> list[dict]:
        """A table, one dict per order.

        With resamples it has the ends of 95% intervals, too: `NAME_low` and
        `NAME_high` of significances and remainders.
        """
        columns = {
            "order": self.orders,
            "significance": self.significance,
            "remainder": self.remainders,
            "gap": self.gap,
            "variance": self.variances,
            "feature_variance": self.variance,
            "images": self.images,
        }
        if self.resampled is not None:
            again = {
                "significance": _shares(self.resampled),
                "remainder": _remainders(self.resampled),
            }
            columns |= resampling.interval_columns(again)
        return tables.by_order(columns)


def _shares(covariance):
    """rho_c of covariances `(..., orders + 1, orders + 1)`."""
    variances = np.diagonal(covariance, axis1=-2, axis2=-1)[..., :-1]
    return variances / covariance.sum(axis=(-2, -1))[..., None]


def _remainders(covariance):
    """rho_rem of the same."""
    beyond = [
        covariance[..., place:, place:].sum(axis=(-2, -1))
        for place in range(1, covariance.shape[-1])
    ]
    whole = covariance.sum(axis=(-2, -1))
    return np.stack(beyond, axis=-1) / whole[..., None]


def measure_significance(
    feature: Feature,
    ladder: Ladder,
    images: Array,
    batch_size: int | None = None,
    resamples: int = 0,
) -> Significance:
    """How much of a feature's variance each component has.

    Nothing but the covariances is kept, so any number of images will do.
    Images are taken as they are: no augmentation, batch normalisation in
    evaluation mode.

    Args:
        feature: What the components are of.
        ladder: Nets, or anything with `orders` and `outputs(images)`.
        images: `(n, height, width, channels)`.
        batch_size: >= 1, images at a time. Defaults to 1000 of 32x32x3,
            and to fewer of larger ones.
        resamples: How often images are drawn again, for intervals; each costs
            the memory of the components of one image, in float64.

    Raises:
        UserError: if the feature is constant over the images.
    """
    stream = ResampledCovariance(len(ladder.orders) + 1, resamples)
    for _, components in streamed(feature, ladder, images, batch_size):
        stream.add([*components.parts, components.remainder])
    significance = Significance(
        tuple(ladder.orders),
        stream.matrix(),
        stream.count,
        stream.resampled() if resamples else None,
    )
    check_varies(feature.name, significance.variance, stream)
    return significance


def streamed(
    feature: Feature,
    ladder: Ladder,
    images: Array,
    batch_size: int | None = None,
) -> Iterator[tuple[slice, Components]]:
    """Components of images as `measure_significance` takes them in."""
    for batch in image_batches(images, batch_size):
        f, outputs = feature.trunk(images[batch]), ladder.outputs(images[batch])
        yield batch, Components.of(f, outputs)


def total_variation(first: Array, second: Array) -> float:
    """Distance of two profiles of the same orders, in [0, 1].

    Profiles are arrays of shares that sum to 1.
    """
    return float(np.abs(np.asarray(first) - np.asarray(second)).sum() / 2)

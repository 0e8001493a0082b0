"""How much each component helps, on training images and beyond them.

The components of a feature are players of a game: a coalition's value is what
the network's head makes of the sum of its components. Shapley values share out
the loss. The remainder is no player; it is always there.

Source: Ren et al. (arXiv 2006.15920), section 4.
"""

import dataclasses
import typing

import numpy as np
from keras import ops
from numpy import ndarray as Array
from scipy.special import logsumexp

from dlgn_tf.complexity import shapley, tables
from dlgn_tf.complexity.components import Components, streamed
from dlgn_tf.complexity.covariance import PartCovariance
from dlgn_tf.complexity.features import BATCH_SIZE, Feature
from dlgn_tf.complexity.ladder import Ladder
from dlgn_tf.errors import check_choice

if typing.TYPE_CHECKING:
    from dlgn_tf.data.images import ImageSet


BASELINES = ("zero", "mean")
# Of the variance that a contribution is divided by.
POWERS = {"std": 0.5, "var": 1.0, "none": 0.0}
# Share of all that the components contribute below which a contribution is
# too small to divide by.
_SMALLEST = 1e-3


@dataclasses.dataclass(frozen=True, eq=False)
class Effectiveness:
    """The games on training and on test images.

    Attributes:
        orders: The players.
        train_losses: float64 array `(2^orders,)`, mean cross-entropy of every
            coalition over the training images; see `shapley` for their order.
        test_losses: The same over the test images.
        variances: float64 array `(orders,)`, Var[c(l)] over the training
            images, summed over the feature's coordinates.
    """

    orders: tuple[int, ...]
    train_losses: Array
    test_losses: Array
    variances: Array

    @property
    def phi_train(self) -> Array:
        """Shapley values of minus the training loss: array `(orders,)`."""
        return shapley.values(-self.train_losses)

    @property
    def phi_test(self) -> Array:
        """Shapley values of minus the test loss: array `(orders,)`."""
        return shapley.values(-self.test_losses)

    @property
    def phi_overfit(self) -> Array:
        """Shapley values of the generalisation gap, test minus training loss.

        Source: section 4 of the paper; equal to `phi_train - phi_test`.
        """
        return shapley.values(self.test_losses - self.train_losses)

    def effective(self, norm: str = "std") -> Array:
        """alpha_effective: what a component contributes for its size.

        Args:
            norm: `"std"`, divided by the square root of Var[c(l)] (assumed:
                the text says only that it is normalised); `"var"`, by the
                variance; `"none"`, as it is.

        Returns:
            float64 array `(orders,)`; but for `"none"`, NaN for a component
            without variance, up to rounding in float32: it has no size.

        Raises:
            UserError: if there is no such norm.
        """
        check_choice("norm", norm, POWERS)
        power = POWERS[norm]
        if not power:
            return self.phi_train
        rounding = np.finfo("float32").eps ** 2 * self.variances.max()
        ratio = np.full(len(self.variances), np.nan)
        np.divide(
            self.phi_train,
            self.variances.clip(min=0) ** power,
            out=ratio,
            where=self.variances > rounding,
        )
        return ratio

    @property
    def overfit(self) -> Array:
        """alpha_overfit: growth of the gap for a unit of training loss.

        A float64 array `(orders,)`: 0 where a component helps on test images
        as much as on training images, 1 where it helps on these alone, more
        where it hurts on test images; NaN where its contribution is below
        1/1000 of what all contribute together (assumed), as it then divides by
        nothing.
        """
        gained = self.phi_train
        total = abs(self.train_losses[0] - self.train_losses[-1])
        enough = np.abs(gained) >= max(_SMALLEST * total, np.finfo(float).tiny)
        ratio = np.full(len(gained), np.nan)
        np.divide(self.phi_overfit, gained, out=ratio, where=enough)
        return ratio

    def rows(self) -> list[dict]:
        """A table, one dict per order."""
        return tables.by_order(
            {
                "order": self.orders,
                "phi_train": self.phi_train,
                "phi_test": self.phi_test,
                "phi_overfit": self.phi_overfit,
                "alpha_effective": self.effective(),
                "alpha_overfit": self.overfit,
                "variance": self.variances,
            }
        )


def measure_effectiveness(
    feature: Feature,
    ladder: Ladder,
    train: "ImageSet",
    test: "ImageSet",
    baseline: str = "zero",
    batch_size: int = BATCH_SIZE,
) -> Effectiveness:
    """Plays the games of a network's components.

    Trunk and disentangler nets are run once an image, the head once a
    coalition: 16 times for four orders. All in evaluation mode.

    Args:
        feature: One with a head that returns logits.
        ladder: Nets, or anything with `orders` and `outputs(images)`.
        train: Images that the network was trained on.
        test: Images that it was not.
        baseline: What stands for a component that is left out: `"zero"`, as in
            the paper, or `"mean"`, its mean over the training images (assumed:
            the lowest component carries the feature's mean, and leaving it out
            takes that away too).
        batch_size: Integer >= 1, images at a time.

    Raises:
        UserError: if there is no such baseline.
    """
    check_choice("baseline", baseline, BASELINES)
    stream = PartCovariance(len(ladder.orders))
    for _, components in streamed(feature, ladder, train.images, batch_size):
        stream.add(components.parts)
    absent = None
    if baseline == "mean":
        absent = stream.means.reshape(-1, *feature.shape).astype("float32")

    def losses(images):
        batches = streamed(feature, ladder, images.images, batch_size)
        total = sum(
            coalition_losses(
                feature,
                components,
                images.images[batch],
                images.labels[batch],
                absent,
            )
            * len(components)
            for batch, components in batches
        )
        return total / len(images)

    return Effectiveness(
        tuple(ladder.orders),
        losses(train),
        losses(test),
        np.diag(stream.matrix()),
    )


def coalition_losses(
    feature: Feature,
    components: Components,
    images: Array,
    labels: Array,
    absent: Array | None = None,
) -> Array:
    """Mean cross-entropy of every coalition of components, on one batch.

    Args:
        feature: What the components are of.
        components: Those of the images.
        images: `(n, height, width, channels)`, for what the head takes beside
            the feature.
        labels: Integers `(n,)`.
        absent: Array `(orders, *shape)` that stands for a component that is
            left out; None for zero.

    Returns:
        float64 array `(2^orders,)`.
    """
    context = feature.context(images)
    players = len(components.orders)
    losses = []
    for coalition in range(2**players):
        present = shapley.members(coalition, players)
        f = components.remainder + components.parts[present].sum(axis=0)
        if absent is not None:
            f = f + absent[~present].sum(axis=0)
        logits = ops.convert_to_numpy(feature.logits(f, context))
        losses.append(cross_entropy(logits, labels).mean())
    return np.array(losses)


def cross_entropy(logits: Array, labels: Array) -> Array:
    """Cross-entropy of each image, `(n,)`, from logits `(n, classes)`."""
    logits = np.asarray(logits, "float64")
    chosen = logits[np.arange(len(labels)), labels]
    return logsumexp(logits, axis=1) - chosen

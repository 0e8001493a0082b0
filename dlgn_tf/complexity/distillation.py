"""Training a net to give the features of other networks, epoch by epoch.

An epoch is so many images drawn with replacement. What is drawn, and how it is
cropped and mirrored, is a pure function of (seed, stream, epoch).
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

import keras
import numpy as np
from numpy import ndarray as Array

from dlgn_tf.command import startup
from dlgn_tf.command.progress import Progress
from dlgn_tf.complexity.features import BATCH_SIZE, Feature, in_batches
from dlgn_tf.data.augmentation import AugmentedImages, check_policy
from dlgn_tf.errors import UserError
from dlgn_tf.models.evaluation import batches
from dlgn_tf.models.graphs import graph_of

tf = startup.tensorflow()

# Features of all images are kept where they take no more than this.
_CACHED_BYTES = 2**31


@dataclasses.dataclass(frozen=True)
class Distillation:
    """How long, how fast and on what a net is trained.

    The defaults are the authors' (their code); Adam with a learning rate that
    falls from epoch to epoch in equal ratios.

    Attributes:
        epochs: >= 1.
        draws: Images of an epoch, drawn with replacement.
        first_rate: > 0, learning rate of the first epoch.
        last_rate: > 0, that of the last.
        augmentation: One of `dlgn_tf.choices.AUGMENTATIONS`; the target is
            the feature of the augmented image.
        seed: From which draws and initial weights follow.
    """

    epochs: int = 500
    draws: int = 2000
    first_rate: float = 1e-3
    last_rate: float = 1e-5
    augmentation: str = "flip_crop"
    seed: int = 0

    def __post_init__(self):
        check_policy(self.augmentation)
        if min(self.epochs, self.draws) < 1:
            raise UserError(
                "Expected at least one epoch of at least one image. Received: "
                f"epochs={self.epochs}, draws={self.draws}"
            )

    @property
    def rates(self) -> Array:
        """Learning rate of each epoch."""
        return np.geomspace(self.first_rate, self.last_rate, self.epochs)


class Draws:
    """The images and features of every epoch.

    Args:
        features: Of the networks to imitate.
        images: uint8 array `(n, height, width, channels)`; no labels.
        settings: How many are drawn, and how they are augmented.
        progress: Whether to show how far the features of all images are, where
            they are computed before the first draw.
    """

    def __init__(
        self,
        features: Sequence[Feature],
        images: Array,
        settings: Distillation,
        progress: bool = False,
    ) -> None:
        self._features, self._settings = list(features), settings
        self._images, self._progress = images, progress

    def at(self, stream: int, epoch: int) -> tuple[Array, list]:
        """Images of an epoch and their features.

        Args:
            stream: Integer >= 0, such as a net's order.
            epoch: Integer >= 0.

        Returns:
            `(images, targets)`: array `(draws, height, width, channels)`; list
            of float32 arrays `(draws, *feature shape)`, one per network.
        """
        settings = self._settings
        rng = np.random.default_rng([settings.seed, stream, epoch])
        chosen = rng.integers(0, len(self._images), settings.draws)
        images = self._augmented.draw(chosen, rng)
        if self._stored is not None:
            return images, [f[chosen] for f in self._stored]
        return images, [f.trunk(images) for f in self._features]

    @functools.cached_property
    def _augmented(self):
        return AugmentedImages(self._images, self._settings.augmentation)

    @functools.cached_property
    def _stored(self):
        """Features of all images, or None where they are better not kept."""
        count, settings = len(self._images), self._settings
        numbers = count * sum(f.size for f in self._features)
        if (
            settings.augmentation != "none"
            or 4 * numbers > _CACHED_BYTES
            or settings.epochs * settings.draws < count
        ):
            return None
        return [self._of_all(feature) for feature in self._features]

    def _of_all(self, feature):
        count = len(self._images)
        shown = Progress(
            "features", 0, count, "image", silent=not self._progress
        )
        features = np.empty((count, *feature.shape), "float32")
        for batch in batches(count, BATCH_SIZE):
            features[batch] = feature.trunk(self._images[batch])
            shown.update(min(batch.stop, count))
        return features


def distil(
    net: keras.Model,
    draws: Draws,
    stream: int,
    settings: Distillation,
    batch_size: int,
    after_epoch: Callable | None = None,
) -> Array:
    """Trains a net with Adam on the mean squared error, in place.

    The error of several outputs is the sum of theirs, each the mean over
    images, channels and positions.

    Args:
        net: Images -> feature or list of features.
        draws: Draws of as many features.
        stream: See `Draws.at`.
        settings: How long and how fast.
        batch_size: Integer >= 1, images of a step.
        after_epoch: Function of the number of epochs done and the epoch's mean
            error, or None.

    Returns:
        float64 array `(epochs,)`, mean error over each epoch.

    Raises:
        UserError: if the error is not finite.
    """
    step = _Steps(net)
    errors = []
    for epoch, rate in enumerate(settings.rates):
        images, targets = draws.at(stream, epoch)
        errors.append(step(images, targets, rate, batch_size))
        if not np.isfinite(errors[-1]):
            raise UserError(
                "Expected a training whose error stays finite. Received: "
                f"{errors[-1]} in epoch {epoch} of {net.name}; a lower "
                "learning rate may help"
            )
        if after_epoch:
            after_epoch(epoch + 1, errors[-1])
    return np.array(errors)


class _Steps:
    """Adam over the batches of an epoch, in one graph."""

    def __init__(self, net):
        self._net = net
        self._adam = keras.optimizers.Adam(1e-3)
        self._adam.build(net.trainable_variables)
        # One graph a net; one that all nets shared would be traced as often.
        self._graph = graph_of(self._epoch, reduce_retracing=True)

    def __call__(self, images, targets, rate, batch_size):
        """Trains for one epoch; returns the mean error, a float."""
        self._adam.learning_rate.assign(rate)
        total = self._graph(
            tf.constant(images), list(map(tf.constant, targets)), batch_size
        )
        return float(total) / len(images)

    def _epoch(self, images, targets, batch_size):
        total = tf.constant(0.0, tf.float64)
        for first in tf.range(0, tf.shape(images)[0], batch_size):
            batch = slice(first, first + batch_size)
            pixels = tf.cast(images[batch], tf.float32)
            error = self._step(pixels, [t[batch] for t in targets])
            count = tf.cast(tf.shape(pixels)[0], tf.float64)
            total += count * tf.cast(error, tf.float64)
        return total

    def _step(self, pixels, targets):
        variables = self._net.trainable_variables
        with tf.GradientTape() as tape:
            outputs = tf.nest.flatten(self._net(pixels, training=True))
            error = tf.add_n(
                [
                    tf.reduce_mean(tf.square(output - target))
                    for output, target in zip(outputs, targets, strict=True)
                ]
            )
        gradients = tape.gradient(error, [v.value for v in variables])
        self._adam.apply(gradients, variables)
        return error


def shown_epochs(title: str, epochs: int, progress: bool) -> Callable:
    """An `after_epoch` that shows how far a training is, where it should."""
    shown = Progress(title, 0, epochs, "epoch", silent=not progress)
    return lambda done, error: shown.update(
        done, {"error": error}, line=done == epochs
    )


def outputs_of(net: keras.Model, images: Array) -> Array:
    """Outputs of a net in evaluation mode: float32 `(n, *output shape)`."""

    def evaluated(images):
        return net(tf.cast(images, tf.float32), training=False)

    return in_batches(evaluated, images)

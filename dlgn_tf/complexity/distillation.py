"""Training a net to give the features of other networks, epoch by epoch.

An epoch is so many images drawn with replacement. What is drawn, and how it is
cropped and mirrored, is a pure function of (seed, stream, epoch).
"""

import dataclasses
from collections.abc import Callable, Sequence

import keras
import numpy as np
from numpy import ndarray as Array

from dlgn_tf.command import startup
from dlgn_tf.command.progress import Progress
from dlgn_tf.data.augmentation import AugmentedImages, check_policy
from dlgn_tf.errors import UserError
from dlgn_tf.models.evaluation import batches
from dlgn_tf.models.graphs import graph_of

tf = startup.tensorflow()

# Features of all images are kept where they take no more than this.
_CACHED_BYTES = 2**31
# Images at a time in evaluation mode.
_AT_A_TIME = 250


@dataclasses.dataclass(frozen=True)
class Distillation:
    """How long, how fast and on what a net is trained.

    The defaults are the authors' (their code); Adam with a learning rate that
    falls from epoch to epoch in equal ratios.

    Attributes:
        epochs: Integer >= 1.
        draws: Integer, images of an epoch, drawn with replacement.
        first_rate: Float > 0, learning rate of the first epoch.
        last_rate: Float > 0, that of the last.
        augmentation: One of `dlgn_tf.choices.AUGMENTATIONS`; the target is
            the feature of the augmented image. Defaults to `"flip_crop"`.
        seed: Integer from which draws and initial weights follow.
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
        features: List of `Feature`, the networks to imitate.
        images: uint8 array `(n, height, width, channels)`; no labels.
        settings: `Distillation`.
        progress: Boolean. Whether to show how far the features of all images
            are, where they are computed before the first draw.
    """

    def __init__(
        self,
        features: Sequence,
        images: Array,
        settings: Distillation,
        progress: bool = False,
    ) -> None:
        self._features, self._settings = list(features), settings
        self._count = len(images)
        self._augmented = AugmentedImages(images, settings.augmentation)
        self._cached = None
        bytes_of_all = 4 * len(images) * sum(f.size for f in self._features)
        if (
            settings.augmentation == "none"
            and bytes_of_all <= _CACHED_BYTES
            and settings.epochs * settings.draws >= len(images)
        ):
            self._cached = [
                _of_all(feature, images, progress) for feature in self._features
            ]

    def images_at(self, stream: int, epoch: int) -> Array:
        """Images of an epoch: array `(draws, height, width, channels)`.

        Args:
            stream: Integer >= 0, such as a net's order.
            epoch: Integer >= 0.
        """
        return self._drawn(stream, epoch)[1]

    def at(self, stream: int, epoch: int) -> tuple[Array, list]:
        """Images of an epoch and their features.

        Returns:
            `(images, targets)`: see `images_at`; list of float32 arrays
            `(draws, *feature shape)`, one per network.
        """
        chosen, images = self._drawn(stream, epoch)
        if self._cached is not None:
            return images, [f[chosen] for f in self._cached]
        return images, [f.trunk(images) for f in self._features]

    def _drawn(self, stream, epoch):
        seed = self._settings.seed
        rng = np.random.default_rng([seed, stream, epoch])
        chosen = rng.integers(0, self._count, self._settings.draws)
        return chosen, self._augmented.draw(chosen, rng)


def _of_all(feature, images, progress):
    shown = Progress("features", 0, len(images), "image", silent=not progress)
    features = np.empty((len(images), *feature.shape), "float32")
    for first in range(0, len(images), _AT_A_TIME):
        batch = images[first : first + _AT_A_TIME]
        features[first : first + len(batch)] = feature.trunk(batch)
        shown.update(first + len(batch))
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
    images, channels and places.

    Args:
        net: `keras.Model`, images -> feature or list of features.
        draws: `Draws` of as many features.
        stream: Integer, see `Draws`.
        settings: `Distillation`.
        batch_size: Integer.
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


def outputs_of(
    net: keras.Model, images: Array, batch_size: int = _AT_A_TIME
) -> Array:
    """Outputs of a net in evaluation mode.

    Args:
        net: Functional `keras.Model` of images with one output.
        images: Array `(n, height, width, channels)`.
        batch_size: Integer >= 1, images at a time.

    Returns:
        float32 array `(n, *output shape)`.
    """
    return np.concatenate(
        [
            net(tf.cast(images[batch], tf.float32), training=False).numpy()
            for batch in batches(len(images), batch_size)
        ]
    )

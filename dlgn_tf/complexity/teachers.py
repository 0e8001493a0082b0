"""Networks to be studied, trained on few images as the paper trains them.

Source: Ren et al. (arXiv 2006.15920), section 4 (their code): Adam, batches of
128, a learning rate that falls from 1e-3 to 1e-4 in equal ratios.
"""

import dataclasses

import keras
import numpy as np

from dlgn_tf.data.batches import BatchSampler
from dlgn_tf.data.images import ImageSet
from dlgn_tf.layers import BatchNorm
from dlgn_tf.models.build import create_model
from dlgn_tf.models.classifier import ImageClassifier
from dlgn_tf.training import short

# Of batch normalisation, PyTorch's default: the zoo's 0.99 lags behind a
# training of some hundred steps.
_MOMENTUM = 0.9


@dataclasses.dataclass(frozen=True)
class TeacherSettings:
    """How a network is trained before it is studied.

    Attributes:
        epochs: Passes over its images.
        batch_size: Of fewer images, all of them.
        first_rate: > 0, learning rate of the first epoch.
        last_rate: > 0, that of the last.
        augmentation: One of `dlgn_tf.choices.AUGMENTATIONS`.
        seed: From which initial weights and batches follow.
    """

    epochs: int = 300
    batch_size: int = 128
    first_rate: float = 1e-3
    last_rate: float = 1e-4
    augmentation: str = "none"
    seed: int = 0


def standardization(images):
    """`mean` and `std` of the channels of an `ImageSet`, of pixels / 255."""
    pixels, axes = images.images / 255.0, (0, 1, 2)
    return {"mean": pixels.mean(axis=axes), "std": pixels.std(axis=axes)}


def create_teacher(name, images, classes=10, seed=0, **options):
    """A network of the zoo that standardises the channels of an `ImageSet`.

    Name and options are those of `create_model`: a ResNet of depth 8 or 14 is
    `"resnet20_dnn"` with `depth=8` or `depth=14`.
    """
    model = create_model(
        name,
        images.images.shape[1:],
        classes,
        seed=seed,
        **standardization(images),
        **options,
    )
    for layer in model._flatten_layers():
        if isinstance(layer, BatchNorm):
            layer.momentum = _MOMENTUM
    return model


def train_teacher(
    model: ImageClassifier, images: ImageSet, settings: TeacherSettings
) -> ImageClassifier:
    """Trains a network on the cross-entropy, in place, and returns it.

    Args:
        model: Such as `dlgn_tf.models.create_model` makes.
        images: What it is trained on.
        settings: How long, how fast and in which batches.
    """
    batch_size = min(settings.batch_size, len(images))
    sampler = BatchSampler(
        images, batch_size, settings.seed, settings.augmentation
    )
    rates = np.geomspace(
        settings.first_rate, settings.last_rate, settings.epochs
    )
    adam = keras.optimizers.Adam(settings.first_rate)
    short.train(model, adam, sampler, -(-len(images) // batch_size), rates)
    return model

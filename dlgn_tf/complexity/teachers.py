"""The trained networks that the paper takes apart: ResNets on few images.

Source: the complexity paper (arXiv 2006.15920), its appendix and code: Adam,
300 epochs, batches of 128, learning rates from 1e-3 down to 1e-4 in equal steps
of their logarithms, one an epoch.
"""

import keras
import numpy as np
import tensorflow as tf

from dlgn_tf.data.batches import BatchSampler
from dlgn_tf.data.batches import train_dataset
from dlgn_tf.models.build import create_model
from dlgn_tf.training.steps import TrainingSteps

BATCH_SIZE = 128
FIRST_RATE, LAST_RATE = 1e-3, 1e-4
# Images that are evaluated at once.
_EVALUATED = 500


def create_resnet(depth, image_shape, classes=10, width=16, seed=0, **options):
    """The paper's ResNet: original blocks, shortcut A.

    Args:
        depth: Integer, 6n + 2: 8, 14, 20, 32 and 44 in the paper.
        image_shape: Tuple `(height, width, channels)`.
        classes: Integer.
        width: Integer, filters of the first group.
        seed: Integer of the initial weights.
        **options: Of `create_model`, such as `mean` and `std`.

    Returns:
        `ReLUNetwork`.
    """
    return create_model(
        "resnet20_dnn",
        image_shape,
        classes,
        depth=depth,
        width=width,
        seed=seed,
        **options,
    )


def last_block(depth):
    """Name of the layer whose output enters the last ReLU of a ResNet."""
    return f"group3_block{(depth - 2) // 6}_add"


def train(
    model,
    images,
    seed,
    epochs,
    augmentation="none",
    batch_size=BATCH_SIZE,
):
    """Trains a network on labelled images, in place.

    Args:
        model: `ImageClassifier`.
        images: `ImageSet`.
        seed: Integer, from which the order of the images follows.
        epochs: Integer >= 1.
        augmentation: One of `dlgn_tf.data.augmentation.POLICIES`; the paper
            has `"flip_crop"`.
        batch_size: Integer; of fewer images, as many as there are.
    """
    sampler = BatchSampler(
        images, min(batch_size, len(images)), seed, augmentation
    )
    of_epoch = max(1, len(images) // sampler.batch_size)
    steps = TrainingSteps(
        model,
        keras.optimizers.Adam(log_spaced_rates(of_epoch, epochs)),
        tf.distribute.get_strategy(),
        sampler.batch_size,
        l2=0.0,
    )
    steps(iter(train_dataset(sampler, 0, epochs * of_epoch)), epochs * of_epoch)


def log_spaced_rates(of_epoch, epochs):
    """Learning rates from the first to the last, one an epoch.

    Args:
        of_epoch: Integer, steps of an epoch.
        epochs: Integer >= 1; with one epoch there is the first rate alone.
    """
    decay = (LAST_RATE / FIRST_RATE) ** (1 / max(epochs - 1, 1))
    return keras.optimizers.schedules.ExponentialDecay(
        FIRST_RATE, of_epoch, decay, staircase=True
    )


def evaluate(function, images):
    """Accuracy and mean cross-entropy.

    Args:
        function: Of images `(batch, height, width, channels)`, to logits.
        images: `ImageSet`.

    Returns:
        `(accuracy, loss)`: share of the images and a float in float64.
    """
    logits = np.concatenate(
        [
            keras.ops.convert_to_numpy(
                function(images.images[start : start + _EVALUATED])
            )
            for start in range(0, len(images), _EVALUATED)
        ]
    )
    return scores(logits, images.labels)


def scores(logits, labels):
    """Accuracy and mean cross-entropy of logits.

    Args:
        logits: `(examples, classes)`.
        labels: Integers `(examples,)`.

    Returns:
        `(accuracy, loss)`, floats.
    """
    logits = np.asarray(logits, "float64")
    largest = logits.max(axis=1, keepdims=True)
    normalizer = np.log(np.exp(logits - largest).sum(axis=1)) + largest[:, 0]
    right = logits[np.arange(len(labels)), labels]
    return (
        float(np.mean(logits.argmax(axis=1) == labels)),
        float(np.mean(normalizer - right)),
    )

"""Trains students with the package's steps, measuring on the way."""

import dataclasses

import keras
import numpy as np

from dlgn_tf.data.batches import BatchSampler
from dlgn_tf.locality import selectivity, student
from dlgn_tf.locality.responses import Responses
from dlgn_tf.training import short

BATCH_SIZE = 128
LEARNING_RATE = 3e-3


@dataclasses.dataclass(frozen=True)
class History:
    """A training of a student.

    Attributes:
        steps: Steps after which it was measured, the first 0.
        selectivity: Dict from what was measured, see `Responses`, to
            an array `(measurements, levels)` on the test inputs.
        accuracies: On the test inputs, `(measurements,)`.
    """

    steps: np.ndarray
    selectivity: dict
    accuracies: np.ndarray


def train(model, train_teacher, test_teacher, seed, epochs=15, labels=None):
    """Adam with learning rate 3e-3, batches of 128, cross-entropy (assumed).

    A student is trained on the inputs of one `Teacher` and measured, at first
    and after each epoch, on those of another; the order of the inputs follows
    from the seed. `labels` are integers `(inputs,)` in place of the first
    teacher's.

    Returns:
        `History`.
    """
    images = student.images_of(train_teacher, labels)
    test = student.images_of(test_teacher)
    sampler = BatchSampler(images, min(BATCH_SIZE, len(images)), seed)
    of_epoch = max(1, len(images) // sampler.batch_size)
    adam = keras.optimizers.Adam(LEARNING_RATE)
    rates = [LEARNING_RATE] * epochs
    read = Responses(model)
    points = [_measured(read, test, test_teacher)]
    for _ in short.rounds(model, adam, sampler, of_epoch, rates):
        points.append(_measured(read, test, test_teacher))
    return History(
        of_epoch * np.arange(epochs + 1),
        {
            what: np.array([found[what] for found, _ in points])
            for what in points[0][0]
        },
        np.array([accuracy for _, accuracy in points]),
    )


def _measured(read, images, teacher):
    """Selectivity by kind and level, and accuracy."""
    found = read(images.images)
    accuracy = np.mean(found.pop("logits").argmax(axis=1) == images.labels)
    return {
        what: selectivity.by_level(levels, teacher)
        for what, levels in found.items()
    }, float(accuracy)

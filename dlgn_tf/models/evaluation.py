"""What a model says of images that are in memory, batch by batch."""

import math

import keras
import numpy as np
from keras import ops

from dlgn_tf.command.memory import GIB
from dlgn_tf.errors import UserError

# How often outputs of layers are held, and the numbers of a small image.
_HELD, _NUMBERS = 4, 32 * 32 * 3


def batches(count, size):
    """Slices of at most `size` that cover `range(count)`, a list.

    Raises:
        UserError: if `count` is not positive.
    """
    if count < 1:
        raise UserError("Expected at least one image. Received: none")
    return [slice(first, first + size) for first in range(0, count, size)]


def at_a_time(images, most):
    """How many images are computed at once, fewer if they are large.

    It is `most` for images of 32x32x3 and smaller ones; the memory that outputs
    of layers take grows with the size of an image.
    """
    return max(1, min(most, most * _NUMBERS // math.prod(images.shape[1:])))


def fitting(model, memory_gib, most):
    """How many images an `ImageClassifier` computes at once in so many GiB.

    As many as leave room for the outputs of all layers several times, at most
    `most` and at least one.
    """
    return max(1, min(most, int(memory_gib * GIB // passing_bytes(model))))


def passing_bytes(model):
    """Bytes of memory that one image takes in an `ImageClassifier`, roughly."""
    numbers = sum(
        math.prod(layer.output.shape[1:])
        for network in model.networks.values()
        for layer in network.layers
        if hasattr(layer.output, "shape")
    )
    return 4 * _HELD * numbers


def logits(model, images, batch_size=1000):
    """Logits of a model in evaluation mode, an array `(samples, classes)`."""
    return np.concatenate(
        [
            ops.convert_to_numpy(model(images[batch], training=False))
            for batch in batches(len(images), batch_size)
        ]
    )


def accuracy(
    model: keras.Model,
    images: np.ndarray,
    labels: np.ndarray,
    batch_size: int = 1000,
) -> float:
    """Share of images `(samples, ...)` whose class a model predicts."""
    predicted = logits(model, images, batch_size).argmax(axis=-1)
    return float(np.mean(predicted == labels))

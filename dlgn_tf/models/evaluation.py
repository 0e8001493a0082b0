"""What a model says of images that are in memory, batch by batch."""

import keras
import numpy as np
from keras import ops

from dlgn_tf.errors import UserError


def batches(count, size):
    """Slices of at most `size` that cover `range(count)`, a list.

    Raises:
        UserError: if `count` is not positive.
    """
    if count < 1:
        raise UserError("Expected at least one image. Received: none")
    return [slice(first, first + size) for first in range(0, count, size)]


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

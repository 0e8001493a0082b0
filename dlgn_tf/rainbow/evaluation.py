"""Accuracy of a Keras model on arrays."""

import keras
import numpy as np

from dlgn_tf.rainbow.moments import in_batches


def predictions(model, images, batch_size=1000):
    """Classes that a model predicts, in evaluation mode.

    Args:
        model: `keras.Model`, images -> logits.
        images: Array `(samples, ...)`.
        batch_size: Integer.

    Returns:
        Integer array `(samples,)`.
    """
    return np.concatenate(
        [
            keras.ops.convert_to_numpy(model(batch, training=False)).argmax(-1)
            for batch in in_batches(images, batch_size)
        ]
    )


def accuracy(model, images, labels, batch_size=1000):
    """Share of images whose class a model predicts.

    Args:
        model: See `predictions`.
        images: Array `(samples, ...)`.
        labels: Integer array `(samples,)`.
        batch_size: Integer.

    Returns:
        Float in [0, 1].
    """
    return float(np.mean(predictions(model, images, batch_size) == labels))

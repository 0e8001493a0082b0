"""A small convolutional network on scikit-learn's digits, for short trainings.

Plain Keras: what is compared here are weights after a training, and not how it
is done.
"""

import keras
import numpy as np

from dlgn_tf.data.sources import load
from dlgn_tf.models.build import create_model
from dlgn_tf.models.orthogonal import with_orthogonal_filters
from dlgn_tf.models.orthogonal_options import OrthogonalFilters
from dlgn_tf.regularizers import Orthogonality

KINDS = ("plain", "penalty", "Gram-Schmidt")
WIDTH, BATCH_SIZE, LEARNING_RATE = 16, 64, 2e-3


def create(seed, **options):
    """The functional network of a c4gap_dnn, normalised image to logits.

    Args:
        seed: Integer, of the initial weights.
        **options: Of `create_model`.
    """
    return create_model(
        "c4gap_dnn", (8, 8, 1), width=WIDTH, seed=seed, **options
    ).network


def create_kind(kind, seed):
    """One of `KINDS`; all of a seed start from the same kernels.

    Args:
        kind: `"plain"`; `"penalty"`, with the orthogonality penalty at 1 on
            every kernel; or `"Gram-Schmidt"`, orthogonal by construction.
        seed: See `create`.
    """
    network = create(seed)
    if kind == "Gram-Schmidt":
        return with_orthogonal_filters(network, OrthogonalFilters())
    if kind == "penalty":
        for layer in network.layers:
            if hasattr(layer, "kernel"):
                layer.kernel.regularizer = Orthogonality()
    return network


def train(network, seed, epochs):
    """Trains with Adam on all training images of the digits, in place.

    Args:
        network: See `create`; regularisers of its variables count.
        seed: Integer, of the order of the images.
        epochs: Integer.

    Returns:
        Accuracy on the test images, a float.
    """
    train_images, test_images = load("digits")
    network.compile(
        keras.optimizers.Adam(LEARNING_RATE),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    rng = np.random.default_rng(seed)
    x = _normalized(train_images)
    for _ in range(epochs):
        order = rng.permutation(len(x))
        network.fit(
            x[order],
            train_images.labels[order],
            BATCH_SIZE,
            shuffle=False,
            verbose=0,
        )
    logits = network.predict(_normalized(test_images), verbose=0)
    return float(np.mean(logits.argmax(axis=1) == test_images.labels))


def _normalized(images):
    return images.images.astype("float32") / 255

"""A small convolutional network on scikit-learn's digits, for short trainings.

Plain Keras: what is compared here are weights after a training, and not how it
is done.
"""

import math

import keras
import numpy as np

from dlgn_tf.data.sources import load
from dlgn_tf.layers.orthogonalization import gram_schmidt
from dlgn_tf.models.build import create_model
from dlgn_tf.models.orthogonal import with_orthogonal_filters
from dlgn_tf.models.orthogonal_options import OrthogonalFilters
from dlgn_tf.regularizers import Orthogonality

KINDS = ("plain", "penalty", "Gram-Schmidt")
WIDTH, BATCH_SIZE, LEARNING_RATE = 16, 64, 2e-3
# Passes over the digits.
EPOCHS = 10
LABEL = f"c4gap of width {WIDTH}"


def create(seed, **options):
    """The functional network of a c4gap_dnn, normalised image to logits.

    Options are those of `create_model`.
    """
    return create_model(
        "c4gap_dnn", (8, 8, 1), width=WIDTH, seed=seed, **options
    ).network


def create_kind(kind, seed, orthogonal_start=True):
    """One of `KINDS`; all of a seed start from the same kernels.

    Plain; with the orthogonality penalty at 1 on every kernel that can be
    orthogonal; or orthogonal by construction. Kernels are orthogonal at the
    start, too: as `create` draws them the penalty outweighs the loss, and the
    network learns little in a short training.
    """
    network = create(seed)
    kernels = [
        layer.kernel
        for layer in network.layers
        if hasattr(layer, "kernel")
        and layer.kernel.shape[-1] <= math.prod(layer.kernel.shape[:-1])
    ]
    for kernel in kernels:
        matrix = keras.ops.reshape(kernel, (-1, kernel.shape[-1]))
        if orthogonal_start:
            matrix = gram_schmidt(matrix, "residual")
        kernel.assign(keras.ops.reshape(matrix, kernel.shape))
        if kind == "penalty":
            kernel.regularizer = Orthogonality()
    if kind == "Gram-Schmidt":
        return with_orthogonal_filters(network, OrthogonalFilters())
    return network


def train(
    network, seed, learning_rate=LEARNING_RATE, epochs=EPOCHS, targets=None
):
    """Trains with Adam on all training images of the digits, in place.

    Regularisers of the network's variables count; the order of the images
    follows from the seed. `targets`, if any, is a function of the normalised
    training images that returns the outputs they shall have, for the mean
    squared error in place of the cross-entropy of their labels.

    Returns:
        Accuracy on the test images, a float.
    """
    train_images, test_images = load("digits")
    x, y = normalized(train_images), train_images.labels
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if targets is not None:
        y, loss = targets(x), keras.losses.MeanSquaredError()
    network.compile(keras.optimizers.Adam(learning_rate), loss=loss)
    rng = np.random.default_rng(seed)
    for _ in range(epochs):
        order = rng.permutation(len(x))
        network.fit(x[order], y[order], BATCH_SIZE, shuffle=False, verbose=0)
    logits = network.predict(normalized(test_images), verbose=0)
    return float(np.mean(logits.argmax(axis=1) == test_images.labels))


def normalized(images):
    """Pixels of `Images` between 0 and 1, float32."""
    return images.images.astype("float32") / 255

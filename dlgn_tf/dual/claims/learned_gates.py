"""dlgn.34: learned against random gates, through kernels of images.

A fully connected ReLU network learns images; ridge regression with the neural
path kernel of its gates, of these very images, predicts others. So it does with
the gates before training and with gates that learned shuffled labels, which
should be no better than random ones. Source: the DLGN paper (arXiv 2110.03403),
section 2, and the neural path kernel paper (arXiv 2006.10529), which train
values under such gates.
"""

import keras
import numpy as np

from dlgn_tf.command.threads import one_blas_thread
from dlgn_tf.dual import kernel_learning
from dlgn_tf.dual.claims.drawn_images import drawn
from dlgn_tf.dual.network_kernel import neural_path_kernel
from dlgn_tf.models.build import create_model

RUNS = 5
# Training images and test images of a run, all of them others.
SIZES = {"cifar10": (4_000, 2_000), "digits": (180, 100)}
DEPTH, WIDTH, BATCH_SIZE, LEARNING_RATE = 4, 128, 50, 1e-3
# More of them fit these images alone.
EPOCHS = 3

RANDOM, LEARNED, SHUFFLED = "random", "learned", "shuffled"


@one_blas_thread
def measure(rng, data_dir, sizes=SIZES, epochs=EPOCHS):
    """Points of accuracy, on CIFAR-10 where a folder has it."""
    draws, train, words = drawn(rng, data_dir, sizes, RUNS)
    found = [
        accuracies(
            (images[:train], labels[:train]),
            (images[train:], labels[train:]),
            epochs,
            rng,
        )
        for images, labels in draws
    ]
    return {
        "learned - random": _ahead(found, LEARNED, RANDOM),
        "learned - shuffled": _ahead(found, LEARNED, SHUFFLED),
        "shuffled - random": _ahead(found, SHUFFLED, RANDOM),
        "accuracies": {
            gates: [each[gates] for each in found]
            for gates in (RANDOM, LEARNED, SHUFFLED)
        },
        "runs": words,
        "details": {"training": [each["training"] for each in found]},
    }


def _ahead(found, gates, others):
    """Points that some gates are above others, run by run."""
    return [each[gates] - each[others] for each in found]


def accuracies(known, asked, epochs, rng):
    """In percent, of regression by gates, and of the networks in training.

    `known` and `asked` are pairs of images and labels.
    """
    images, labels = known
    seed = int(rng.integers(2**31))
    found = {"training": {}}
    for gates in (RANDOM, LEARNED, SHUFFLED):
        # All begin with the same weights.
        model = create_model(
            "fc_dnn",
            images.shape[1:],
            mean=0.5,
            std=0.25,
            width=WIDTH,
            depth=DEPTH,
            seed=seed,
        )
        if gates != RANDOM:
            learned = labels if gates == LEARNED else rng.permutation(labels)
            _train(model, images, learned, epochs, rng)
            right = np.asarray(model(images)).argmax(axis=1) == learned
            found["training"][gates] = 100 * float(right.mean())
        fit = kernel_learning.ridge_regression(
            neural_path_kernel(model, images),
            labels,
            neural_path_kernel(model, asked[0], images),
            asked[1],
            classes=10,
        )
        found[gates] = 100 * fit.accuracy
    return found


def _train(model, images, labels, epochs, rng):
    model.compile(
        keras.optimizers.Adam(LEARNING_RATE),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    for _ in range(epochs):
        order = rng.permutation(len(images))
        for first in range(0, len(order), BATCH_SIZE):
            batch = order[first : first + BATCH_SIZE]
            model.train_on_batch(images[batch], labels[batch])

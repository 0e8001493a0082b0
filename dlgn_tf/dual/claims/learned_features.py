"""dlgn.16: neural path features while a ReLU network learns two digits.

The quantity y^T (H / tr H)^-1 y, with H the neural path kernel of the network's
own gates and y the labels +1 and -1, bounds how well kernel regression with H
generalises; it is at least n for n labels of this kind. Setting of the neural
path kernel paper (arXiv 2006.10529): a network without biases, of depth 6 and
width 100, Bernoulli initial weights, mean squared error, RMSprop with learning
rate 1e-4, batches of 64, 200 training images. There are 50 passes over MNIST's
4 and 7; here as many steps, on scikit-learn's digits.
"""

import keras
import numpy as np

from dlgn_tf.data.sources import load
from dlgn_tf.dual import kernel_learning
from dlgn_tf.dual.network_kernel import neural_path_kernel
from dlgn_tf.models.build import create_model
from dlgn_tf.models.initializers import bernoulli_weights

DIGITS = (4, 7)
SEEDS = 3
IMAGES = 200
# 50 passes over MNIST's 12,107 training images, by 64.
STEPS = 9_500
MEASUREMENTS = 10
DEPTH, WIDTH, BATCH_SIZE, LEARNING_RATE = 6, 100, 64, 1e-4


def measure(rng, steps=STEPS, seeds=SEEDS):
    images, labels = two_digits()
    runs = [train(images, labels, steps, rng) for _ in range(seeds)]
    return {
        "y^T (H / tr H)^-1 y": {
            f"run {n}": [run[0]["quantity"], run[-1]["quantity"]]
            for n, run in enumerate(runs, start=1)
        },
        "training accuracy": [run[-1]["accuracy"] for run in runs],
        "steps": steps,
        "images": f"{len(images)} of scikit-learn's digits {DIGITS}",
        "details": {"runs": runs},
    }


def two_digits():
    """Training images of the two digits, and labels +1 and -1."""
    train, _ = load("digits")
    wanted = np.isin(train.labels, DIGITS)
    labels = np.where(train.labels[wanted] == DIGITS[0], 1.0, -1.0)
    return train.images[wanted], labels


def train(images, labels, steps, rng):
    """Trains a network; list of dicts of step, quantity and accuracy."""
    model = create_model(
        "fc_dnn",
        images.shape[1:],
        classes=1,
        depth=DEPTH,
        width=WIDTH,
        biases=False,
    )
    bernoulli_weights(model.network, WIDTH, seed=int(rng.integers(2**31)))
    model.compile(keras.optimizers.RMSprop(LEARNING_RATE), loss="mse")
    at = np.unique(np.linspace(0, steps, MEASUREMENTS + 1).astype(int))
    points = []
    for step, batch in enumerate(_batches(len(images), steps, rng)):
        if step in at:
            points.append({"step": step, **_point(model, images, labels)})
        model.train_on_batch(images[batch], labels[batch, None])
    return [*points, {"step": steps, **_point(model, images, labels)}]


def _batches(count, steps, rng):
    """Indices of each step's images, all drawn before any comes again."""
    for step in range(steps):
        start = step * BATCH_SIZE % (count - count % BATCH_SIZE)
        if start == 0:
            order = rng.permutation(count)
        yield order[start : start + BATCH_SIZE]


def _point(model, images, labels):
    kernel = neural_path_kernel(model, images[:IMAGES])
    classes = (labels[:IMAGES] > 0).astype(int)
    # Of two classes either has the same.
    quantity, _ = kernel_learning.label_alignment(kernel, classes, 2)
    outputs = np.asarray(model(images))[:, 0]
    return {
        "quantity": float(quantity),
        "accuracy": float(np.mean((outputs > 0) == (labels > 0))),
    }

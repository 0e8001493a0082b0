"""tian.10 and tian.11: students of a latent tree, true labels and permuted."""

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.locality import student
from dlgn_tf.locality import student_training
from dlgn_tf.locality.latent_tree import LatentTree
from dlgn_tf.spread import listed

DEPTH, TRAIN, TEST = 5, 8000, 2000
SEEDS, EPOCHS = 3, 15
LEAST_ACCURACY, LEAST_RISE, LARGEST_CHANGE = 0.93, 0.1, 0.05


def train(rng, permuted=False, epochs=EPOCHS, depth=DEPTH, train=TRAIN):
    """A student of a new tree.

    Returns:
        `dlgn_tf.locality.student_training.History`, and the accuracy of the
        best possible guess on the test inputs.
    """
    tree = LatentTree.draw(depth, rng)
    training, test = tree.sample(train, rng), tree.sample(TEST, rng)
    labels = rng.permutation(training.labels) if permuted else None
    seed = int(rng.integers(2**31))
    model = student.create_student("dnn", training.fields, seed=seed)
    history = student_training.train(
        model, training, test, seed, epochs, labels
    )
    return history, tree.best_accuracy(test)


def measure_latent_tree(rng):
    return _measured([train(rng) for _ in range(SEEDS)], latents_found)


def measure_permuted_labels(rng):
    runs = [train(rng, permuted=True) for _ in range(SEEDS)]
    return _measured(runs, nothing_found)


def latents_found(accuracy, curve):
    """Whether a student found the latents.

    Args:
        accuracy: Float, on the test inputs.
        curve: Array `(measurements, levels)`, selectivity.
    """
    change = abs(curve[-1, 0] - curve[0, 0])
    return bool(
        accuracy >= LEAST_ACCURACY
        and _rise(curve) >= LEAST_RISE
        and change < LARGEST_CHANGE
    )


def nothing_found(accuracy, curve):
    """Whether selectivity has not risen; see `latents_found`."""
    return bool(_rise(curve) <= 0)


def _rise(curve):
    top = curve[:, -2:].mean(axis=1)
    return top[-1] - top[0]


def _measured(runs, holds):
    curves = [run.selectivity["outputs"] for run, _ in runs]
    accuracies = [float(run.accuracies[-1]) for run, _ in runs]
    best = [accuracy for _, accuracy in runs]
    shown = "; ".join(
        f"{accuracy:.1%} of {possible:.1%}, {listed(curve[0])} -> "
        f"{listed(curve[-1])}"
        for accuracy, possible, curve in zip(
            accuracies, best, curves, strict=True
        )
    )
    return Measurement(
        holds=all(map(holds, accuracies, curves)),
        measured=(
            "accuracy of the best possible, selectivity from the lowest "
            f"level up: {shown}"
        ),
        values={
            "accuracies": accuracies,
            "best_possible_accuracies": best,
            "selectivity": np.array(curves),
            "rises": [float(_rise(curve)) for curve in curves],
        },
    )

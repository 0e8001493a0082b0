"""tian.10 and tian.11: students of a latent tree, true labels and permuted."""

import numpy as np

from dlgn_tf.locality import student, student_training
from dlgn_tf.locality.latent_tree import LatentTree

DEPTH, TRAIN, TEST = 5, 8000, 2000
SEEDS, PAIRS, EPOCHS = 3, 5, 15
RISE = "rise of the top two levels"


def train(rng, permuted=False, epochs=EPOCHS, depth=DEPTH, train=TRAIN):
    """A student of a new tree.

    From the same random numbers the tree, the inputs and the student's initial
    weights are the same with true and with permuted labels.

    Returns:
        `dlgn_tf.locality.student_training.History`, and the accuracy of the
        best possible guess on the test inputs.
    """
    tree = LatentTree.draw(depth, rng)
    training, test = tree.sample(train, rng), tree.sample(TEST, rng)
    seed = int(rng.integers(2**31))
    labels = rng.permutation(training.labels) if permuted else None
    model = student.create_student("dnn", training.fields, seed=seed)
    history = student_training.train(
        model, training, test, seed, epochs, labels
    )
    return history, tree.best_accuracy(test)


def measure_latent_tree(rng):
    runs = [train(rng) for _ in range(SEEDS)]
    return {**_figures(runs), "details": _curves(runs)}


def measure_permuted_labels(rng):
    seeds = [int(seed) for seed in rng.integers(2**31, size=PAIRS)]
    true, permuted = (
        [train(np.random.default_rng(seed), kind) for seed in seeds]
        for kind in (False, True)
    )
    with_true, figures = _figures(true), _figures(permuted)
    gap = np.subtract(with_true[RISE], figures[RISE])
    return {
        **figures,
        "rise with true labels - rise": gap,
        "rise with true labels": with_true[RISE],
        "details": {
            "permuted": _curves(permuted),
            "true": {**with_true, **_curves(true)},
        },
    }


def _figures(runs):
    curves = [run.selectivity["outputs"] for run, _ in runs]
    return {
        "best possible accuracy - accuracy": [
            best - run.accuracies[-1] for run, best in runs
        ],
        RISE: [
            curve[-1, -2:].mean() - curve[0, -2:].mean() for curve in curves
        ],
        "change of the lowest level": [
            curve[-1, 0] - curve[0, 0] for curve in curves
        ],
        "accuracy": [run.accuracies[-1] for run, _ in runs],
        "best possible accuracy": [best for _, best in runs],
        "selectivity from the lowest level up": {
            f"tree {n}": {"at first": curve[0], "at last": curve[-1]}
            for n, curve in enumerate(curves, start=1)
        },
    }


def _curves(runs):
    """Selectivity `(trees, measurements, levels)`."""
    return {
        "selectivity": np.array([r.selectivity["outputs"] for r, _ in runs])
    }

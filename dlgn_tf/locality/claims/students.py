"""tian.10 and tian.11: students of a latent tree, true labels and permuted."""

import numpy as np

from dlgn_tf.locality import student, student_training
from dlgn_tf.locality.student_data import TRAIN, latent_tree

SEEDS, PAIRS, EPOCHS = 3, 5, 15
RISE = "rise of the top two levels"


def train(rng, permuted=False, epochs=EPOCHS, depth=5, count=TRAIN):
    """A student of a new tree: its `History` and the best possible accuracy.

    From the same random numbers the tree, the inputs and the student's initial
    weights are the same with true and with permuted labels.
    """
    data = latent_tree(depth, rng, count)
    seed = int(rng.integers(2**31))
    labels = rng.permutation(data.train.labels) if permuted else None
    model = student.create_student("dnn", data.train.fields, seed=seed)
    history = student_training.train(
        model, data.train, data.test, seed, epochs, labels
    )
    return history, data.best_accuracy


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

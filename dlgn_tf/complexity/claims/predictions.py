"""complexity.18: accuracy and loss, predicted from components."""

import math

import numpy as np

from dlgn_tf.complexity import prediction

NETWORKS, NUMBERS, LEFT_OUT, NOISE = 25, 8, 5, 0.5
# Planted tables, and splits of each.
TABLES, SPLITS = 20, 50


def measure(rng, path=prediction.AUTHORS_FILE):
    planted, noise = _planted(rng), expected_error()
    figures = {
        "planted, error over that of the noise": planted["error"] / noise,
        "planted, error of shuffled - of the mean": (
            planted["shuffled"] - planted["mean"]
        ),
        "error of the noise": noise,
        "planted": planted,
    }
    targets = ("accuracies", "losses")
    if not path.is_file():
        absent = dict.fromkeys(("error", "R2"))
        return {
            **figures,
            **dict.fromkeys(targets, absent),
            "the authors' table": "not there",
        }
    networks = prediction.read_networks(path)
    for target in targets:
        y = getattr(networks, target)
        figures[target] = _named(prediction.errors(networks.descriptors, y))
    return figures


def _named(errors):
    """`Errors` as figures."""
    return {
        "error": errors.test,
        "R2": errors.r2,
        "in turn": errors.leave_one_out,
        "mean": errors.mean,
        "shuffled": errors.shuffled,
        "fitted": errors.train,
        "rmse": errors.rmse,
    }


def _planted(rng):
    """Errors of linear targets with noise, the mean over several tables."""
    tables = []
    for _ in range(TABLES):
        x = rng.normal(size=(NETWORKS, NUMBERS))
        y = x @ rng.normal(size=NUMBERS) + 3
        y = y + NOISE * rng.normal(size=NETWORKS)
        seed = int(rng.integers(2**31))
        errors = prediction.errors(x, y, LEFT_OUT, SPLITS, seed)
        tables.append(_named(errors))
    return {
        name: np.mean([errors[name] for errors in tables]) for name in tables[0]
    }


def expected_error():
    """Mean absolute error of a fit with Gaussian numbers and noise.

    A new point's squared error is sigma^2 (1 + 1/n + (1 + 1/n) p / (n - p -
    2)) on average for n fitted networks of p numbers; its root times sqrt(2 /
    pi) is the mean absolute error up to the spread of the former.
    """
    n = NETWORKS - LEFT_OUT
    square = (1 + 1 / n) * (1 + NUMBERS / (n - NUMBERS - 2))
    return NOISE * math.sqrt(2 / math.pi * square)

"""complexity.18: accuracy and loss, predicted from components."""

import math

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.complexity import prediction

NETWORKS, NUMBERS, LEFT_OUT, NOISE = 25, 8, 5, 0.5
WITHIN = 0.3
# Planted tables, and splits of each.
TABLES, SPLITS = 20, 50
# Least, most error on networks left out; R2 and its tolerance.
AUTHORS = {
    "accuracies": (2.5, 3.0, 0.982),
    "losses": (0.46, 0.52, 0.908),
}
R2_WITHIN = 0.001


def measure(rng, path=prediction.AUTHORS_FILE):
    planted = _planted(rng)
    expected = expected_error()
    measured = (
        f"planted {planted.test:.2f} (expected {expected:.2f}), shuffled "
        f"{planted.shuffled:.2f}, mean {planted.mean:.2f}"
    )
    values = {"planted": vars(planted), "expected": expected}
    held = planted_holds(planted, expected)
    if not path.is_file():
        return Measurement(
            holds=None if held else False,
            measured=f"{measured}; the authors' table is not there",
            values=values,
        )
    networks = prediction.read_networks(path)
    for target, limits in AUTHORS.items():
        found = prediction.errors(
            networks.descriptors, getattr(networks, target)
        )
        held = held and authors_hold(found, *limits)
        measured += (
            f"; {target}: error {found.test:.3f}, in turn "
            f"{found.leave_one_out:.3f}, mean {found.mean:.2f}, R2 "
            f"{found.r2:.4f}"
        )
        values[target] = vars(found)
    return Measurement(holds=held, measured=measured, values=values)


def _planted(rng):
    """Errors of linear targets with noise, the mean over several tables."""
    found = []
    for _ in range(TABLES):
        x = rng.normal(size=(NETWORKS, NUMBERS))
        y = x @ rng.normal(size=NUMBERS) + 3
        y = y + NOISE * rng.normal(size=NETWORKS)
        seed = int(rng.integers(2**31))
        found.append(prediction.errors(x, y, LEFT_OUT, SPLITS, seed))
    return prediction.Errors(
        **{
            name: float(np.mean([getattr(each, name) for each in found]))
            for name in vars(found[0])
        }
    )


def expected_error():
    """Mean absolute error of a fit with Gaussian numbers and noise.

    A new point's squared error is sigma^2 (1 + 1/n + (1 + 1/n) p / (n - p -
    2)) on average for n fitted networks of p numbers; its root times sqrt(2 /
    pi) is the mean absolute error up to the spread of the former.
    """
    n = NETWORKS - LEFT_OUT
    square = (1 + 1 / n) * (1 + NUMBERS / (n - NUMBERS - 2))
    return NOISE * math.sqrt(2 / math.pi * square)


def planted_holds(found, expected):
    """Whether errors are those of the noise, and shuffling leaves nothing."""
    near = abs(found.test - expected) < WITHIN * expected
    return bool(near and found.shuffled >= found.mean)


def authors_hold(found, least, most, r2):
    """Whether `Errors` are the paper's."""
    return bool(
        least <= found.test <= most and np.abs(found.r2 - r2) <= R2_WITHIN
    )

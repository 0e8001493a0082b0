"""tian.21: correlations of few samples."""

import numpy as np

from dlgn_tf.locality import spurious
from dlgn_tf.locality.spurious import COUNTS

DRAWS = 30


def measure_overfitting(rng):
    found = {
        count: [_fits(count, rng) for _ in range(DRAWS)] for count in COUNTS
    }
    true, wrong, scaled = (
        {count: [each[k] for each in draws] for count, draws in found.items()}
        for k in range(3)
    )
    gaps = {
        count: np.mean([f.accuracy - f.fresh_accuracy for f in fits])
        for count, fits in true.items()
    }
    return {
        "n times the variance of d": np.mean(list(scaled.values())),
        "power of n of the irrelevant share": _power(true),
        "accuracy on samples - on others, fewest": gaps[COUNTS[0]],
        "accuracy on samples - on others, most": gaps[COUNTS[-1]],
        "loss on the events": max(
            fit.loss
            for fits in (*true.values(), *wrong.values())
            for fit in fits
        ),
        "power with permuted labels": _power(wrong),
        "irrelevant share": {n: _share(fits) for n, fits in true.items()},
        "with permuted labels": {n: _share(fits) for n, fits in wrong.items()},
        "accuracy on others": {
            n: np.mean([f.fresh_accuracy for f in fits])
            for n, fits in true.items()
        },
        "draws": DRAWS,
    }


def _fits(count, rng):
    teacher = spurious.sample(count, rng)
    wrong = spurious.permuted(teacher, rng)
    scaled = count * np.mean(spurious.differences(teacher)[1:] ** 2)
    return spurious.fit(teacher, rng), spurious.fit(wrong, rng), scaled


def _share(fits):
    return np.median([fit.irrelevant_share for fit in fits])


def _power(by_count):
    shares = [_share(fits) for fits in by_count.values()]
    return np.polyfit(np.log(list(by_count)), np.log(shares), 1)[0]

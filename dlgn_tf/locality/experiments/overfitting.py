"""Correlations of few samples, learned like those that are there."""

import numpy as np

from dlgn_tf.locality import figures, spurious
from dlgn_tf.locality.spurious import COUNTS

DRAWS = 20


def run(command, output):
    rows = []
    for seed in range(command.seeds):
        for count in COUNTS:
            rng = np.random.default_rng([seed, count])
            for _ in range(DRAWS):
                teacher = spurious.sample(count, rng)
                wrong = spurious.permuted(teacher, rng)
                for labels, each in (("true", teacher), ("permuted", wrong)):
                    fit = spurious.fit(each, rng)
                    rows.append(_row(seed, count, labels, fit))
    output.table("overfitting", rows)
    curves = _curves(rows)
    output.picture("overfitting", figures.overfitting(curves))
    for labels, points in curves.items():
        for count, share, on_sample, fresh in points:
            print(
                f"{labels} labels, {count:.0f} samples: irrelevant weight "
                f"{share:.2g} of the relevant one, accuracy {on_sample:.3f} on "
                f"them, {fresh:.3f} on others"
            )
    return ("overfitting",)


def _row(seed, count, labels, fit):
    return {
        "seed": seed,
        "samples": count,
        "labels": labels,
        "irrelevant_share": f"{fit.irrelevant_share:.4f}",
        "accuracy": f"{fit.accuracy:.4f}",
        "fresh_accuracy": f"{fit.fresh_accuracy:.4f}",
    }


def _curves(rows):
    """By labels `(counts, 4)`: samples, median share, mean accuracies."""
    curves = {}
    for labels in ("true", "permuted"):
        for count in COUNTS:
            shares, on_sample, fresh = np.array(
                [
                    [row[k] for k in list(row)[3:]]
                    for row in rows
                    if (row["labels"], row["samples"]) == (labels, count)
                ],
                float,
            ).T
            curves.setdefault(labels, []).append(
                (count, np.median(shares), on_sample.mean(), fresh.mean())
            )
    return {labels: np.array(points) for labels, points in curves.items()}

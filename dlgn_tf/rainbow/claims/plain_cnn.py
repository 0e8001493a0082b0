"""rainbow.13: the tutorial's plain CNN, trained and drawn anew."""

import csv
import pathlib

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.claims.registry import NotMeasured
from dlgn_tf.rainbow.published import RESAMPLED

FOLDER = "rainbow/plaincnn"
WITHIN = 0.06
# What is compared, and the covariances it is drawn from: the tutorial has one
# network.
_WAYS = {"trained": "none", "resampled": "own"}
_COLUMNS = ("run", "covariances", "layers", "way", "accuracy")


def measure(rng, results_dir):
    del rng  # What is drawn was drawn by the command.
    rows = read(pathlib.Path(results_dir) / FOLDER / "resampling.csv")
    found = {
        way: [
            float(row["accuracy"])
            for row in rows
            if (row["way"], row["covariances"]) == (way, source)
        ]
        for way, source in _WAYS.items()
    }
    published = dict(zip(_WAYS, RESAMPLED["plaincnn_dnn", 32], strict=False))
    means = {way: float(np.mean(values)) for way, values in found.items()}
    runs = len({row["run"] for row in rows})
    shown = "; ".join(
        f"{way} {np.mean(values):.1%} ({min(values):.1%} to "
        f"{max(values):.1%}), published {published[way]:.1%}"
        for way, values in found.items()
    )
    return Measurement(
        holds=all(abs(means[way] - published[way]) <= WITHIN for way in _WAYS),
        measured=f"{shown}; {runs} runs of 5 epochs",
        values={"found": found, "published": published},
    )


def read(path):
    """Rows of the table that the command leaves.

    Raises:
        NotMeasured: if it is not there, or not whole.
    """
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError:
        rows = []
    whole = all(row.get(name) for row in rows for name in _COLUMNS)
    ways = {row.get("way") for row in rows}
    if not whole or not ways.issuperset(_WAYS):
        raise NotMeasured(
            f"no whole {path}; python -m dlgn_tf.rainbow --parts=resampling "
            "makes it of runs of flags/rainbow_plaincnn.flags"
        )
    return rows

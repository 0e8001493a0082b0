"""rainbow.13: the tutorial's plain CNN, trained and drawn anew."""

import pathlib

import numpy as np

from dlgn_tf.rainbow.claims import tables
from dlgn_tf.rainbow.published import RESAMPLED

FOLDER = "rainbow/plaincnn"
# What is compared, and the covariances it is drawn from: the tutorial has one
# network.
_WAYS = {"trained": "none", "resampled": "own"}
# Drawn networks that the same rule must tell from the published one.
_CONTROL = "not aligned"
_COLUMNS = ("run", "covariances", "layers", "way", "accuracy")


def measure(rng, results_dir):
    del rng  # What is drawn was drawn by the command.
    rows = read(pathlib.Path(results_dir) / FOLDER / "resampling.csv")
    found = {
        way: [
            100 * float(row["accuracy"])
            for row in rows
            if (row["way"], row["covariances"]) == (way, source)
        ]
        for way, source in {**_WAYS, _CONTROL: "own"}.items()
    }
    published = {
        way: 100 * value
        for way, value in zip(
            _WAYS, RESAMPLED["plaincnn_dnn", 32], strict=False
        )
    }

    def gap(way, target):
        return np.subtract(found[way], published[target])

    return {
        "trained - published": gap("trained", "trained"),
        "drawn - published": gap("resampled", "resampled"),
        _CONTROL: {"drawn - published": gap(_CONTROL, "resampled")},
        "accuracies in %": found,
        "published": published,
        "runs": f"{len({row['run'] for row in rows})} of 5 epochs",
    }


def read(path):
    """Rows of the table that the command leaves.

    Raises:
        NotMeasured: if it is not there, or not whole.
    """
    made_by = (
        "python -m dlgn_tf.rainbow --parts=resampling of runs of "
        "flags/rainbow_plaincnn.flags"
    )
    rows = tables.read(path, _COLUMNS, made_by)
    for way in (*_WAYS, _CONTROL):
        tables.values(rows, "accuracy", way=way)
    return rows

"""rainbow.13: the tutorial's plain CNN, trained and drawn anew."""

import pathlib

import numpy as np

from dlgn_tf.rainbow.claims import tables
from dlgn_tf.rainbow.published import RESAMPLED

FOLDER = "rainbow/plaincnn"
# Drawn networks that the same rule must tell from the published one.
_CONTROL = "not aligned"
_COLUMNS = ("run", "covariances", "layers", "way", "accuracy")
_MADE_BY = (
    "python -m dlgn_tf.rainbow --parts=resampling of runs of "
    "flags/rainbow_plaincnn.flags"
)


def measure(rng, results_dir):
    del rng  # What is drawn was drawn by the command.
    path = pathlib.Path(results_dir) / FOLDER / "resampling.csv"
    rows = tables.read(path, _COLUMNS, _MADE_BY)

    def accuracies(way, source):
        """In %, of networks drawn from the covariances of their own run."""
        found = tables.values(rows, "accuracy", way=way, covariances=source)
        return [100 * x for x in found]

    found = {
        "trained": accuracies("trained", "none"),
        "resampled": accuracies("resampled", "own"),
        _CONTROL: accuracies(_CONTROL, "own"),
    }
    trained, drawn, _ = RESAMPLED["plaincnn_dnn", 32]
    published = {"trained": 100 * trained, "resampled": 100 * drawn}

    def gap(way, target="resampled"):
        return np.subtract(found[way], published[target])

    return {
        "trained - published": gap("trained", "trained"),
        "drawn - published": gap("resampled"),
        _CONTROL: {"drawn - published": gap(_CONTROL)},
        "accuracies in %": found,
        "published": published,
        "runs": f"{len({row['run'] for row in rows})} of 5 epochs",
    }

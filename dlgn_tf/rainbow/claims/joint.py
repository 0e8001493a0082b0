"""rainbow.17: gates and values of a DLGN that are drawn together."""

import pathlib

from dlgn_tf.claims.contrasts import Pair
from dlgn_tf.rainbow.claims import tables

FOLDER = "rainbow/joint"
_COLUMNS = ("covariances", "layers", "way", "accuracy")
_MADE_BY = (
    "python -m dlgn_tf.rainbow --parts=resampling --joint, of runs of fc_dlgn,"
)
SOURCES = {"own": "of one run", "all": "of all runs"}


def measure(rng, results_dir):
    del rng  # What is drawn was drawn by the command.
    path = pathlib.Path(results_dir) / FOLDER / "resampling.csv"
    rows = tables.read(path, _COLUMNS, _MADE_BY)

    def accuracies(way, source, layers="both"):
        found = tables.values(
            rows, "accuracy", way=way, covariances=source, layers=layers
        )
        return [100 * x for x in found]

    trained = accuracies("trained", "none", "none")

    def lost(way):
        return {
            words: Pair(trained, accuracies(way, source))
            for source, words in SOURCES.items()
        }

    return {
        "trained - drawn": lost("trained rows, jointly"),
        "together - apart": {
            words: Pair(
                accuracies("trained rows, jointly", source),
                accuracies("trained rows", source),
            )
            for source, words in SOURCES.items()
        },
        "rows drawn apart": {"trained - drawn": lost("trained rows")},
        "one Gaussian of both": {"trained - drawn": lost("drawn jointly")},
        "networks": f"{len(trained)} of fc_dlgn",
    }

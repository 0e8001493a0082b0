"""rainbow.13: the tutorial's plain CNN, trained and drawn anew."""

import csv
import pathlib

from dlgn_tf.claims import contrasts
from dlgn_tf.claims.registry import Measurement
from dlgn_tf.claims.registry import NotMeasured
from dlgn_tf.output.spread import listed
from dlgn_tf.rainbow.published import RESAMPLED

FOLDER = "rainbow/plaincnn"
# Points of accuracy.
WITHIN = 6
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
    near = [
        comparison
        for way in _WAYS
        for comparison in _near(way, found[way], published[way])
    ]
    control = _near(_CONTROL, found[_CONTROL], published["resampled"])
    told_apart = contrasts.decide(control) is False
    runs = len({row["run"] for row in rows})
    shown = "; ".join(
        f"{way} {listed(found[way], '.1f', ', ')} %, published "
        f"{published[way]:.1f} %"
        for way in _WAYS
    )
    return Measurement(
        holds=contrasts.decide(near) if told_apart else None,
        measured=(
            f"{shown}; control, {_CONTROL}: "
            f"{listed(found[_CONTROL], '.1f', ', ')} %, "
            f"{'' if told_apart else 'not '}told apart; {runs} runs of 5 epochs"
        ),
        values={"found": found, "published": published},
    )


def _near(way, values, published):
    """That a mean lies within so many points of what is published."""
    return [
        contrasts.above(way, values, published - WITHIN),
        contrasts.above(way, published + WITHIN, values),
    ]


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
    if not whole or not ways.issuperset({*_WAYS, _CONTROL}):
        raise NotMeasured(
            f"no whole {path}; python -m dlgn_tf.rainbow --parts=resampling "
            "makes it of runs of flags/rainbow_plaincnn.flags"
        )
    return rows

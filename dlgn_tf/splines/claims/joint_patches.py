"""smaso.25: what trained filters select of patches, alone and jointly."""

import numpy as np

from dlgn_tf.splines import joint_selection

SEEDS = 3


def measure(rng):
    seeds = [int(rng.integers(2**31)) for _ in range(SEEDS)]
    rows = joint_selection.studies(seeds)
    return {**figures(rows), "patches of each layer": joint_selection.PATCHES}


def figures(rows):
    """Means over the layers of each network, by kind, from rows of studies."""
    return {
        "agreement": _by_kind(rows, "agreement", 1),
        "agreement at two places": _by_kind(rows, "agreement", 2),
        "nats lost": _by_kind(rows, "nats", 1),
        "accuracy": _by_kind(rows, "accuracy", 1),
    }


def _by_kind(rows, name, places):
    found = {}
    for row in rows:
        if row["places"] == places:
            of_kind = found.setdefault(row["kind"], {})
            of_kind.setdefault(row["seed"], []).append(row[name])
    return {
        kind: [float(np.mean(values)) for values in of_kind.values()]
        for kind, of_kind in found.items()
    }

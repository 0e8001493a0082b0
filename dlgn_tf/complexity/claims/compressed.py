"""complexity.17: a network, compressed and distilled."""

import math

from dlgn_tf.claims.check import by_figure
from dlgn_tf.complexity.claims import studies
from dlgn_tf.complexity.components import total_variation
from dlgn_tf.complexity.experiments import compression

DENSE = "logits"


def measure(rng):
    workshop = studies.workshop()
    (seed,) = studies.seeds(rng, 1)
    scale = workshop.scale
    three, what = compression.measure(
        workshop, scale.compressed_depth, scale.compressed_count, seed
    )
    shares = {kind: each.significance for kind, each in three.items()}
    profiles = {kind: each.profile for kind, each in shares.items()}
    changes = {
        kind: total_variation(profiles["original"], profiles[kind])
        for kind in ("compressed", "distilled")
    }
    compressed, distilled = changes.values()
    low = {kind: profile[0] for kind, profile in profiles.items()}
    return {
        "zeros": what.zeros,
        "other values of a layer": {
            layer: n for layer, n in what.counts.items() if layer != DENSE
        },
        "other values of the dense layer": what.counts[DENSE],
        "total variation": changes,
        "compressed over distilled": (
            compressed / distilled if distilled else math.nan
        ),
        "share of order 4, distilled - original": (
            low["distilled"] - low["original"]
        ),
        "share of order 4": low,
        **by_figure({k: studies.shares(x) for k, x in shares.items()}),
        "accuracy": {kind: each.accuracy for kind, each in three.items()},
    }

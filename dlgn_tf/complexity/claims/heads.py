"""complexity.16: a network's head on its components."""

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.complexity.claims import workshops
from dlgn_tf.complexity.experiments import classification

DEPTH, COUNTS, ORDER = 8, (100, 1000), 7


def measure(rng):
    workshop = workshops.of_shapes()
    (seed,) = workshops.seeds(rng, 1)
    rows = []
    for count in COUNTS:
        subject = workshop.teacher(DEPTH, count, seed)
        rows += classification.measure(workshop, subject)
    shown = "; ".join(
        f"{row['network']} ({row['accuracy_of_feature']} %), order "
        f"{row['order']}, nets of {row['nets_trained_on']}: {row['gain']}"
        for row in rows
    )
    everything, own = classification.REGIMES
    return Measurement(
        holds=gains_hold(classification.gains(rows, everything, ORDER)),
        measured=f"points gained: {shown}",
        values={
            regime: classification.gains(rows, regime, ORDER)
            for regime in (everything, own)
        },
    )


def gains_hold(gains):
    """Whether there are gains and all are above 0."""
    return bool(gains) and all(gain > 0 for gain in gains)

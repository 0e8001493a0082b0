"""complexity.16: a network's head on its components."""

from dlgn_tf.complexity.claims import studies
from dlgn_tf.complexity.experiments import classification

DEPTH, COUNTS, ORDER = 8, (100, 1000), 7


def measure(rng):
    workshop = studies.workshop()
    (seed,) = studies.seeds(rng, 1)
    rows = []
    for count in COUNTS:
        subject = workshop.teacher(DEPTH, count, seed)
        rows += classification.measure(workshop, subject)
    gains = {regime: {} for regime in classification.REGIMES}
    for row in rows:
        of_regime = gains[row["nets_trained_on"]]
        of_network = of_regime.setdefault(row["network"], {})
        of_network[row["order"]] = float(row["gain"])
    return {
        f"points gained at order {ORDER}": {
            regime: [by_order[ORDER] for by_order in of_regime.values()]
            for regime, of_regime in gains.items()
        },
        "points gained by order": gains,
        "accuracy of the feature": {
            row["network"]: float(row["accuracy_of_feature"]) for row in rows
        },
    }

"""vectors.3 to .5 and .7: accuracies on oblique-tree labels."""

import numpy as np

from dlgn_tf.tabular.claims import networks_of_sdi as shared
from dlgn_tf.tabular.trees import static_learners
from dlgn_tf.tabular.trees.published import PUBLISHED

FAMILIES = ("dlgn", "dlgn_sf")


def measure_sdi(rng):
    return _beside_published("sdi", rng)


def measure_sdii(rng):
    return _beside_published("sdii", rng)


def _beside_published(name, rng, families=FAMILIES):
    found = {
        family: [
            shared.trained(name, family, seed).accuracy
            for seed in shared.seeds(rng)
        ]
        for family in families
    }
    return {
        "mean accuracy": {k: float(np.mean(v)) for k, v in found.items()},
        "standard deviation": {
            k: float(np.std(v, ddof=1)) if len(v) > 1 else None
            for k, v in found.items()
        },
        "accuracies": found,
        "published": {k: PUBLISHED[name, k].accuracy for k in families},
        "epochs": shared.EPOCHS,
    }


def measure_sdiii(rng):
    seed = shared.seeds(rng)[0]
    found = {
        family: shared.trained("sdiii", family, seed).accuracy
        for family in FAMILIES
    }
    # A forest that looks at half of 500 columns a split would take hours.
    static = static_learners.accuracies(
        shared.task("sdiii"), ("linear SVM", "random forest"), seed, most=1
    )
    best = max(static.values())
    return {
        "accuracy": found,
        "ahead of the best static learner": {
            family: value - best for family, value in found.items()
        },
        "static learners": static,
        "published": {k: PUBLISHED["sdiii", k].accuracy for k in FAMILIES},
    }


def measure_static(rng):
    seeds = shared.seeds(rng)
    accuracy = np.mean(
        [shared.trained("sdi", "dlgn", seed).accuracy for seed in seeds]
    )
    static = static_learners.accuracies(shared.task("sdi"), seed=seeds[0])
    return {
        "ahead in points": {
            name: 100 * float(accuracy - value)
            for name, value in static.items()
        },
        "dlgn": float(accuracy),
        "static learners": static,
    }

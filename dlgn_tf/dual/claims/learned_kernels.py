"""dlgn.32 and dlgn.33: where the frequencies of trained networks are.

The question whether a DLGN is a universal spectral approximator closes the
DLGN paper (arXiv 2110.03403).
"""

import numpy as np

from dlgn_tf.dual.claims import spectral_networks as shared
from dlgn_tf.dual.spectral import eigenfunctions, fourier, targets, training
from dlgn_tf.dual.spectral.training import FAMILIES, Setting

FREQUENCY, OTHER = 3, 1
POINTS = 600
RATIO = "trained over untrained"


def measure_regression(rng):
    ratios = {
        name: {
            family: [
                _ratio(shared.trained(Setting(family, k), seed), seed)
                for seed in shared.seeds(rng)
            ]
            for family in FAMILIES[1:]
        }
        for name, k in (
            (RATIO, FREQUENCY),
            (f"trained on k = {OTHER} over untrained", OTHER),
        )
    }
    drawn = {
        family: [
            _ratio(_drawn_twice(Setting(family, FREQUENCY), seed), seed)
            for seed in shared.seeds(rng)
        ]
        for family in FAMILIES[1:]
    }
    return {**ratios, "drawn anew": {RATIO: drawn}}


def _drawn_twice(setting, seed):
    """Two networks that are not trained, the first that of the seed."""
    return [training.initial(setting, x) for x in (seed, seed + 50)]


def _ratio(networks, seed):
    """What regression leaves with the second's gates, over the first's."""
    rng = np.random.default_rng([seed, 2])
    train, test = (targets.points(POINTS, rng) for _ in range(2))
    known, asked = (targets.target(x, FREQUENCY) for x in (train, test))
    before, after = (
        targets.share_unexplained(
            eigenfunctions.regression(network, train, known, test), asked
        )
        for network in networks
    )
    return after / before


def measure_preactivations(rng):
    at = fourier.grid(32)
    found = {
        family: {
            moment: [
                _share(shared.trained(Setting(family, FREQUENCY), seed)[k], at)
                for seed in shared.seeds(rng)
            ]
            for k, moment in enumerate(("before", "after"))
        }
        for family in FAMILIES[1:]
    }
    name = "share not affine"
    return {
        name: {family: found[family] for family in ("dlgn", "dlgn_sf")},
        "dgn": {name: found["dgn"]},
    }


def _share(network, at):
    q = np.concatenate(network.preactivations(at), axis=1)
    return fourier.share_not_affine(q, at)

"""dlgn.27 and dlgn.28: what DLGNs can have, and cannot without biases.

The question whether a DLGN is a universal spectral approximator closes the
DLGN paper (arXiv 2110.03403).
"""

import numpy as np

from dlgn_tf.dual.claims import spectral_networks as shared
from dlgn_tf.dual.spectral import built, eigenfunctions, targets, training

FREQUENCIES = (1, 2, 4)
WIDTHS = (32, 64, 128)
# Points are halved, which is exact in floating point.
_NEARER = 0.5


def measure_built(rng):
    seeds = shared.seeds(rng)
    found = {
        f"{family}, k = {k}": _errors(family, k, seeds)
        for family in built.FAMILIES
        for k in FREQUENCIES
    }
    without = _errors("dlgn", 1, seeds, offsets=False)
    return {
        "slope": {name: _slope(errors) for name, errors in found.items()},
        "share at width 128": {name: e[-1] for name, e in found.items()},
        "without biases": {
            "slope": _slope(without),
            "share at width 128": without[-1],
        },
    }


def _errors(family, frequency, seeds, offsets=True):
    """Shares unexplained, `(widths, seeds)`, of written networks."""
    networks = [
        built.product_of_steps(frequency, width, family, offsets)
        for width in WIDTHS
    ]
    return [
        [training.held_out_share(x, frequency, seed) for seed in seeds]
        for x in networks
    ]


def _slope(errors):
    """Of log share against log width, a float a seed."""
    return np.polyfit(np.log(WIDTHS), np.log(errors), 1)[0]


def measure_rays(rng):
    found = {}
    for biases in ("none", "drawn"):
        setting = training.Setting("dlgn", 1, biases)
        found[biases] = {
            "points that change": [],
            "share over the least along rays": [],
        }
        least = targets.least_share_along_rays(1, 0)
        for seed in shared.seeds(rng):
            hard = shared.trained(setting, seed)[-1].hardened
            changed, over = found[biases].values()
            changed.append(_share_that_changes(hard, rng))
            over.append(_share_by_regression(hard, rng) / least)
    soft = [
        shared.share(training.Setting("dlgn", 1, "none"), seed)
        for seed in shared.seeds(rng)
    ]
    return {
        **found["none"],
        "with biases": found["drawn"],
        "share with soft gates": soft,
    }


def _share_by_regression(network, rng):
    """What the best values under the network's gates leave of k = 1."""
    train, test = (targets.points(1000, rng) for _ in range(2))
    known, asked = (targets.target(x, 1) for x in (train, test))
    found = eigenfunctions.regression(network, train, known, test)
    return targets.share_unexplained(found, asked)


def _share_that_changes(network, rng):
    """Of points at which the output is another one half as far out."""
    at = targets.points(1000, rng)
    here, nearer = network(at), network(_NEARER * at)
    return float(np.mean(np.abs(nearer - here) > 1e-3 * np.std(here)))

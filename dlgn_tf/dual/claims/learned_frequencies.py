"""dlgn.29 to dlgn.31: which frequencies are learned, and on what it depends.

The question whether a DLGN is a universal spectral approximator closes the
DLGN paper (arXiv 2110.03403).
"""

from dlgn_tf.dual.claims import spectral_networks as shared
from dlgn_tf.dual.spectral.training import FAMILIES, Setting

SHARE = "share unexplained"


def _shares(rng, families, *arguments, **options):
    """By family, a float a seed."""
    return {
        family: [
            shared.share(Setting(family, *arguments, **options), seed)
            for seed in shared.seeds(rng)
        ]
        for family in families
    }


def measure_biases(rng):
    gated, steep = FAMILIES[1:], {"beta": 30.0}
    return {
        SHARE: _shares(rng, gated, 3, **steep),
        "without biases": {SHARE: _shares(rng, gated, 3, "none", **steep)},
    }


def measure_steepness(rng):
    linear = FAMILIES[2:]
    return {
        SHARE: _shares(rng, linear, 4, beta=30.0),
        "with beta 3": {SHARE: _shares(rng, linear, 4, beta=3.0)},
    }


def measure_frequencies(rng):
    found = {k: _shares(rng, FAMILIES, k) for k in (1, 3, 5)}
    return {
        SHARE: {
            f"{family}, seed {index}": [
                found[k][family][index] for k in sorted(found)
            ]
            for family in FAMILIES
            for index in range(shared.COUNT)
        },
        "k = 1 three times": {SHARE: found[1]},
    }

"""tian.17 to tian.19: disentangled gradients on their way down."""

import numpy as np

from dlgn_tf.locality import disentangled, disentangled_chain, projection
from dlgn_tf.locality.disentangled_chain import EPSILON

# Sets of a over b, of b over c, and the factors of c. One factor of b is in no
# set of a; sets over c may be of two factors, as no gradient goes on to c.
ONE_FACTOR = ((1,), (3,), (0,)), ((0, 1), (2,), (3, 4), (5,)), 6
TWO_FACTORS = ((0, 1), (2,), (3, 4)), ((0,), (1, 2), (3,), (4,), (5,)), 6
DRAWS = 5
# Of batch normalisation of a and of b.
NORMS = {
    "at both": (EPSILON, EPSILON),
    "at a alone": (EPSILON, None),
    "at b alone": (None, EPSILON),
    "at neither": (None, None),
}


def measure_backward(rng):
    one, two = (
        [_gradient_errors(sets, rng) for _ in range(DRAWS)]
        for sets in (ONE_FACTOR, TWO_FACTORS)
    )
    return {
        "distance of G~_b from disentangled": {
            kind: [each[kind] for each in one] for kind in one[0]
        },
        "distance with sets of two factors": [each["received"] for each in two],
        "of it behind ReLU and batch norm": [each["at both"] for each in two],
        "draws": DRAWS,
    }


def _gradient_errors(sets, rng):
    """Of a drawn G~_a that is disentangled, and of both passes by norms."""
    # Nothing would be told of a draw whose nodes of a are shut for all events.
    while True:
        chain, weights = disentangled_chain.draw(*sets, rng)
        found = {
            kind: disentangled_chain.passes(chain, weights, norms).G[1]
            for kind, norms in NORMS.items()
        }
        if all(gradient.any() for gradient in found.values()):
            break
    marginals = chain.marginals_of_b()
    columns = rng.normal(size=chain.marginals.shape)
    G = disentangled.weighted_gradient(chain.marginals, columns, centred=True)
    found["received"] = chain.tables[0].T @ G @ weights[0].T
    return {
        kind: disentangled_chain.gradient_error(each, marginals)
        for kind, each in found.items()
    }


def measure_every_level(rng):
    figures = {}
    for _ in range(DRAWS):
        drawn = disentangled_chain.draw(*ONE_FACTOR, rng)
        of_two = disentangled_chain.draw(*TWO_FACTORS, rng)
        largest = {
            kind: disentangled_chain.descend(*drawn, norms).max(axis=0)
            for kind, norms in NORMS.items()
        }
        two = disentangled_chain.descend(*of_two, NORMS["at both"]).max(axis=0)
        for name, value in {
            "weights outside of the sets": largest["at both"].max(),
            "batch norm at a alone, weights of b": largest["at a alone"][1],
            "batch norm at b alone, weights of a": largest["at b alone"][0],
            "sets of two factors, weights of b": two[1],
            "sets of two factors, weights of a": two[0],
            "batch norm at neither": largest["at neither"],
        }.items():
            figures.setdefault(name, []).append(value)
    return {**figures, "draws": DRAWS, "steps": disentangled_chain.STEPS}


def measure_share(rng):
    found = [_shares(epsilon, rng) for epsilon in (1e-3, 1e-1, 1.0) * DRAWS]
    figures = {name: [x[name] for x in found] for name in found[0]}
    return {**figures, "draws": len(found)}


def _shares(epsilon, rng):
    """What batch normalisation leaves of G~_b, column by column."""
    chain, weights = disentangled_chain.draw(*ONE_FACTOR, rng)
    prior = chain.priors[1]
    found = disentangled_chain.passes(chain, weights, (EPSILON, epsilon))
    F, G = found.sums[1], (found.F[1] > 0) * found.received[1]
    variance = prior @ (F - prior @ F) ** 2
    told = G.any(axis=0)

    def left(G):
        kept = projection.backward(F, G, prior, epsilon)
        kept = kept * np.sqrt(variance + epsilon)
        centred = G - prior[:, None] * G.sum(axis=0)
        norms = (np.linalg.norm(x, axis=0)[told] for x in (kept, centred))
        return np.divide(*norms)

    expected = (epsilon / (variance + epsilon))[told]
    drawn = prior[:, None] * rng.normal(size=G.shape)
    return {
        "share left, over eps / (v + eps), less 1": np.abs(
            left(G) / expected - 1
        ).max(),
        "share left of any gradient": left(drawn).min(),
        "eps": epsilon,
        "share left of a disentangled one": left(G).mean(),
    }

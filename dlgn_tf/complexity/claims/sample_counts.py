"""complexity.13 to complexity.15: networks of few images and of more."""

import numpy as np

from dlgn_tf.claims.check import by_figure
from dlgn_tf.complexity.claims import studies
from dlgn_tf.complexity.components import total_variation
from dlgn_tf.complexity.experiments import effectiveness, samples
from dlgn_tf.complexity.figures import component_labels

DEPTH, FEW, MANY = 8, 100, 1000
SEEDS, GAME_SEEDS = 2, 3


def measure_profiles(rng):
    workshop = studies.workshop()

    def measured(count, seed):
        subject = workshop.teacher(DEPTH, count, seed)
        return workshop.significance(subject, workshop.ladder(subject))

    pairs = [
        [measured(count, seed) for count in (FEW, MANY)]
        for seed in studies.seeds(rng, SEEDS)
    ]
    few, many = np.moveaxis([[x.profile for x in pair] for pair in pairs], 1, 0)
    shares = {
        network: {**studies.shares(each), "profile": each.profile}
        for network, each in _by_network(pairs).items()
    }
    return {
        "total variation": list(map(total_variation, few, many)),
        "share of order 4, of many images - of few": (many - few)[:, 0],
        "remains at the top order": [
            each.remainders[-1] for pair in pairs for each in pair
        ],
        **by_figure(shares),
    }


def _by_network(pairs):
    return {
        f"{count} images, seed {number}": each
        for number, pair in enumerate(pairs, 1)
        for count, each in zip((FEW, MANY), pair, strict=True)
    }


def measure_reliability(rng):
    workshop = studies.workshop()
    others = samples.exemplary(workshop)
    pairs = [
        [
            samples.measure(workshop, DEPTH, count, seed, others).reliability
            for count in (FEW, MANY)
        ]
        for seed in studies.seeds(rng, SEEDS)
    ]
    networks = _by_network(pairs)
    return {
        "reliability of order 4, of many images - of few": [
            many.ratio()[0] - few.ratio()[0] for few, many in pairs
        ],
        "reliability": {name: x.ratio() for name, x in networks.items()},
        "without cycles": {name: x.ratio(0) for name, x in networks.items()},
    }


def measure_effectiveness(rng):
    workshop, games = studies.workshop(), {FEW: [], MANY: []}
    for seed in studies.seeds(rng, GAME_SEEDS):
        for count, of_count in games.items():
            subject = workshop.teacher(DEPTH, count, seed)
            of_count.append(effectiveness.measure(workshop, subject))
    effective, overfit = (
        {f"{n} images": np.array(list(map(of, g))) for n, g in games.items()}
        for of in (lambda each: each.effective(), lambda each: each.overfit)
    )
    few, many = (alphas[:, 0] for alphas in overfit.values())
    orders = games[FEW][0].orders
    return {
        "error of efficiency": {
            count: list(map(_efficiency_error, of_count))
            for count, of_count in games.items()
        },
        "alpha_effective is finite": {
            count: np.isfinite(alphas) for count, alphas in effective.items()
        },
        "(i) lead in alpha_effective": {
            count: alphas[:, 0] - alphas[:, 1:].max(axis=1)
            for count, alphas in effective.items()
        },
        "(iii) alpha_overfit of few images - of many": few - many,
        "alpha_effective": _by_order(effective, orders),
        "alpha_overfit": _by_order(overfit, orders),
    }


def _by_order(alphas, orders):
    """Those of all seeds by order, of arrays `(seeds, orders)`."""
    labels = component_labels(orders)
    return {
        count: dict(zip(labels, of_count.T, strict=True))
        for count, of_count in alphas.items()
    }


def _efficiency_error(games):
    """By how much the values miss the loss that they share out, relative."""
    whole = games.train_losses[0] - games.train_losses[-1]
    return abs(games.phi_train.sum() - whole) / max(1, abs(whole))

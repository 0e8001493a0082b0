"""complexity.4 to complexity.6: the games of components."""

import dataclasses
import itertools
import math

import numpy as np

from dlgn_tf.claims.check import by_figure
from dlgn_tf.complexity import shapley
from dlgn_tf.complexity.claims import decomposition, studies
from dlgn_tf.complexity.effectiveness import (
    Effectiveness,
    measure_effectiveness,
)
from dlgn_tf.data.images import ImageSet

PLAYERS, GAMES = (3, 4, 5, 6), 5
FACTORS = (0.3, 7.0)


def measure_axioms(rng):
    return by_figure(
        {
            f"{players} players, game {game}": _axioms(players, rng)
            for players in PLAYERS
            for game in range(GAMES)
        }
    )


def _axioms(players, rng):
    """By how much random games miss each axiom."""
    first, second = rng.normal(size=(2, 2**players))
    values = shapley.values(first)
    a, b = rng.normal(size=2)
    linear = a * values + b * shapley.values(second)
    return {
        "efficiency": abs(values.sum() - (first[-1] - first[0])),
        "symmetry": _symmetry(first, players),
        "dummy": _dummy(first, players, rng.normal()),
        "linearity": np.abs(
            shapley.values(a * first + b * second) - linear
        ).max(),
        "mean over all n! orders": np.abs(
            values - over_all_orders(first, players)
        ).max(),
    }


def _symmetry(game, players):
    """Players 0 and 1 made alike must get alike."""
    coalitions = np.arange(len(game))
    zero, one = coalitions & 1, coalitions >> 1 & 1
    swapped = coalitions & ~3 | zero << 1 | one
    values = shapley.values(game + game[swapped])
    return abs(values[0] - values[1])


def _dummy(game, players, worth):
    """The last player adds its own worth to any coalition, and gets it."""
    half = game[: len(game) // 2]
    values = shapley.values(np.concatenate([half, half + worth]))
    rest = np.abs(values[:-1] - shapley.values(half)).max()
    return max(abs(values[-1] - worth), rest)


def over_all_orders(game, players):
    """Mean gain of each player over all n! orders of joining."""
    total = np.zeros(players)
    for order in itertools.permutations(range(players)):
        joined = 0
        for player in order:
            total[player] += game[joined | 1 << player] - game[joined]
            joined |= 1 << player
    return total / math.factorial(players)


def measure_overfitting(rng):
    study = studies.trained(rng, orders=(4, 7))
    train, test = study.train, study.test
    as_is = study.effectiveness(test)
    identity = 1 - as_is.phi_test / as_is.phi_train
    same = study.effectiveness(train)
    labels = rng.permutation(test.labels)
    shuffled = study.effectiveness(ImageSet(test.images, labels))
    main = int(np.argmax(shuffled.phi_train))
    return {
        "|alpha_overfit - (1 - phi_test / phi_train)|": magnitudes(
            as_is.overfit - identity
        ),
        "|alpha_overfit| of the same images": magnitudes(same.overfit),
        "alpha_overfit of shuffled labels": shuffled.overfit[main],
        "order that contributes most": as_is.orders[main],
        "nats that it contributes": as_is.phi_train[main],
        "alpha_overfit": as_is.overfit,
    }


def magnitudes(numbers: np.ndarray) -> np.ndarray:
    """Those of numbers that are defined, as many as there are.

    alpha_overfit is NaN where a component contributes next to nothing.
    """
    return np.abs(numbers)[~np.isnan(numbers)]


def measure_scaling(rng):
    feature, ladder, images = decomposition.random_study(rng)
    other = ImageSet(images.images, rng.permutation(images.labels))

    def measured(factor):
        scaled = dataclasses.replace(
            feature,
            read=lambda images: feature.trunk(images) * factor,
            classify=lambda f, context: feature.logits(f / factor, context),
        )
        return measure_effectiveness(
            scaled, _ScaledLadder(ladder, factor), images, other
        )

    one = measured(1.0)
    found, control = {}, {}
    for a in FACTORS:
        scaled = measured(a)
        found[f"a = {a:g}"] = _differences(one, scaled, a)
        forgotten = {"relative difference": _differences(one, scaled, 1)}
        control[f"a = {a:g}"] = forgotten
    return {"relative difference": found, "where a is forgotten": control}


def _differences(one: Effectiveness, other, factor):
    pairs = {
        "phi_train": (one.phi_train, other.phi_train),
        "phi_overfit": (one.phi_overfit, other.phi_overfit),
        "alpha_effective": (one.effective(), other.effective() * factor),
    }
    return {
        name: np.abs(a - b).max() / np.abs(a).max()
        for name, (a, b) in pairs.items()
    }


class _ScaledLadder:
    def __init__(self, ladder, factor):
        self.orders = ladder.orders
        self._ladder, self._factor = ladder, factor

    def outputs(self, images):
        return {
            order: output * np.float32(self._factor)
            for order, output in self._ladder.outputs(images).items()
        }

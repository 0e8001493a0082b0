"""complexity.4 to complexity.6: the games of components."""

import itertools
import math

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.complexity import shapley
from dlgn_tf.complexity.claims import decomposition
from dlgn_tf.complexity.claims import studies
from dlgn_tf.complexity.effectiveness import Effectiveness
from dlgn_tf.complexity.effectiveness import measure_effectiveness
from dlgn_tf.complexity.features import Feature
from dlgn_tf.data.images import ImageSet

PLAYERS, GAMES = (3, 4, 5, 6), 5
TOLERANCE = 1e-9
LEAST_SHUFFLED = 0.5
FACTORS = (0.3, 7.0)


def measure_axioms(rng):
    found = {}
    for players in PLAYERS:
        for _ in range(GAMES):
            for axiom, error in _axioms(players, rng).items():
                found[axiom] = max(found.get(axiom, 0.0), error)
    return Measurement(
        holds=all(error < TOLERANCE for error in found.values()),
        measured=", ".join(f"{a} {e:.0e}" for a, e in found.items()),
        values=found,
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
        "orders": np.abs(values - over_all_orders(first, players)).max(),
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
    found = {
        "identity": largest_defined(as_is.overfit - identity),
        "same": largest_defined(same.overfit),
        "shuffled": float(shuffled.overfit[main]),
    }
    return Measurement(
        holds=overfitting_holds(found),
        measured=(
            f"identity {found['identity']:.0e}, same images {found['same']:.0e}"
            f"; order {as_is.orders[main]} contributes "
            f"{as_is.phi_train[main]:.2f} nats: alpha_overfit "
            f"{as_is.overfit[main]:.2f}, labels shuffled "
            f"{found['shuffled']:.2f}"
        ),
        values={**found, "overfit": as_is.overfit},
    )


def largest_defined(numbers):
    """The largest magnitude of those that are defined; NaN where none is.

    alpha_overfit is NaN where a component contributes next to nothing.
    """
    defined = np.abs(numbers)[~np.isnan(numbers)]
    return float(defined.max()) if len(defined) else np.nan


def overfitting_holds(found):
    """Whether a gap is found where there is one; see `measure_overfitting`."""
    return bool(
        found["identity"] < 1e-6
        and found["same"] < 1e-6
        and found["shuffled"] > LEAST_SHUFFLED
    )


def measure_scaling(rng):
    feature, ladder, images = decomposition.random_study(rng)
    other = ImageSet(images.images, rng.permutation(images.labels))

    def measured(factor):
        return measure_effectiveness(
            _Scaled(feature, factor),
            _ScaledLadder(ladder, factor),
            images,
            other,
        )

    one = measured(1.0)
    found = max(_differences(one, measured(a), a) for a in FACTORS)
    wrong = min(_differences(one, measured(a), 1.0) for a in FACTORS)
    return Measurement(
        holds=bool(found < 1e-4 < wrong),
        measured=(
            f"largest relative difference {found:.0e}; {wrong:.1f} where the "
            "factor is forgotten"
        ),
        values={"difference": found, "without_factor": wrong},
    )


def _differences(one: Effectiveness, other, factor):
    pairs = (
        (one.phi_train, other.phi_train),
        (one.phi_overfit, other.phi_overfit),
        (one.effective(), other.effective() * factor),
    )
    return float(max(np.abs(a - b).max() / np.abs(a).max() for a, b in pairs))


class _Scaled(Feature):
    """A feature times a factor, with the head of the feature over it."""

    def __init__(self, feature, factor):
        super().__init__(
            feature.name,
            feature.image_shape,
            feature.shape,
            feature.normalization,
            lambda images: feature.trunk(images) * factor,
            feature.context,
            lambda f, context: feature.logits(f / factor, context),
        )


class _ScaledLadder:
    def __init__(self, ladder, factor):
        self.orders = ladder.orders
        self._ladder, self._factor = ladder, factor

    def outputs(self, images):
        return {
            order: output * np.float32(self._factor)
            for order, output in self._ladder.outputs(images).items()
        }

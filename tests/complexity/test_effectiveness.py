"""The games against a head that is written in NumPy."""

import itertools

import numpy as np
import pytest

from dlgn_tf.complexity import effectiveness as module
from dlgn_tf.complexity.effectiveness import Effectiveness
from dlgn_tf.complexity.features import Feature
from dlgn_tf.data.images import ImageSet
from dlgn_tf.errors import UserError

ORDERS, SHAPE, CLASSES, COUNT = (4, 7, 13), (2, 2, 3), 4, 31


class Planted:
    """A feature and nets that are tables, and a head of a gate and a matrix."""

    orders = ORDERS

    def __init__(self, rng):
        self.f = rng.normal(size=(COUNT, *SHAPE)).astype("float32")
        self.phi = {
            order: rng.normal(size=self.f.shape).astype("float32")
            for order in ORDERS
        }
        self.gate = rng.uniform(size=self.f.shape).astype("float32")
        self.kernel = rng.normal(size=(12, CLASSES)).astype("float32")
        self.labels = rng.integers(0, CLASSES, COUNT)
        self.feature = Feature(
            "planted",
            (1, 1, 1),
            SHAPE,
            None,
            lambda images: self.f[images.ravel()],
            lambda images: [self.gate[images.ravel()]],
            lambda f, context: self.logits(np.asarray(f), context[0]),
        )

    def logits(self, f, gate):
        return (f * gate).reshape(len(f), -1) @ self.kernel

    def outputs(self, images):
        return {o: phi[images.ravel()] for o, phi in self.phi.items()}

    def set_of(self, numbers):
        images = np.asarray(numbers).reshape(-1, 1, 1, 1)
        return ImageSet(images, self.labels[numbers])

    def parts(self):
        phi = list(self.phi.values())
        return [phi[0], phi[1] - phi[0], phi[2] - phi[1]]

    def loss(self, coalition, numbers, absent=None):
        """Mean cross-entropy of a coalition, a set of places."""
        f = self.f - self.phi[13]
        for place, part in enumerate(self.parts()):
            if place in coalition:
                f = f + part
            elif absent is not None:
                f = f + absent[place]
        logits = self.logits(f[numbers], self.gate[numbers])
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        probability = shifted / shifted.sum(axis=1, keepdims=True)
        chosen = probability[np.arange(len(numbers)), self.labels[numbers]]
        return -np.log(chosen).mean()


def by_definition(value):
    total = np.zeros(3)
    for order in itertools.permutations(range(3)):
        for place, player in enumerate(order):
            before = set(order[:place])
            total[player] += value(before | {player}) - value(before)
    return total / 6


TRAIN, TEST = np.arange(20), np.arange(20, COUNT)


@pytest.mark.parametrize("baseline", ["zero", "mean"])
@pytest.mark.parametrize("batch_size", [7, 100])
def test_games(rng, baseline, batch_size):
    planted = Planted(rng)
    found = module.measure_effectiveness(
        planted.feature,
        planted,
        planted.set_of(TRAIN),
        planted.set_of(TEST),
        baseline,
        batch_size,
    )
    absent = None
    if baseline == "mean":
        absent = [part[TRAIN].mean(axis=0) for part in planted.parts()]
    train = by_definition(lambda s: -planted.loss(s, TRAIN, absent))
    test = by_definition(lambda s: -planted.loss(s, TEST, absent))
    variances = [part[TRAIN].var(axis=0).sum() for part in planted.parts()]
    np.testing.assert_allclose(found.phi_train, train, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.phi_test, test, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        found.phi_overfit, train - test, rtol=1e-3, atol=1e-5
    )
    np.testing.assert_allclose(found.variances, variances, rtol=1e-5)
    np.testing.assert_allclose(
        found.effective(), train / np.sqrt(variances), rtol=1e-4
    )
    np.testing.assert_allclose(
        found.effective("var"), train / variances, rtol=1e-4
    )
    np.testing.assert_allclose(found.effective("none"), train, rtol=1e-4)
    np.testing.assert_allclose(found.overfit, 1 - test / train, rtol=1e-3)
    rows = found.rows()
    assert [row["order"] for row in rows] == list(ORDERS)
    assert rows[2]["phi_test"] == pytest.approx(test[2], rel=1e-4)


def test_trunk_and_nets_run_once_an_image(rng):
    planted, seen = Planted(rng), []
    outputs = planted.outputs
    planted.outputs = lambda images: seen.append(len(images)) or outputs(images)
    module.measure_effectiveness(
        planted.feature, planted, planted.set_of(TRAIN), planted.set_of(TEST)
    )
    assert sum(seen) <= 2 * len(TRAIN) + len(TEST)


def test_nothing_is_divided_by_nothing():
    """The second player contributes 1/2000 of what all do."""
    gains = np.array([1.0, 0.0005, 0.5])
    members = (np.arange(8)[:, None] >> np.arange(3)) & 1
    train = 2.0 - members @ gains
    test = 3.0 - members @ (gains * [0.5, 3.0, 1.2])
    found = Effectiveness(ORDERS, train, test, np.ones(3))
    np.testing.assert_allclose(found.overfit, [0.5, np.nan, -0.2], atol=1e-12)
    nothing = Effectiveness(ORDERS, np.ones(8), test, np.ones(3))
    assert np.isnan(nothing.overfit).all()


@pytest.mark.filterwarnings("error")
def test_what_does_not_vary_has_no_size():
    # The second contributes a constant, the third is one up to rounding.
    games = Effectiveness(
        (1, 2, 3), np.arange(8.0)[::-1], np.arange(8.0), np.array([4, 0, 1e-16])
    )
    np.testing.assert_allclose(games.phi_train, [1, 2, 4])
    for norm, first in (("std", 0.5), ("var", 0.25)):
        found = games.effective(norm)
        np.testing.assert_allclose(found, [first, np.nan, np.nan])
    np.testing.assert_allclose(games.effective("none"), [1, 2, 4])


def test_cross_entropy_of_large_logits():
    found = module.cross_entropy([[1e4, 0.0], [0.0, 1e4]], np.array([0, 0]))
    np.testing.assert_allclose(found, [0.0, 1e4])


def test_unknown_names(rng):
    planted = Planted(rng)
    images = planted.set_of(TRAIN)
    with pytest.raises(UserError, match="zero, mean"):
        module.measure_effectiveness(
            planted.feature, planted, images, images, "median"
        )
    found = Effectiveness(ORDERS, np.ones(8), np.ones(8), np.ones(3))
    with pytest.raises(UserError, match="std, var, none"):
        found.effective("max")

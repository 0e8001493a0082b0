"""The claims on feature components are measured, and their checks can fail."""

from unittest import mock

import numpy as np
import pytest

from dlgn_tf.claims import registry
from dlgn_tf.complexity import disentangler, panels, shapley
from dlgn_tf.complexity.claims import games, nets, predictions, studies
from dlgn_tf.complexity.components import Significance
from dlgn_tf.complexity.covariance import PartCovariance
from dlgn_tf.complexity.experiments import (
    classification,
    compression,
    effectiveness,
    samples,
    tasks,
)

QUICK = (2, 3, 4, 6, 7, 9, 19, 21)
TRAINED = (1, 5, 8, *range(10, 18), 20)


@pytest.mark.parametrize("number", QUICK)
def test_quick_claim_holds(number, measure_claim):
    measurement = measure_claim(f"complexity.{number}")
    assert measurement.holds, measurement


@pytest.mark.slow
@pytest.mark.parametrize("number", TRAINED)
def test_claim_is_measured(number, assert_measured):
    assert_measured(f"complexity.{number}", "minutes")


def test_numbers():
    registry.register_papers()
    numbers = [claim.number for claim in registry.claims("complexity")]
    assert numbers == list(range(1, 22))


class TestNets:
    def test_depths_are_compared_with_the_order(self):
        found = nets.depth_figures(4, (8, 8, 64), 6, 5, (8, 8, 32))
        assert list(found.values()) == [2, 1, False]

    def test_operations_are_counted_in_the_graph(self):
        import keras

        image = keras.Input((8, 8, 3))
        h = keras.layers.Conv2D(2, 3, activation="relu")(image)
        h = keras.layers.ReLU()(keras.layers.Conv2D(2, 3)(h))
        net = keras.Model(image, keras.layers.Activation("tanh")(h))
        assert nets._operations(net, (8, 8, 3)) == (2, 2, (4, 4, 2))

    def test_cold_start_is_seen(self, monkeypatch, measure_claim):
        monkeypatch.setattr(disentangler, "warm_start", lambda *nets: None)
        assert measure_claim("complexity.9").holds is False


def test_forgotten_means_are_seen(monkeypatch, measure_claim):
    def uncentred(self, parts):
        flat = np.reshape(parts, (len(parts), -1))
        self._sums += flat @ flat.T
        self.count += np.shape(parts)[1]

    monkeypatch.setattr(PartCovariance, "add", uncentred)
    assert measure_claim("complexity.3").holds is False


class TestGames:
    def test_wrong_weights_are_seen(self, monkeypatch, measure_claim):
        # Banzhaf's: all coalitions count the same.
        monkeypatch.setattr(
            shapley, "weights", lambda n: np.full(n, 2.0 ** (1 - n))
        )
        assert measure_claim("complexity.4").holds is False

    def test_undefined_ratios_are_left_out(self):
        found = games.magnitudes(np.array([0.1, np.nan, -0.3, -np.inf]))
        assert found.tolist() == [0.1, 0.3, np.inf]


def test_panels_of_ranges_of_their_own_are_seen(monkeypatch, measure_claim):
    def apart(axes, values, limit, title):
        return axes.imshow(values, panels.COLOURS, interpolation="nearest")

    monkeypatch.setattr(panels, "_panel", apart)
    found = measure_claim("complexity.19")
    assert found.holds is False and "fails: ranges" in found.measured


class TestPredictions:
    def test_without_the_authors_table(self, rng, tmp_path, monkeypatch):
        monkeypatch.setattr(predictions, "SPLITS", 5)
        figures = predictions.measure(rng, tmp_path / "nothing")
        registry.register_papers()
        (claim,) = registry.select(only=["complexity.18"])
        found = claim.check.decide(figures)
        assert found.holds is None and "not there" in found.measured
        figures["planted, error over that of the noise"] *= 2
        assert claim.check.decide(figures).holds is False

    def test_expected_error_of_a_planted_fit(self):
        """By simulation of the fits, in NumPy alone."""
        rng = np.random.default_rng(0)
        n = predictions.NETWORKS - predictions.LEFT_OUT
        errors = []
        for _ in range(3000):
            x = rng.normal(size=(n + 1, predictions.NUMBERS))
            x = np.hstack([x, np.ones((n + 1, 1))])
            y = predictions.NOISE * rng.normal(size=n + 1)
            solution = np.linalg.lstsq(x[:n], y[:n], rcond=None)[0]
            errors.append(abs(y[n] - x[n] @ solution))
        simulated = np.mean(errors)
        assert predictions.expected_error() == pytest.approx(
            simulated, rel=0.06
        )


def shares(*variances):
    """Of uncorrelated components and, last, of the remainder."""
    orders = (4, 7, 13)[: len(variances) - 1]
    return Significance(orders, np.diag(variances), 1)


class TestExperiments:
    """Verdicts on planted networks."""

    @pytest.fixture
    def verdict(self, monkeypatch, measure_claim):
        """A function that measures a claim with a function in place of one.

        The networks of its workshop are tuples of a number of images and a
        seed.
        """
        workshop = mock.MagicMock()
        workshop.teacher = lambda depth, count, seed: mock.MagicMock(
            feature=(count, seed)
        )
        monkeypatch.setattr(studies, "workshop", lambda: workshop)

        def measure(number, module, function, name="measure"):
            monkeypatch.setattr(module, name, function)
            return measure_claim(f"complexity.{number}", scale="minutes").holds

        return measure

    @pytest.mark.parametrize(
        "deep, expected",
        [
            (shares(0.5, 0.1, 0.4), True),
            (shares(0.86, 0.1, 0.04), False),
        ],
    )
    def test_task_depths(self, verdict, monkeypatch, deep, expected):
        monkeypatch.setattr(tasks, "fitted", lambda _, depth, seed: depth)
        planted = {0: shares(0.95, 0.01, 0.04), 80: deep}
        found = verdict(11, tasks, lambda _, depth: planted[depth])
        assert found is expected

    @pytest.mark.parametrize(
        "few, many, expected",
        [
            ((0.55, 0.25, 0.1, 0.1), (0.35, 0.35, 0.2, 0.1), True),
            ((0.35, 0.35, 0.2, 0.1), (0.55, 0.25, 0.1, 0.1), False),
            # Nets that have hardly learned the feature decide nothing.
            ((0.35, 0.35, 0.2, 0.1), (0.4, 0.2, 0.1, np.nan), None),
        ],
    )
    def test_profiles(self, verdict, few, many, expected):
        def measure(subject, ladder):
            return shares(*{100: few, 1000: many}[subject.feature[0]])

        workshop = studies.workshop()
        assert verdict(13, workshop, measure, "significance") is expected

    @pytest.mark.parametrize("at_4, expected", [(0.8, True), (0.55, False)])
    def test_reliability(self, verdict, monkeypatch, at_4, expected):
        def measure(workshop, depth, count, seed, others):
            ratio = np.array([0.6 if count == 100 else at_4, 0.3, 0.1])
            return mock.MagicMock(**{"reliability.ratio": lambda *_: ratio})

        monkeypatch.setattr(samples, "exemplary", lambda workshop: [])
        assert verdict(14, samples, measure) is expected

    @pytest.mark.parametrize(
        "lead, rise, efficient, expected",
        [
            (0.1, 0.1, True, True),
            (0.1, -0.1, True, False),
            # Not told from 0, in the spread of the seeds.
            (0.0, 0.1, True, None),
            (0.1, 0.1, False, False),
            (np.nan, 0.1, True, False),
        ],
    )
    def test_effectiveness(self, verdict, lead, rise, efficient, expected):
        seeds = []

        def measure(workshop, subject):
            count, seed = subject.feature
            seeds.extend({seed} - set(seeds))
            noise = 0.01 * (seeds.index(seed) - 1)
            overfit = 0.5 + (rise + noise if count == 100 else 0)
            return mock.MagicMock(
                orders=(4, 7, 13),
                train_losses=np.array([2.0, 0.5]),
                phi_train=np.array([1.0, 0.3, 0.2 if efficient else 0.3]),
                effective=lambda: np.array([1 + lead + noise, 1.0, 1.0]),
                overfit=np.array([overfit, 0.5, 0.5]),
            )

        assert verdict(15, effectiveness, measure) is expected

    @pytest.mark.parametrize("gain, expected", [(0.1, True), (0.0, False)])
    def test_heads(self, verdict, gain, expected):
        def measure(workshop, subject):
            return [
                {
                    "network": f"resnet8-{subject.feature[0]}",
                    "nets_trained_on": regime,
                    "order": order,
                    "accuracy_of_feature": "21.30",
                    "gain": str(gain if regime[0] + str(order) == "a7" else -1),
                }
                for regime in classification.REGIMES
                for order in (4, 7)
            ]

        assert verdict(16, classification, measure) is expected

    @pytest.mark.parametrize(
        "counts, compressed, distilled, expected",
        [
            ((256, 32), 0.51, 0.57, True),
            ((256, 33), 0.51, 0.57, False),
            # Nothing changes at all.
            ((256, 32), 0.50, 0.50, False),
        ],
    )
    def test_compressed(self, verdict, counts, compressed, distilled, expected):
        low = [0.5, compressed, distilled]
        three = {
            kind: mock.MagicMock(significance=shares(x, 1 - x, 0.1), accuracy=8)
            for kind, x in zip(compression.KINDS, low, strict=True)
        }
        layers = dict(zip(("stem", "logits"), counts, strict=True))
        what = compression.Compressed(0.8, layers)
        assert verdict(17, compression, lambda *_: (three, what)) is expected

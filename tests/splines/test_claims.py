"""The claims on splines and soft layers hold, and their checks can fail."""

import pathlib

import keras
import numpy as np
import pytest
from scipy import special

from dlgn_tf.claims import registry
from dlgn_tf.layers import BetaVQ, OrthogonalConv2D, orthogonalization
from dlgn_tf.layers.beta import BetaLayer
from dlgn_tf.reproduction import results, tables
from dlgn_tf.splines import digits_network, mixture, selection
from dlgn_tf.splines.claims import (
    accuracies,
    beta_kinds,
    beta_layers,
    cost,
    digit_trainings,
    evaluation,
    identities,
    joint,
    joint_patches,
    orthogonal_filters,
    variational,
)

ROOT = pathlib.Path(__file__).parents[2]
QUICK = (1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 15, 22, 23)
SLOW = (8, 10, 14, 16, 18, 21, 24, 25)


@pytest.fixture
def measure(measure_claim):
    """A function that measures a claim of the paper by its number."""

    def measure(number, results_dir=None):
        return measure_claim(f"smaso.{number}", 1, results_dir, "minutes")

    return measure


@pytest.mark.parametrize(
    "number",
    [
        *QUICK,
        *(pytest.param(number, marks=pytest.mark.slow) for number in SLOW),
    ],
)
def test_claim_holds(number, measure):
    measurement = measure(number)
    assert measurement.holds, measurement


def decide(number, figures):
    """Whether figures bear a claim out."""
    registry.register_papers()
    (claim,) = registry.select(only=[f"smaso.{number}"], scale="minutes")
    return claim.check.decide(figures).holds


def test_numbers_are_those_of_the_list():
    registry.register_papers()
    found = [claim.number for claim in registry.claims("smaso")]
    assert found == list(range(1, 27))


def test_layers_follow_from_the_seed(monkeypatch):
    monkeypatch.setattr(
        evaluation,
        "chains",
        lambda: {(10,): {"ReLU": [keras.layers.Dense(7, activation="relu")]}},
    )
    first, second = (
        evaluation.measure(np.random.default_rng(3))["without the bias"]["ReLU"]
        for _ in range(2)
    )
    assert first == second


def test_another_prior_is_seen(measure, monkeypatch):
    offsets = mixture.offsets_of_prior
    monkeypatch.setattr(
        mixture,
        "offsets_of_prior",
        lambda means, prior, variance: offsets(means, prior, 2 * variance),
    )
    assert measure(3).holds is False


class TestVariational:
    def test_another_closed_form_is_seen(self, measure, monkeypatch):
        monkeypatch.setattr(
            selection,
            "beta_vq",
            lambda scores, beta: selection.soft_vq(beta * scores),
        )
        assert measure(4).holds is False

    def test_simplex(self):
        grid = variational.simplex(3)
        assert len(np.unique(grid, axis=0)) == 401 * 402 // 2
        np.testing.assert_allclose(grid.sum(axis=1), 1)
        assert grid.min() == 0


class TestIdentities:
    @pytest.mark.parametrize("number", [5, 6])
    def test_layers_of_another_beta_are_seen(
        self, number, measure, monkeypatch
    ):
        eta = BetaLayer._eta
        monkeypatch.setattr(BetaLayer, "_eta", lambda self: 3 * eta(self) + 0.1)
        assert measure(number).holds is False

    def test_gap_is_lambert_w(self):
        """W((n - 1) / e) of n scores; two slopes count as n = 2."""
        for kind, scores in (("relu", 2), ("2x2", 4)):
            expected = special.lambertw((scores - 1) / np.e).real
            assert identities.GAPS[kind] == pytest.approx(expected, abs=1e-6)


def test_slopes_of_seconds():
    doubling = {k: 2.0**k for k in (8, 10, 12)}
    assert joint.slope(doubling, lambda k: k) == pytest.approx(1)
    linear = {k: 3.0 * k for k in (1, 64, 128)}
    assert joint.slope(linear, np.log2, least=64) == pytest.approx(1)


class TestLayers:
    def test_wrong_layers_are_seen(self):
        class Broken(BetaVQ):
            def call(self, z):
                return z / z

        class Doubled(BetaVQ):
            def _eta(self):
                return 2.0

        assert beta_layers.error(Broken("relu")) == np.inf
        assert beta_layers.error(Doubled("abs")) > 1e-2
        assert beta_layers.error(BetaVQ("abs")) < 1e-6

    def test_a_check_that_sees_nothing_is_seen(self, measure, monkeypatch):
        monkeypatch.setattr(beta_layers, "error", lambda layer: 0.0)
        assert measure(7).holds is None

    @pytest.mark.parametrize("scale", ["residual", "unit", "gain"])
    def test_a_wrong_gradient_of_a_scale_is_seen(self, scale, rng, monkeypatch):
        """One that leaves out how directions turn: values alone are right."""
        given = (orthogonal_filters.conditioned(rng, 18, 6), np.ones(6))
        found = orthogonal_filters.scale_difference(scale, *given, rng)
        assert max(found) <= 1e-12
        mapped = OrthogonalConv2D._mapped
        monkeypatch.setattr(
            OrthogonalConv2D,
            "_mapped",
            lambda self, matrix: (
                matrix + keras.ops.stop_gradient(mapped(self, matrix) - matrix)
            ),
        )
        found = orthogonal_filters.scale_difference(scale, *given, rng)
        assert found[0] <= 1e-12 < 1e-2 < found[1]

    def test_loop_is_what_the_layers_have(self, rng):
        matrix = rng.normal(size=(9, 4))
        np.testing.assert_allclose(
            orthogonalization.gram_schmidt_loop(matrix),
            orthogonal_filters.loop(matrix),
            atol=1e-12,
        )

    def test_ratios_of_seconds(self, rng, monkeypatch):
        def timings(loop):
            return lambda *arguments: {
                mode: {"ours": [1.0, 2.0], "tf.linalg.qr": [1.0], "loop": loop}
                for mode in cost.MODES
            }

        monkeypatch.setattr(cost, "peak_memory", lambda *arguments: 0.0)
        for loop, holds in (
            ([10.0, 12.0], True),
            ([9.0, 50.0], False),
            ([10.0, 110.0], None),
        ):
            monkeypatch.setattr(cost, "timings", timings(loop))
            assert decide(17, cost.measure(rng)) is holds


class TestTrainings:
    @pytest.mark.parametrize(
        ("changed", "holds"),
        [
            ({}, True),
            ({"plain": {"mean |cosine|": 0.001}}, False),
            ({"Gram-Schmidt": {"mean |cosine|": 1e-5}}, False),
            ({"penalty": {"accuracy": 0.175}}, False),
        ],
    )
    def test_cosines(self, changed, holds):
        cosines = {"plain": 0.2, "penalty": 0.01, "Gram-Schmidt": 1e-8}
        assert tuple(cosines) == digits_network.KINDS
        right = {
            kind: {"accuracy": 0.8, "mean |cosine|": cosine}
            for kind, cosine in cosines.items()
        }

        def figures(**changed):
            wrong = {kind: {**right[kind], **x} for kind, x in changed.items()}
            # Of two seeds one is as it should be.
            return digit_trainings.cosines_and_accuracies(
                {"seed 1": right, "seed 2": right | wrong}
            )

        drawn = "penalty from kernels as drawn"
        control = figures(penalty={"accuracy": 0.2})
        assert decide(18, {**figures(**changed), drawn: control}) is holds
        if holds:
            assert decide(18, {**figures(), drawn: figures()}) is None

    def test_betas(self):
        def holds(eta, away=8.0):
            found, control = (
                digit_trainings.moves_of_eta({"conv1": np.array(values)})
                for values in (eta, [away, away])
            )
            name = "towards activations of another eta"
            return decide(21, {**found, name: {"seed 1": control}})

        assert holds([0.9, 1.2]) is True
        for wrong in ([1.0, 1.2], [4.5, 6.0], [0.0, 1.2], [0.9, 1.2, np.inf]):
            assert holds(wrong) is False
        assert holds([0.9, 1.2], away=1.1) is None


@pytest.mark.parametrize(
    ("accuracy", "eta", "linear", "holds"),
    [
        (0.9, 1.1, 0.1, True),
        (0.5, 1.1, 0.1, False),
        (0.9, 4.0, 0.1, False),
        (0.9, 1.1, 0.9, None),
    ],
)
def test_kinds_of_beta(accuracy, eta, linear, holds, rng, monkeypatch):
    """One of twelve cases of a kind is as given, all others are right."""

    def train(activation, seed, mode, activation_beta=None, **options):
        if activation_beta == 0:
            return linear, {}
        of_abs = activation == "abs_beta_vq" and mode == "per_channel"
        found = {"conv1": np.array([eta if of_abs else 1.0])}
        return accuracy if of_abs else 0.9, found

    monkeypatch.setattr(beta_kinds, "train", train)
    assert decide(26, beta_kinds.measure(rng)) is holds


def penalty_cells(data="cifar10"):
    return {
        f"{data}_{rate}_{column}": mean
        for rate in accuracies.RATES
        for column, mean in (("baseline", 70.0), ("penalty", 71.0))
    }


CELLS = {
    19: penalty_cells(),
    20: {
        cell: mean
        for pair in accuracies.PAIRS.values()
        for cell, mean in zip(pair, (40.0, 45.0), strict=True)
    },
}


class TestTables:
    """On invented results: what counts is which lie above which."""

    @pytest.fixture
    def measured(self, tmp_path, measure):
        def measured(number, means, runs=3, steps=5_000):
            found = [
                # The best accuracy is not what counts.
                results.Result(
                    cell, seed, "", 99, last, 2, 360, steps, 1.0, "do"
                )
                for cell, mean in means.items()
                for seed, last in enumerate((mean - 0.1, mean, mean + 0.1))
                if seed < runs
            ]
            folder = tmp_path / "smaso.2-minutes"
            folder.mkdir(exist_ok=True)
            (folder / "results.csv").write_text(results.to_csv(found))
            return measure(number, tmp_path)

        return measured

    @pytest.mark.parametrize(
        ("number", "changed", "holds"),
        [
            (19, {}, True),
            (19, {"cifar10_lr5e-4_penalty": 69.0}, False),
            (19, {"cifar10_lr5e-4_penalty": 70.0}, None),
            (19, penalty_cells("cifar100"), True),
            # A second data set counts.
            (
                19,
                {**penalty_cells("cifar100"), "cifar100_lr1e-3_penalty": 60.0},
                False,
            ),
            (20, {}, True),
            (20, {"cifar100_swish_bn_gs": 39.0}, False),
        ],
    )
    def test_which_lie_above_which(self, number, changed, holds, measured):
        assert measured(number, {**CELLS[number], **changed}).holds is holds

    @pytest.mark.parametrize("column", ["penalty", "baseline"])
    def test_cells_at_chance_are_no_evidence(self, column, measured):
        # Twice chance is 2 %, and not shown to be passed.
        cell = f"cifar100_lr1e-3_{column}"
        cells = {**CELLS[19], **penalty_cells("cifar100"), cell: 2.1}
        found = measured(19, cells)
        assert found.holds is None
        assert "no evidence > twice chance 2.1, 2" in found.measured
        assert found.values["no evidence"].popitem()[1] == [cell]
        # Far below, were it evidence.
        assert "5 of 6 borne out" in found.measured

    @pytest.mark.parametrize("number", CELLS)
    def test_what_was_trained_shortly_is_no_evidence(self, number, measured):
        cells = {**CELLS[number], "cifar10_lr5e-4_penalty": 60.0}
        found = measured(number, cells, steps=4_999)
        assert found.holds is None
        assert "after 4,999 of 5,000 steps" in found.measured
        assert "0 of" in found.measured

    def test_few_runs_do_not_decide(self, measured):
        assert measured(19, CELLS[19], runs=2).verdict == "not decided"

    def test_nothing_is_not_measured(self, tmp_path, measure, measured):
        for number in CELLS:
            assert measure(number, tmp_path).verdict == "not measured"
        assert measured(20, CELLS[19]).holds is None

    def test_the_table_has_these_cells(self):
        cells = tables.load(ROOT, "smaso.2").cells
        assert set(CELLS[20]) <= set(cells)
        for data in accuracies.DATA_SETS:
            assert set(penalty_cells(data)) <= set(cells)


def test_joint_selections_that_are_told_apart():
    """Of two networks a kind, each with two layers: means over layers."""

    def rows(kind, places, *agreement):
        return [
            {"kind": kind, "seed": i // 2, "places": places, "agreement": x,
             "nats": 0.0, "accuracy": 0.8}
            for i, x in enumerate(agreement)
        ]  # fmt: skip

    exact = rows("Gram-Schmidt", 1, 1, 1, 1, 1)
    both = rows("Gram-Schmidt", 2, 0.2, 0.8, 0.1, 0.9)
    free, tied = rows("plain", 1, 0, 0.8, 0, 0.4), rows("plain", 1, 0.9, 0.9)
    found = joint_patches.figures([*exact, *both, *free])
    assert found["agreement"]["plain"] == [0.4, 0.2]
    assert decide(25, found) is True
    assert decide(25, joint_patches.figures([*exact, *both, *tied])) is None
    once = rows("Gram-Schmidt", 1, 1, 1, 1, 0.99)
    assert decide(25, joint_patches.figures([*once, *both, *free])) is False

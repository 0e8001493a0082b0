"""The claims on splines and soft layers hold, and their checks can fail."""

import math
import pathlib

import numpy as np
import pytest

from dlgn_tf.claims import registry
from dlgn_tf.reproduction import results
from dlgn_tf.splines import claims  # noqa: F401

ROOT = pathlib.Path(__file__).parents[2]
QUICK = (1, 2, 3, 4, 5, 6, 7, 9, 11, 12, 13, 15, 22)
SLOW = (8, 10, 14, 16)


@pytest.fixture
def measure(measure_claim):
    """A function that measures a claim of the paper by its number."""

    def measure(number, results_dir=None, scale="seconds"):
        return measure_claim(f"smaso.{number}", 1, results_dir, scale)

    return measure


@pytest.mark.parametrize("number", QUICK)
def test_claim_holds(number, measure):
    measurement = measure(number)
    assert measurement.holds, measurement


@pytest.mark.slow
@pytest.mark.parametrize("number", SLOW)
def test_slow_claim_holds(number, measure):
    measurement = measure(number)
    assert measurement.holds, measurement


@pytest.mark.slow
@pytest.mark.parametrize("number", [18, 21])
def test_short_trainings(number, measure):
    measurement = measure(number, scale="minutes")
    assert measurement.holds, measurement


def test_numbers_are_those_of_the_list():
    found = [claim.number for claim in registry.claims("smaso")]
    assert found == list(range(1, 23))


class TestEvaluation:
    def test_verdict(self):
        from dlgn_tf.splines.claims import evaluation

        right = {"float64": 1e-13, "float32": 1e-6}
        assert evaluation.verdict(right, [0.1])
        assert not evaluation.verdict({**right, "float64": 1e-9}, [0.1])
        assert not evaluation.verdict({**right, "float32": 1e-3}, [0.1])
        assert not evaluation.verdict(right, [0.1, 1e-3])
        assert not evaluation.verdict({**right, "float64": math.nan}, [0.1])


class TestGeometry:
    def test_verdict(self):
        from dlgn_tf.splines.claims import geometry

        assert geometry.verdict([1.0], [0.5])
        assert not geometry.verdict([1.0, 0.9999], [0.5])
        assert not geometry.verdict([1.0], [0.5, 0.995])

    def test_another_prior_is_seen(self, rng, monkeypatch):
        from dlgn_tf.splines import mixture
        from dlgn_tf.splines.claims import geometry

        offsets = mixture.offsets_of_prior
        monkeypatch.setattr(
            mixture,
            "offsets_of_prior",
            lambda means, prior, variance: offsets(means, prior, 1.0),
        )
        assert not geometry.measure_map(rng).holds


class TestVariational:
    def test_another_closed_form_is_seen(self, rng):
        from dlgn_tf.splines import selection
        from dlgn_tf.splines.claims import variational

        found = variational.measure(
            rng, lambda scores, beta: selection.soft_vq(beta * scores)
        )
        assert not found.holds

    def test_simplex(self):
        from dlgn_tf.splines.claims import variational

        grid = variational.simplex(3)
        assert len(np.unique(grid, axis=0)) == 401 * 402 // 2
        np.testing.assert_allclose(grid.sum(axis=1), 1)
        assert grid.min() == 0


class TestIdentities:
    def test_verdicts(self):
        from dlgn_tf.splines.claims import identities

        assert identities.exact([1e-15], 0.1)
        assert not identities.exact([1e-15, 1e-9], 0.1)
        assert not identities.exact([1e-15], 1e-5)
        assert identities.within_limits([0.0], [1e-5])
        assert not identities.within_limits([1e-9], [1e-5])
        assert not identities.within_limits([0.0], [1e-5, 0.01])

    @pytest.mark.parametrize("number", [5, 6])
    def test_layers_of_another_beta_are_seen(
        self, number, measure, monkeypatch
    ):
        from dlgn_tf.layers.beta import BetaLayer

        eta = BetaLayer._eta
        monkeypatch.setattr(BetaLayer, "_eta", lambda self: 3 * eta(self) + 0.1)
        assert not measure(number).holds

    def test_gap_is_lambert_w(self):
        from dlgn_tf.splines import nonlinearities
        from dlgn_tf.splines.claims import identities

        for kind, pixels in (("relu", 2), ("2x2", 4)):
            expected = nonlinearities.gap_to_hard(pixels)
            assert identities.GAPS[kind] == pytest.approx(expected, abs=1e-6)
        assert nonlinearities.gap_to_hard(9) == pytest.approx(1.040113)


class TestJoint:
    def test_verdict(self):
        from dlgn_tf.splines.claims.joint import Inference
        from dlgn_tf.splines.claims.joint import verdict

        good, bad = Inference(1.0, 1e-15, 1e-15, 0), Inference(0.3, 0.1, 0.1, 1)
        assert verdict({"orthogonal, relu": good, "Gaussian, relu": bad})
        assert not verdict({"orthogonal, relu": bad})
        assert not verdict({"Gaussian, relu": good})
        slightly = Inference(1.0, 1e-9, 1e-15, 0)
        assert not verdict({"orthogonal, relu": slightly})
        assert not verdict({"conv stride 2, relu": slightly})

    def test_slopes(self):
        from dlgn_tf.splines.claims import joint

        doubling = {k: 2.0**k for k in (8, 10, 12)}
        assert joint.slope(doubling, lambda k: k) == pytest.approx(1)
        linear = {k: 3.0 * k for k in (1, 64, 128)}
        assert joint.slope(linear, np.log2, least=64) == pytest.approx(1)
        assert joint.runtime_verdict({"enumeration": 1.0, "per unit": 1.0})
        assert not joint.runtime_verdict({"enumeration": 0.1, "per unit": 1.0})
        assert not joint.runtime_verdict({"enumeration": 1.0, "per unit": 2.0})


class TestPatches:
    def test_verdict(self):
        from dlgn_tf.splines.claims import patches

        assert patches.verdict([1e-15], 0.5, 1e-15, [0.9])
        assert not patches.verdict([1e-9], 0.5, 1e-15, [0.9])
        assert not patches.verdict([1e-15], 0.05, 1e-15, [0.9])
        assert not patches.verdict([1e-15], 0.5, 1e-9, [0.9])
        assert not patches.verdict([1e-15], 0.5, 1e-15, [0.9, 1.01])


class TestLayers:
    def test_verdicts(self):
        from dlgn_tf.splines.claims import beta_layers
        from dlgn_tf.splines.claims import orthogonal_filters
        from dlgn_tf.splines.claims import penalty

        stable, right = beta_layers.stability_verdict, beta_layers.CONTROLS
        assert stable([], right, 0.5)
        assert not stable(["relu"], right, 0.5)
        assert not stable([], right, 1e-5)
        for controls in (
            {0.5: True, 1 - 1e-9: True},
            {0.5: False, 1 - 1e-9: False},
        ):
            assert not stable([], controls, 0.5)
        assert beta_layers.gradients_agree([1e-9], 0.1)
        assert not beta_layers.gradients_agree([1e-9, 1e-3], 0.1)
        assert not beta_layers.gradients_agree([1e-9], 1e-4)
        assert penalty.verdict([1e-12], 0.0, 0.1, 300.0)
        assert not penalty.verdict([1e-6], 0.0, 0.1, 300.0)
        assert not penalty.verdict([1e-12], 1e-6, 0.1, 300.0)
        assert not penalty.verdict([1e-12], 0.0, 0.0, 300.0)
        assert not penalty.verdict([1e-12], 0.0, 0.1, 200.0)
        errors = {"tight": 1e-6, "groups": 1e-6, "skip": 0.0}
        controls = {"frame": 1.0, "groups": 1.0}
        over = orthogonal_filters.overcomplete_verdict
        assert over(errors, controls, True)
        assert not over(errors, controls, False)
        assert not over({**errors, "tight": 0.1}, controls, True)
        assert not over(errors, {**controls, "frame": 1e-6}, True)

    def test_wrong_layers_are_seen(self):
        from dlgn_tf.layers import BetaVQ
        from dlgn_tf.splines.claims import beta_layers

        class Broken(BetaVQ):
            def call(self, z):
                return z / z

        class Doubled(BetaVQ):
            def _eta(self):
                return 2.0

        assert beta_layers.error(Broken("relu")) == np.inf
        assert beta_layers.error(Doubled("abs")) > beta_layers.WRONG
        assert beta_layers.error(BetaVQ("abs")) < 1e-6

    def test_a_check_that_sees_nothing_is_seen(self, rng, monkeypatch):
        from dlgn_tf.splines.claims import beta_layers

        monkeypatch.setattr(beta_layers, "error", lambda layer: 0.0)
        assert not beta_layers.measure_stability(rng).holds

    @pytest.mark.parametrize("scale", ["residual", "unit", "gain"])
    def test_a_wrong_gradient_of_a_scale_is_seen(self, scale, rng, monkeypatch):
        """One that leaves out how directions turn: values alone are right."""
        import keras

        from dlgn_tf.layers import OrthogonalConv2D
        from dlgn_tf.splines.claims import orthogonal_filters

        given = (orthogonal_filters.conditioned(rng, 18, 6), np.ones(6))
        found = orthogonal_filters.scale_difference(scale, *given, rng)
        assert found <= orthogonal_filters.EXACT
        mapped = OrthogonalConv2D._mapped
        monkeypatch.setattr(
            OrthogonalConv2D,
            "_mapped",
            lambda self, matrix: (
                matrix + keras.ops.stop_gradient(mapped(self, matrix) - matrix)
            ),
        )
        found = orthogonal_filters.scale_difference(scale, *given, rng)
        assert found > orthogonal_filters.WRONG

    def test_loop_is_what_the_layers_have(self, rng):
        from dlgn_tf.layers import orthogonalization
        from dlgn_tf.splines.claims import orthogonal_filters

        matrix = rng.normal(size=(9, 4))
        np.testing.assert_allclose(
            orthogonalization.gram_schmidt_loop(matrix),
            orthogonal_filters.loop(matrix),
            atol=1e-12,
        )

    def test_other_verdicts(self):
        from dlgn_tf.splines.claims import cost
        from dlgn_tf.splines.claims import folding

        assert cost.verdict([10.0, 50.0], 1.2)
        assert cost.verdict([9.0, 50.0], 1.2) is False
        assert cost.verdict([10.0, 50.0], 11.0) is None
        worst = {"folded": 1e-8, "loaded": 0.0, "layers left": 0}
        assert folding.verdict(worst, 0.5)
        assert not folding.verdict({**worst, "folded": 1e-3}, 0.5)
        assert not folding.verdict({**worst, "layers left": 1}, 0.5)
        assert not folding.verdict(worst, 1e-4)


class TestTrainings:
    def test_verdicts(self):
        from dlgn_tf.splines.claims import digit_trainings

        def runs(plain=0.2, penalty=0.01, exact=1e-8, accuracy=0.8):
            found = {"plain": plain, "penalty": penalty, "exact": exact}
            return {
                kind: [{"cosine": cosine, "accuracy": accuracy}]
                for kind, cosine in found.items()
            }

        assert digit_trainings.cosines_verdict(runs())
        for wrong in (
            {"plain": 0.001},
            {"exact": 1e-5},
            {"accuracy": 0.175},
        ):
            assert not digit_trainings.cosines_verdict(runs(**wrong))
        eta = {"conv1": np.array([0.9, 1.2])}
        assert digit_trainings.betas_verdict(eta)
        assert not digit_trainings.betas_verdict({"conv1": np.ones(2)})
        assert not digit_trainings.betas_verdict({"conv1": 5 * eta["conv1"]})
        assert not digit_trainings.betas_verdict({})

    def test_initial_prior(self):
        from dlgn_tf.splines.claims import initial_prior

        right = {"measured": 0.62, "expected": 0.6225, "abs": 0.0}
        assert initial_prior.verdict([right])
        assert not initial_prior.verdict([{**right, "measured": 0.5}])
        assert not initial_prior.verdict([{**right, "abs": 0.1}])


class TestTables:
    """On invented results: what counts is which lie above which."""

    @pytest.fixture
    def write(self, tmp_path):
        def write(means, runs=3, steps=5_000):
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
            return tmp_path

        return write

    @staticmethod
    def penalty_cells(data="cifar10"):
        from dlgn_tf.splines.claims import accuracies

        return {
            f"{data}_{rate}_{column}": mean
            for rate in accuracies.RATES
            for column, mean in (("baseline", 70.0), ("penalty", 71.0))
        }

    @staticmethod
    def ablation_cells():
        from dlgn_tf.splines.claims import accuracies

        return {
            cell: mean
            for pair in accuracies.PAIRS.values()
            for cell, mean in zip(pair, (40.0, 45.0), strict=True)
        }

    def test_penalty(self, write, measure):
        cells = self.penalty_cells()
        assert measure(19, write(cells), "minutes").holds
        worse = {**cells, "cifar10_lr5e-4_penalty": 69.0}
        assert measure(19, write(worse), "minutes").holds is False

    def test_a_second_data_set_counts(self, write, measure):
        cells = self.penalty_cells() | self.penalty_cells("cifar100")
        cells["cifar100_lr1e-3_penalty"] = 60.0
        assert measure(19, write(cells), "minutes").holds is False

    def test_cells_at_chance_are_no_evidence(self, write, measure):
        for column in ("penalty", "baseline"):
            cells = self.penalty_cells() | self.penalty_cells("cifar100")
            assert measure(19, write(cells), "minutes").holds
            # Twice chance is 2 %, and not shown to be passed.
            cells[f"cifar100_lr1e-3_{column}"] = 2.1
            found = measure(19, write(cells), "minutes")
            assert found.holds is None
            assert f"_{column} > chance 2.10, 2.00" in found.measured
            # Far below, were it evidence.
            assert "5 of 6 borne out" in found.measured

    def test_what_was_trained_shortly_is_no_evidence(self, write, measure):
        cells = self.penalty_cells()
        assert measure(19, write(cells), "minutes").holds
        cells["cifar10_lr5e-4_penalty"] = 60.0
        assert measure(19, write(cells), "minutes").holds is False
        for number, of_claim in ((19, cells), (20, self.ablation_cells())):
            folder = write(of_claim, steps=4_999)
            found = measure(number, folder, "minutes")
            assert found.holds is None
            assert "after 4,999 of 5,000 steps" in found.measured
            assert "0 of" in found.measured

    def test_near_figures_do_not_decide(self, write, measure):
        cells = {**self.penalty_cells(), "cifar10_lr5e-4_penalty": 70.0}
        assert measure(19, write(cells), "minutes").holds is None

    def test_gram_schmidt(self, write, measure):
        cells = self.ablation_cells()
        assert measure(20, write(cells), "minutes").holds
        worse = {**cells, "cifar100_swish_bn_gs": 39.0}
        assert measure(20, write(worse), "minutes").holds is False

    def test_nothing_is_not_measured(self, tmp_path, write, measure):
        for number in (19, 20):
            found = measure(number, tmp_path, "minutes")
            assert found.verdict == "not measured"
        assert measure(20, write(self.penalty_cells()), "minutes").holds is None

    def test_few_runs_do_not_decide(self, write, measure):
        found = measure(19, write(self.penalty_cells(), runs=2), "minutes")
        assert found.verdict == "not decided"

    def test_the_table_has_these_cells(self):
        from dlgn_tf.reproduction import tables

        cells = tables.load(ROOT, "smaso.2").cells
        assert set(self.penalty_cells()) <= set(cells)
        assert set(self.penalty_cells("cifar100")) <= set(cells)
        assert set(self.penalty_cells("svhn")) <= set(cells)
        assert set(self.ablation_cells()) <= set(cells)

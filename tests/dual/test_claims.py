"""The claims on the dual view hold, and their checks can fail."""

import math

import numpy as np
import pytest

from dlgn_tf.dual import claims  # noqa: F401

EXACT = ("dlgn.1", "dlgn.2", "dlgn.6", "dlgn.7", "dlgn.14")
STATISTICAL = ("dlgn.10", "dlgn.11", "dlgn.12", "dlgn.13")


@pytest.mark.parametrize("claim_id", EXACT)
def test_exact_claim_holds(claim_id, measure_claim):
    measurement = measure_claim(claim_id)
    assert measurement.holds, measurement


@pytest.mark.slow
@pytest.mark.parametrize("claim_id", STATISTICAL)
def test_statistical_claim_holds(claim_id, measure_claim):
    measurement = measure_claim(claim_id)
    assert measurement.holds, measurement


class TestEnumeration:
    def test_a_difference_is_seen(self):
        from dlgn_tf.dual.claims import enumeration

        assert enumeration.small([1e-12, 0.0])
        assert not enumeration.small([1e-12, 1e-9])
        assert not enumeration.small([math.nan])

    def test_a_wrong_count_is_seen(self, rng, monkeypatch):
        from dlgn_tf.dual.claims import enumeration

        wrong = {**enumeration.COUNTS, "residual": (35, 35)}
        monkeypatch.setattr(enumeration, "COUNTS", wrong)
        assert not enumeration.measure_outputs(rng).holds

    def test_a_kernel_without_a_layer_is_seen(self, rng, monkeypatch):
        from dlgn_tf.dual import kernels
        from dlgn_tf.dual.claims import enumeration

        fully_connected = kernels.fully_connected
        monkeypatch.setattr(
            kernels,
            "fully_connected",
            lambda gates, inputs: fully_connected(gates[1:], inputs),
        )
        assert not enumeration.measure_kernels(rng).holds


class TestInvariance:
    def test_verdict(self):
        from dlgn_tf.dual.claims import invariance

        assert invariance.verdict([1e-15], [0.1])
        assert not invariance.verdict([1e-15, 1e-3], [0.1])
        assert not invariance.verdict([1e-15], [0.1, 1e-3])
        assert not invariance.verdict([math.nan], [0.1])

    def test_a_permutation_that_fits_is_not_refused(self, rng):
        from dlgn_tf.claims.small_networks import SmallNetwork
        from dlgn_tf.dual.claims import invariance

        assert not invariance.refuses(SmallNetwork("c4gap"), rng)

    def test_no_rotation_changes_nothing_anywhere(self, rng, monkeypatch):
        """The controls change through the rotation, not by chance."""
        from dlgn_tf.dual.claims import invariance

        model = invariance.create(invariance.ZERO_PADDED, rng)
        images = invariance.ZERO_PADDED.images(rng)
        monkeypatch.setattr(
            invariance, "_pairs", lambda *_: (images, images.copy())
        )
        assert max(invariance.changes(model, rng).values()) == 0


class TestConvergence:
    def test_verdicts(self):
        from dlgn_tf.dual.claims import convergence

        assert convergence.converges(-0.5, 0.1, 1.0)
        assert not convergence.converges(-0.3, 0.1, 1.0)
        assert not convergence.converges(-0.7, 0.1, 1.0)
        assert not convergence.converges(-0.5, 0.2, 1.0)
        assert not convergence.converges(-0.5, 0.1, 4.5)
        assert not convergence.converges(math.nan, 0.1, 1.0)
        assert convergence.stays_away(-0.05, 0.5, 10.0)
        assert not convergence.stays_away(-0.5, 0.5, 10.0)
        assert not convergence.stays_away(-0.05, 0.3, 10.0)
        assert not convergence.stays_away(-0.05, 0.5, 3.0)
        assert not convergence.stays_away(math.nan, 0.5, 10.0)
        assert convergence.gates_agree([0.02], [0.2])
        assert not convergence.gates_agree([0.02, 0.04], [0.2])
        assert not convergence.gates_agree([0.02], [0.2, 0.02])

    def test_every_setting_belongs_to_one_claim(self, rng, monkeypatch):
        from dlgn_tf.dual import theorems
        from dlgn_tf.dual.claims import convergence

        asked = []
        monkeypatch.setattr(
            convergence, "_measured", lambda rng, names, *_: asked.extend(names)
        )
        convergence.measure_theorems(rng)
        convergence.measure_variants(rng)
        convergence.measure_control(rng)
        assert sorted(asked) == sorted(s.name for s in theorems.SETTINGS)


class TestRemoval:
    def test_verdict(self):
        from dlgn_tf.dual.claims import removal

        assert removal.verdict([1e-12], 0.0)
        assert not removal.verdict([1e-12, 1e-9], 0.0)
        assert not removal.verdict([1e-12], 1e-300)

    def test_another_block_is_seen(self, rng, monkeypatch):
        """Closing the gates of one block is not leaving out the next."""
        from dlgn_tf.dual.claims import removal

        closed = removal._closed
        monkeypatch.setattr(
            removal,
            "_closed",
            lambda gates, block: closed(gates, block % removal.SKIPS + 1),
        )
        found = removal.differences(1, rng)
        assert found["closed gates"] > 1e-3
        assert found["outputs"] > 1e-3

    def test_there_are_two_to_the_skips_sub_networks(self, rng):
        from dlgn_tf.dual.claims import removal

        model = removal.create(rng)
        gates, inputs = removal.gates_by_block(
            model, removal.NETWORK.images(rng)
        )
        kept = [kept for kept, _ in removal.sub_networks(gates, inputs)]
        assert len(set(kept)) == len(kept) == 2**removal.SKIPS


class TestLearnedFeatures:
    def test_quantity_by_hand(self):
        from dlgn_tf.dual.claims import learned_features

        kernel = np.diag([2.0, 6.0])
        found = learned_features.quantity(kernel, np.array([1.0, -1.0]))
        assert found == pytest.approx(8 / 2 + 8 / 6)

    def test_it_decreases_in_every_run_or_not_at_all(self):
        from dlgn_tf.dual.claims import learned_features

        assert learned_features.decreases([[3.0, 4.0, 2.0], [2.0, 1.0]])
        assert not learned_features.decreases([[3.0, 2.0], [1.0, 2.0]])
        assert not learned_features.decreases([[3.0, math.nan]])

    def test_training_learns(self, rng):
        from dlgn_tf.dual.claims import learned_features

        images, labels = learned_features.two_digits()
        assert set(labels) == {1.0, -1.0}
        points = learned_features.train(images, labels, 60, rng)
        assert [points[0]["step"], points[-1]["step"]] == [0, 60]
        assert points[-1]["accuracy"] > 0.9 > points[0]["accuracy"]
        assert points[0]["quantity"] != points[-1]["quantity"]


class TestKernelRegression:
    @pytest.fixture
    def module(self):
        from dlgn_tf.dual.claims import kernel_regression

        return kernel_regression

    @pytest.fixture
    def drawn(self, module, rng):
        """Images, targets, weights and gates of a small network."""
        images = module.IMAGES + 7
        x, targets = rng.normal(size=(images, 5)), rng.normal(size=images)
        weights = [rng.normal(size=s) / 3 for s in ((5, 6), (6, 6), (6, 1))]
        gates = [rng.integers(2, size=(images, 6)) * 1.0 for _ in range(2)]
        return x, targets, weights, gates

    @pytest.mark.parametrize("fixed", [True, False])
    def test_a_step_follows_the_gradient(self, module, drawn, fixed):
        x, targets, weights, gates = drawn
        gates = gates if fixed else None

        def loss(weights):
            *_, outputs = module.forward(weights, x, gates)
            return 0.5 * np.sum((outputs - targets)[: module.IMAGES] ** 2)

        stepped = module.train(weights, x, targets, 1e-9, gates, steps=1)
        for layer, entry in ((0, (1, 2)), (1, (3, 0)), (2, (4, 0))):
            sides = []
            for sign in (1, -1):
                moved = [matrix.copy() for matrix in weights]
                moved[layer][entry] += sign * 1e-6
                sides.append(loss(moved))
            slope = (sides[0] - sides[1]) / 2e-6
            step = (weights[layer] - stepped[layer])[entry]
            assert step == pytest.approx(1e-9 * slope, rel=1e-4, abs=1e-15)

    def test_regression_is_descent_in_its_features(self, module, rng):
        """Also where the kernel is singular."""
        features = rng.normal(size=(module.IMAGES + 7, 9))
        known, asked = features[: module.IMAGES], features[module.IMAGES :]
        targets = rng.normal(size=module.IMAGES)
        rate = 0.5 / np.linalg.norm(known, 2) ** 2
        weights = np.zeros(9)
        for _ in range(30):
            weights += rate * known.T @ (targets - known @ weights)
        found = module.regressed(features @ features.T, targets, rate, 30)
        np.testing.assert_allclose(found, asked @ weights, rtol=1e-9)

    def test_a_linear_network_is_its_kernel(self, module, drawn):
        """One layer without gates: nothing is left of the error."""
        x, targets, *_ = drawn
        rate = 0.5 / np.linalg.norm(x[: module.IMAGES], 2) ** 2
        weights = [np.ones((5, 1))]
        assert module.error(weights, x, targets, rate, x @ x.T, []) < 1e-10
        other = np.eye(len(x)) + x @ x.T
        assert module.error(weights, x, targets, rate, other, []) > 0.01

    def test_wider_is_nearer_under_fixed_gates_alone(self, module, rng):
        drawn = [module.odd_and_even(rng) for _ in range(6)]
        found = [
            [module.errors(x, targets, width, rng) for x, targets in drawn]
            for width in (12, 96)
        ]
        mean = {
            name: [np.mean([e[name] for e in of_width]) for of_width in found]
            for name in (module.FIXED, *module.CONTROLS)
        }
        narrow, wide = mean[module.FIXED]
        assert wide < 0.6 * narrow
        for control in module.CONTROLS:
            assert mean[control][1] / mean[control][0] > 1.15 * wide / narrow

    def test_verdict(self, module):
        right = dict.fromkeys(module.CONTROLS, 0.4) | {module.FIXED: 0.2}
        assert module.verdict(-0.45, right)
        for slope in (-0.2, -0.8, math.nan):
            assert not module.verdict(slope, right)
        for control in module.CONTROLS:
            for near in (0.25, math.nan):
                assert not module.verdict(-0.45, {**right, control: near})


class TestSumsAndProducts:
    @pytest.fixture
    def module(self):
        from dlgn_tf.dual.claims import sums_and_products

        return sums_and_products

    def test_it_is_measured_on_digits_without_a_folder(self, module, rng):
        found = module.measure(rng, None, {"digits": (40, 20)})
        assert found.values["identities"] < 1e-14
        assert len(found.values["accuracies"]) == module.DRAWS
        assert "no --data_dir" in found.measured
        assert min(each[1] for each in found.values["accuracies"]) > 40
        # Shuffled labels are learned by none.
        shuffled = module.compare(found.values["shuffled"])
        assert not any(each.is_borne_out for each in shuffled)

    def test_products_that_are_needed_are_seen(self, module, rng):
        """Labels of third order in the direction: of no use to one layer."""
        directions = rng.normal(size=(240, 3))
        angle = 3 * np.arctan2(directions[:, 0], directions[:, 1])
        labels = (np.cos(angle) > 0) * 1
        found = [
            module.accuracies(directions[part], labels[part], 60)
            for part in np.split(np.arange(240), 3)
        ]
        assert np.mean([each[4] - each[1] for each in found]) > 3

    def test_a_wrong_identity_is_seen(self, module, rng, monkeypatch):
        monkeypatch.setattr(module, "identities", lambda rng: 1e-3)
        sizes = {"digits": (20, 10)}
        assert module.measure(rng, None, sizes).holds is False

    def test_verdicts_need_each_product(self, module):
        from dlgn_tf.claims import contrasts

        found = [{1: 30, 2: 32 + x, 4: 33 - x} for x in (0, 0.1, 0.2)]
        assert contrasts.decide(module.compare(found)) is True
        worse = [{**each, 4: 20 + each[4] % 1} for each in found]
        assert contrasts.decide(module.compare(worse)) is False
        equal = [{**each, 4: 29 + x} for x, each in enumerate(found)]
        assert contrasts.decide(module.compare(equal)) is None

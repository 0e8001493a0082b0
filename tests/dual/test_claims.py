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

"""The claims on rainbow networks are measured, and their checks can fail."""

import numpy as np
import pytest

from dlgn_tf.claims import registry
from dlgn_tf.rainbow import claims  # noqa: F401

WITHOUT_TRAINING = (1, 2, 3, 4, 5)
TRAINED = (6, 7, 8, 9, 10, 11, 12)


@pytest.mark.parametrize("number", WITHOUT_TRAINING)
def test_claim_without_training_holds(number, measure_claim):
    measurement = measure_claim(f"rainbow.{number}")
    assert measurement.holds, measurement


@pytest.mark.slow
@pytest.mark.parametrize("number", TRAINED)
def test_claim_on_trained_networks_is_measured(number, assert_measured):
    assert_measured(f"rainbow.{number}", "minutes")


@pytest.fixture(scope="class")
def small():
    """Makes the claims' networks few and small, and forgets them afterwards."""
    from dlgn_tf.rainbow import teacher_task
    from dlgn_tf.rainbow.claims import covariances
    from dlgn_tf.rainbow.claims import resampled
    from dlgn_tf.rainbow.claims import spectra
    from dlgn_tf.rainbow.claims import trained_networks

    data = teacher_task.TeacherTask.draw(np.random.default_rng(0), 1280, 500)
    cached = (trained_networks.trained, trained_networks.covariances)
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
            (trained_networks, "task", lambda seed: data),
            (trained_networks, "WIDTH", 32),
            (trained_networks, "SCALES", (0.5, 1)),
            (covariances, "COMPARED", (0, 1)),
            (covariances, "OF_WIDTH", (0, 1)),
            (spectra, "OTHERS", (1, 2)),
            (resampled, "OF_WIDTH", (0, 1)),
            (resampled, "DRAWS", 1),
        ):
            patch.setattr(module, name, value)
        yield trained_networks
    for function in cached:
        function.cache_clear()


class TestSmallNetworks:
    @pytest.mark.parametrize("number", TRAINED)
    def test_is_measured(self, small, number, assert_measured):
        assert_measured(f"rainbow.{number}", "minutes")

    def test_networks_learn_and_are_shared(self, small):
        network = small.trained(1, 1, 0)
        assert network is small.trained(1, 1, 0)
        # A third of the most frequent class at least.
        most = np.bincount(small.task(1).test_labels).max() / 500
        assert network.accuracy > 1.5 * most
        snapshots = network.snapshots["dense2"]
        assert len(snapshots) == len(small.SNAPSHOTS)
        np.testing.assert_allclose(
            snapshots[-1].T, network.model.get_layer("dense2").kernel
        )
        assert not np.allclose(snapshots[0], snapshots[1])

    def test_another_seed_is_another_network(self, small):
        first, other = (small.trained(1, 0.5, k) for k in (0, 1))
        gap = first.snapshots["dense2"][0] - other.snapshots["dense2"][0]
        assert np.abs(gap).max() > 0.1

    def test_claims_of_a_run_share_its_seed(self, small):
        found = registry.claims("rainbow")
        seeds = {small.seed_of_run(claim.generator(7)) for claim in found}
        assert seeds == {7}
        assert small.seed_of_run(np.random.default_rng(3)) == 3


class TestTask:
    def test_repeatable(self):
        from dlgn_tf.rainbow.teacher_task import TeacherTask

        one, same = (
            TeacherTask.draw(np.random.default_rng(2), 4000, 100)
            for _ in range(2)
        )
        np.testing.assert_array_equal(one.x, same.x)
        np.testing.assert_array_equal(one.labels, same.labels)
        assert set(one.labels) == set(range(10))
        variances = np.arange(1, 65) ** -0.5
        np.testing.assert_allclose(one.x.var(axis=0), variances, rtol=0.15)


class TestVerdicts:
    def test_kernel_rate(self):
        from dlgn_tf.rainbow.claims.one_layer import kernel_rate_holds

        assert kernel_rate_holds(-1.0, [0.9, 1.1])
        assert not kernel_rate_holds(-0.8, [1.0])
        assert not kernel_rate_holds(-1.0, [1.0, 1.2])
        assert not kernel_rate_holds(np.nan, [1.0])

    def test_procrustes(self):
        from dlgn_tf.rainbow.claims.one_layer import procrustes_holds

        assert procrustes_holds(1e-12, 1e-9, 1.3)
        assert not procrustes_holds(1e-9, 1e-9, 1.3)
        assert not procrustes_holds(1e-12, 1e-5, 1.3)
        assert not procrustes_holds(1e-12, 1e-9, 0.9)

    def test_an_alignment_that_is_not_the_best_is_seen(self, rng, monkeypatch):
        from dlgn_tf.rainbow import alignment
        from dlgn_tf.rainbow.claims import one_layer

        def other(cross):
            return alignment.random_alignment(*cross.shape, rng)

        monkeypatch.setattr(alignment, "align", other)
        assert not one_layer.measure_procrustes(rng).holds

    def test_feature_rate(self):
        from dlgn_tf.rainbow.claims.one_layer import feature_rate_holds

        assert feature_rate_holds([3, 2, 1], -0.9, -0.3)
        assert not feature_rate_holds([3, 1, 2], -0.9, -0.3)
        assert not feature_rate_holds([3, 2, 1], -0.2, -0.3)

    def test_two_layers(self):
        from dlgn_tf.rainbow.claims import two_layers

        assert two_layers.kernel_holds([0.3, 0.04], [0.9, 0.95])
        assert not two_layers.kernel_holds([0.3, 0.055], [0.9, 0.95])
        assert not two_layers.kernel_holds([0.1, 0.04], [0.9, 0.95])
        assert not two_layers.kernel_holds([0.3, 0.04], [0.9, 0.75])
        bounds = np.full((2, 2), 0.5)
        assert two_layers.readout_holds([0.2, 0.1], bounds - 0.1, bounds)
        assert not two_layers.readout_holds([0.1, 0.2], bounds - 0.1, bounds)
        assert not two_layers.readout_holds([0.2, 0.1], bounds + 0.1, bounds)

    def test_covariances(self):
        from dlgn_tf.rainbow.claims import covariances

        assert covariances.overlap_holds(0.1, 0.7, 0.9, [0.8, 0.9])
        for wrong in (
            (0.3, 0.7, 0.9, [0.8]),
            (0.1, 0.5, 0.9, [0.8]),
            (0.1, 0.7, 0.7, [0.8]),
            (0.1, 0.7, 0.9, [0.7, 0.9]),
        ):
            assert not covariances.overlap_holds(*wrong)
        assert covariances.falls([3, 2, 1])
        assert not covariances.falls([3, 1, 1])
        white = [0.9, 0.9, 0.9]
        assert covariances.converges([0.4, 0.3, 0.2], white)
        # Errors that were once enough.
        assert not covariances.converges([6.5, 2.8, 0.95], white)
        assert not covariances.converges([0.3, 0.2, 0.2], white)
        assert not covariances.converges(white, white)

    def test_spectra(self):
        from dlgn_tf.rainbow.claims import spectra

        weights = {
            "r_squared": 0.9,
            "e_folding": 10,
            "e_folding_at_start": 30,
            "top": 3,
            "bulk": 1.1,
        }
        assert spectra.spectra_hold([-1.0], [weights])
        assert not spectra.spectra_hold([-0.5], [weights])
        for wrong in (
            {"r_squared": 0.8},
            {"e_folding": 16},
            {"top": 1.9},
            {"bulk": 1.3},
        ):
            assert not spectra.spectra_hold([-1.0], [weights | wrong])

    def test_spectrum_of_a_spike(self, rng):
        from dlgn_tf.rainbow.claims import spectra

        start = rng.standard_normal((400, 40))
        scales = np.ones(40)
        scales[0] = 10
        found = spectra.weight_spectrum(start, start * scales)
        # 100 over the edge, (1 + 0.1^(1/2))^2.
        assert found["top"] == pytest.approx(100 / 1.73, rel=0.15)
        assert found["bulk"] == pytest.approx(1, abs=0.1)

    def test_a_spectrum_that_grows_as_one_is_none(self, rng):
        """Top and bulk lifted together are the start's; the old bounds of 5
        and 1.5 times the start excluded each other so."""
        from dlgn_tf.rainbow.claims import spectra

        start, other = rng.standard_normal((2, 400, 100))
        lifted = spectra.weight_spectrum(start, 3 * start)
        assert lifted["top"] == pytest.approx(1, abs=0.1)
        assert lifted["bulk"] == pytest.approx(1)
        assert not spectra.spectrum_holds(lifted)
        assert not spectra.spectrum_holds(spectra.weight_spectrum(start, other))
        spikes = np.exp(np.maximum(1.5 - np.arange(100) / 14, 0))
        assert spectra.spectrum_holds(
            spectra.weight_spectrum(start, 3 * other * spikes)
        )
        # Without a bulk: all directions decay.
        decaying = np.exp(2 - np.arange(100) / 12)
        assert not spectra.spectrum_holds(
            spectra.weight_spectrum(start, other * decaying)
        )

    def test_clipping_and_whitening(self):
        from dlgn_tf.rainbow.claims import spectra

        kept = {"weights": 0.75, "activations": 0.73, "random": 0.3}
        assert spectra.clipping_holds(0.8, kept)
        for wrong in (
            {"weights": 0.73},
            {"activations": 0.71},
            {"random": 0.6},
        ):
            assert not spectra.clipping_holds(0.8, kept | wrong)
        assert spectra.whitening_holds(0.06, 0.03, 0.9)
        assert not spectra.whitening_holds(0.06, 0.04, 0.9)
        assert not spectra.whitening_holds(0.0, 0.0, 0.9)
        assert not spectra.whitening_holds(0.06, 0.03, 0.4)

    def test_resampling(self):
        from dlgn_tf.rainbow.claims.resampled import resampling_holds

        rows = {
            "aligned": [0.5, 0.49],
            "not aligned": [0.1, 0.2],
            "aligned + head": [0.6, 0.6],
            "white + head": [0.4, 0.45],
        }
        assert resampling_holds(rows)
        for wrong in (
            {"aligned": [0.25, 0.5]},
            {"aligned": [0.55, 0.5]},
            {"not aligned": [0.1, 0.26]},
            {"aligned + head": [0.45, 0.6]},
            {"white + head": [0.4, 0.55]},
        ):
            assert not resampling_holds(rows | wrong)

    def test_dynamics(self):
        from dlgn_tf.rainbow.claims.training_dynamics import dynamics_hold

        assert dynamics_hold(2.5, 1.1, 0.8)
        assert not dynamics_hold(2.0, 1.1, 0.8)
        assert not dynamics_hold(2.5, 1.1, 0.6)

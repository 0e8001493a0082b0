"""The claims on rainbow networks are measured, and their checks can fail."""

import numpy as np
import pytest

from dlgn_tf.claims import registry
from dlgn_tf.rainbow import alignment, teacher_task
from dlgn_tf.rainbow.claims import (
    covariances,
    resampled,
    spectra,
    trained_networks,
)

WITHOUT_TRAINING = (1, 2, 3, 4, 5, 14, 15, 16)
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
        registry.register_papers()
        found = registry.claims("rainbow")
        seeds = {small.seed_of_run(claim.generator(7)) for claim in found}
        assert seeds == {7}
        assert small.seed_of_run(np.random.default_rng(3)) == 3


class TestTask:
    def test_repeatable(self):
        one, same = (
            teacher_task.TeacherTask.draw(np.random.default_rng(2), 4000, 100)
            for _ in range(2)
        )
        np.testing.assert_array_equal(one.x, same.x)
        np.testing.assert_array_equal(one.labels, same.labels)
        assert set(one.labels) == set(range(10))
        variances = np.arange(1, 65) ** -0.5
        np.testing.assert_allclose(one.x.var(axis=0), variances, rtol=0.15)


def test_an_alignment_that_is_not_the_best_is_seen(
    rng, monkeypatch, measure_claim
):
    def other(cross):
        return alignment.random_alignment(*cross.shape, rng)

    monkeypatch.setattr(alignment, "align", other)
    assert measure_claim("rainbow.2").holds is False


class TestSpectrum:
    @staticmethod
    def holds(*weights):
        """Whether claim 8 holds of such a spectrum in both layers."""
        registry.register_papers()
        (claim,) = registry.select(only=["rainbow.8"])
        figures = spectra.weight_spectrum(*weights)
        control = {"weights before training": {"bulk": 2.0}}
        slopes = {"slopes of activations": [-1.0]}
        return claim.check.decide({**figures, **control, **slopes}).holds

    def test_of_a_spike(self, rng):
        start = rng.standard_normal((400, 40))
        scales = np.ones(40)
        scales[0] = 10
        found = spectra.weight_spectrum(start, start * scales)
        # 100 over the edge, (1 + 0.1^(1/2))^2.
        assert found["top"] == pytest.approx(100 / 1.73, rel=0.15)
        assert found["bulk"] == pytest.approx(1, abs=0.1)

    def test_that_grows_as_one_is_none(self, rng):
        """Top and bulk lifted together are the start's; the old bounds of 5
        and 1.5 times the start excluded each other so."""
        start, other = rng.standard_normal((2, 400, 100))
        lifted = spectra.weight_spectrum(start, 3 * start)
        assert lifted["top"] == pytest.approx(1, abs=0.1)
        assert lifted["bulk"] == pytest.approx(1)
        assert not self.holds(start, 3 * start)
        assert not self.holds(start, other)
        spikes = np.exp(np.maximum(1.5 - np.arange(100) / 14, 0))
        assert self.holds(start, 3 * other * spikes)
        # Without a bulk: all directions decay.
        decaying = np.exp(2 - np.arange(100) / 12)
        assert not self.holds(start, other * decaying)

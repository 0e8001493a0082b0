"""The claims on the paper's experiments, and that their checks can fail."""

import types

import numpy as np
import pytest

from dlgn_tf.claims import registry
from dlgn_tf.complexity import claims  # noqa: F401
from dlgn_tf.complexity.claims import compressed
from dlgn_tf.complexity.claims import heads
from dlgn_tf.complexity.claims import pictures
from dlgn_tf.complexity.claims import predictions
from dlgn_tf.complexity.claims import sample_counts
from dlgn_tf.complexity.claims import task_depths
from dlgn_tf.complexity.effectiveness import Effectiveness
from dlgn_tf.complexity.experiments.compression import Compressed

TRAINED = range(11, 18)


def test_numbers():
    numbers = [claim.number for claim in registry.claims("complexity")]
    assert numbers == list(range(1, 21))


@pytest.mark.slow
@pytest.mark.parametrize("number", TRAINED)
def test_trained_claim_is_measured(number, assert_measured):
    assert_measured(f"complexity.{number}", "minutes")


def test_panels(measure_claim):
    measurement = measure_claim("complexity.19", scale="minutes")
    assert measurement.holds, measurement
    assert pictures.same_range({(-1.0, 1.0)})
    assert not pictures.same_range({(-1.0, 1.0), (-2.0, 2.0)})
    assert not pictures.same_range({(-1.0, 2.0)})


def test_predictions(tmp_path):
    rng = np.random.default_rng(1)
    without = predictions.measure(rng, tmp_path / "nothing")
    assert without.holds is None and "not there" in without.measured
    found = types.SimpleNamespace(test=0.5, shuffled=2.0, mean=1.5, r2=0.982)
    assert predictions.planted_holds(found, 0.55)
    assert not predictions.planted_holds(found, 0.8)
    found.shuffled = 1.0
    assert not predictions.planted_holds(found, 0.55)
    assert predictions.authors_hold(found, 0.46, 0.52, 0.9825)
    assert not predictions.authors_hold(found, 0.46, 0.52, 0.98)
    assert not predictions.authors_hold(found, 0.51, 0.52, 0.982)


def test_expected_error_of_a_planted_fit():
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
    assert predictions.expected_error() == pytest.approx(simulated, rel=0.06)


def test_task_depths():
    assert task_depths.depths_hold((0.95, 0.01), (0.5, 0.5))
    assert not task_depths.depths_hold((0.89, 0.01), (0.5, 0.5))
    assert not task_depths.depths_hold((0.95, 0.01), (0.86, 0.5))
    assert not task_depths.depths_hold((0.95, 0.51), (0.5, 0.5))
    assert not task_depths.depths_hold((np.nan, 0.01), (0.5, 0.5))


def test_sample_counts():
    few, many = np.array([0.6, 0.3, 0.1]), np.array([0.4, 0.4, 0.2])
    far = np.array([0.2, 0.3, 0.5])
    for pairs, remaining, expected in (
        ([(few, many)], 0.1, True),
        ([(few, many), (many, few)], 0.1, False),
        ([(few, far)], 0.1, False),
        # Nets that have hardly learned the feature decide nothing.
        ([(few, many)], 0.3, None),
        ([(many, few)], np.nan, None),
    ):
        assert sample_counts.profiles_hold(pairs, remaining) is expected
    assert sample_counts.reliability_holds(few, np.array([0.8, 0.5, 0.4]))
    assert not sample_counts.reliability_holds(few, np.array([0.5, 0.4, 0.3]))
    assert not sample_counts.reliability_holds(few, np.array([0.8, 0.4, 0.5]))


def games(train, test=None, variances=(1.0, 1.0)):
    test = train if test is None else test
    return Effectiveness(
        (4, 7), np.array(train), np.array(test), np.array(variances)
    )


def test_effectiveness():
    assert sample_counts.games_hold(games([2.0, 1.0, 1.5, 0.2]))
    assert not sample_counts.games_hold(
        games([2.0, 1.0, 1.5, 0.2], variances=(0.0, 1.0))
    )
    assert not sample_counts.games_hold(games([np.inf, 1.0, 1.5, 0.2]))


def test_effectiveness_is_decided_by_differences_of_seeds(rng):
    """Of the same spread, means of 0, of five standard errors and of minus."""

    def verdict(lead, rise):
        noise = 0.01 * np.array([[-1.0], [0.0], [1.0]])
        effective = np.hstack([1 + lead + noise, np.ones((3, 2))])
        many = np.full((3, 3), 0.5)
        few = many + rise + noise
        return sample_counts.differences_hold(
            sample_counts.paper_claims(
                {
                    sample_counts.FEW: (effective, few),
                    sample_counts.MANY: (effective, many),
                }
            )
        )

    assert verdict(0.1, 0.1) is True
    assert verdict(-0.1, 0.1) is False
    assert verdict(0.1, -0.1) is False
    assert verdict(0.0, 0.1) is None
    assert verdict(0.1, 0.001) is None
    assert verdict(0.1, np.nan) is None


def test_heads():
    assert heads.gains_hold([0.1, 2.0])
    assert not heads.gains_hold([0.1, 0.0])
    assert not heads.gains_hold([])


def test_compressed():
    low = {"original": 0.5, "compressed": 0.5, "distilled": 0.7}
    good = {"stem_conv": 256, "logits": 32}
    changes = {"compressed": 0.01, "distilled": 0.07}
    assert compressed.holds(Compressed(0.8, good), low, changes)
    for zeros, counts, shares, change in (
        (0.0, good, low, 0.01),
        (0.8, {**good, "stem_conv": 257}, low, 0.01),
        (0.8, {**good, "logits": 33}, low, 0.01),
        (0.8, good, {**low, "distilled": 0.5}, 0.01),
        # As networks of other training images differ; as the distilled one.
        (0.8, good, low, 0.13),
        (0.8, good, low, 0.04),
        (0.8, good, low, np.nan),
    ):
        changed = {**changes, "compressed": change}
        assert not compressed.holds(Compressed(zeros, counts), shares, changed)

"""Covariances of images drawn again, against images that are repeated."""

import numpy as np
import pytest

from dlgn_tf.complexity import components, resampling
from dlgn_tf.complexity.covariance import PartCovariance
from dlgn_tf.complexity.reliability import Reliability
from dlgn_tf.complexity.resampling import ResampledCovariance

IMAGES, RESAMPLES = 40, 3


def streamed(parts, batch_size, resamples=RESAMPLES, seed=0):
    stream = ResampledCovariance(len(parts), resamples, seed)
    for start in range(0, parts.shape[1], batch_size):
        stream.add(parts[:, start : start + batch_size])
    return stream


@pytest.fixture
def parts(rng):
    """Of three parts that go together, around a large mean."""
    shared = rng.normal(size=(1, IMAGES, 5))
    return shared + rng.normal(size=(3, IMAGES, 5)) + 1e4


@pytest.mark.parametrize("batch_size", [7, IMAGES])
def test_resamples_are_those_of_repeated_images(parts, batch_size):
    stream = streamed(parts, batch_size)
    counts = np.random.default_rng(0).poisson(1.0, (IMAGES, RESAMPLES)).T
    for found, count in zip(stream.resampled(), counts, strict=True):
        repeated = PartCovariance(3)
        repeated.add(np.repeat(parts, count, axis=1))
        np.testing.assert_allclose(found, repeated.matrix(), rtol=1e-7)


def test_without_resamples(parts):
    expected = streamed(parts, 7).matrix()
    found = streamed(parts, 7, resamples=0).matrix()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.filterwarnings("error")
def test_resamples_without_variance_are_left_out(rng):
    """Of two images few have both, and the others no shares."""
    parts = rng.normal(size=(2, 2, 5))
    counts = np.random.default_rng(0).poisson(1.0, (2, 50)).T
    expected = []
    for count in counts[counts.min(axis=1) > 0]:
        repeated = PartCovariance(2)
        repeated.add(np.repeat(parts, count, axis=1))
        expected.append(repeated.matrix())
    found = streamed(parts, 1, 50)
    np.testing.assert_allclose(found.resampled(), expected)
    assert 0 < len(expected) < 50
    rows = components.Significance(
        (4,), found.matrix(), 2, found.resampled()
    ).rows()
    assert np.isfinite(list(rows[0].values())).all()


def test_interval():
    low, high = resampling.interval(np.arange(101.0), level=0.9)
    assert (low, high) == pytest.approx((5, 95))


def test_rows_have_the_intervals_of_each_share(rng):
    """One resample: both ends are its shares, computed by hand."""
    orders = (4, 7)

    def covariance(size):
        a = rng.normal(size=(size, 9))
        return a @ a.T

    matrix, again = covariance(3), covariance(3)
    found = components.Significance(orders, matrix, 10, again[None])
    variance = again.sum()
    left = [again[1:, 1:].sum() / variance, again[2, 2] / variance]
    for row, place in zip(found.rows(), (0, 1), strict=True):
        for end in ("low", "high"):
            share = again[place, place] / variance
            assert row[f"significance_{end}"] == pytest.approx(share)
            assert row[f"remainder_{end}"] == pytest.approx(left[place])
    assert (
        "significance_low"
        not in components.Significance(orders, matrix, 10).rows()[0]
    )

    # f, two Phi and their reliable parts.
    matrix, again = covariance(5), covariance(5)
    found = Reliability(orders, {5: matrix}, 10, {5: again[None]})
    expected = Reliability(orders, {5: again}, 10).rows()
    for row, of_other in zip(found.rows(), expected, strict=True):
        for name in ("reliability", "reliable_component"):
            assert row[f"{name}_low"] == pytest.approx(of_other[name])
    second = np.array([0, 0, 0, -1, 1])
    share = second @ again @ second / again[0, 0]
    assert found.rows()[1]["reliable_component_high"] == pytest.approx(share)

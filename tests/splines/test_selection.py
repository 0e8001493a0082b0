"""Selections against closed forms; claim 4 looks for their maxima."""

import numpy as np
import pytest

from dlgn_tf.splines import selection


def test_odds():
    found = selection.odds([0, 0.5, 0.75, 1])
    np.testing.assert_allclose(found, [0, 1, 3, np.inf])


@pytest.mark.parametrize("beta", [-0.1, 1.1, np.nan])
def test_beta_outside_is_refused(beta):
    with pytest.raises(ValueError, match="beta in"):
        selection.odds(beta)


def test_hard_takes_the_first_of_equals():
    scores = [[1.0, 3.0, 3.0], [2.0, 2.0, 0.0]]
    found = selection.hard_vq(scores)
    assert found.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_variance_is_one_over_eta(rng):
    scores = rng.normal(size=(5, 4))
    np.testing.assert_allclose(
        selection.soft_vq(scores, 0.25), selection.beta_vq(scores, 0.8)
    )


@pytest.mark.parametrize("beta", [0.0, 0.3, 0.9, 1.0])
def test_missing_regions_get_nothing(beta):
    scores = np.array([1.0, -np.inf, 2.0])
    weights = selection.beta_vq(scores, beta)
    assert weights[1] == 0
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(
        weights[[0, 2]], selection.beta_vq(scores[[0, 2]], beta)
    )
    assert np.isfinite(selection.combine(weights, scores))


def test_large_scores_stay_finite():
    scores = np.array([1e6, -1e6, 0.0])
    assert selection.beta_vq(scores, 1 - 1e-9).tolist() == [1, 0, 0]


def test_entropy():
    weights = np.array([[1.0, 0.0], [0.5, 0.5]])
    np.testing.assert_allclose(selection.entropy(weights), [0, np.log(2)])


@pytest.mark.parametrize("beta", [0.0, 0.3, 0.5, 1.0])
def test_optimum_with_a_missing_region(beta, rng):
    """What the objective is of the selection; log 2 where beta is 0."""
    scores = np.array([[0.5, -np.inf, 2.0], [-1.0, 3.0, -np.inf]])
    found = selection.optimum(scores, beta)
    weights = selection.beta_vq(scores, beta)
    expected = selection.objective(weights, scores, beta)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    if beta in (0, 1):
        known = {0: np.log([2, 2]), 1: [2, 3]}[int(beta)]
        np.testing.assert_allclose(found, known, rtol=1e-12)


def test_a_beta_for_each_unit(rng):
    scores = rng.normal(size=(7, 4, 3))
    beta = np.array([0.0, 0.4, 0.9, 1.0])
    found = selection.beta_vq(scores, beta)
    values = selection.optimum(scores, beta)
    for unit, of_unit in enumerate(beta):
        one = scores[:, unit]
        np.testing.assert_array_equal(
            found[:, unit], selection.beta_vq(one, of_unit)
        )
        np.testing.assert_array_equal(
            values[:, unit], selection.optimum(one, of_unit)
        )

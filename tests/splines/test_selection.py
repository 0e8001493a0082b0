"""Selections against closed forms; claim 4 looks for their maxima."""

import numpy as np
import pytest
from scipy import optimize

from dlgn_tf.errors import UserError
from dlgn_tf.splines import selection


def test_odds():
    found = selection.odds([0, 0.5, 0.75, 1])
    np.testing.assert_allclose(found, [0, 1, 3, np.inf])


@pytest.mark.parametrize("beta", [-0.1, 1.1, np.nan])
def test_beta_outside_is_refused(beta):
    with pytest.raises(ValueError, match="beta in"):
        selection.odds(beta)


@pytest.mark.parametrize("beta", [0.5, 1.0])
def test_other_entropies_are_refused(beta):
    with pytest.raises(UserError, match="shannon, tsallis. Received: .*=Ts"):
        selection.beta_vq(np.zeros(3), beta, entropy="Tsallis")


def test_hard_takes_the_first_of_equals():
    scores = [[1.0, 3.0, 3.0], [2.0, 2.0, 0.0]]
    found = selection.hard_vq(scores)
    assert found.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_variance_is_one_over_eta(rng):
    scores = rng.normal(size=(5, 4))
    np.testing.assert_allclose(
        selection.soft_vq(scores, 0.25), selection.beta_vq(scores, 0.8)
    )


@pytest.mark.parametrize("regions", [2, 3, 6])
def test_sparsemax_is_the_nearest_point_of_the_simplex(regions, rng):
    """By a search for tau, and of equal regions taken as one."""
    for scores in rng.normal(size=(50, regions)):
        tau = optimize.brentq(
            lambda tau, v: np.maximum(v - tau, 0).sum() - 1,
            scores.max() - 2,
            scores.max(),
            args=(scores,),
        )
        expected = np.maximum(scores - tau, 0)
        found = selection.sparsemax(scores)
        np.testing.assert_allclose(found, expected, atol=1e-10)
        counts = rng.integers(1, 4, regions)
        of_all = selection.sparsemax(np.repeat(scores, counts))
        first = np.cumsum(counts) - counts
        np.testing.assert_allclose(
            selection.sparsemax(scores, np.log(counts)),
            np.add.reduceat(of_all, first),
            atol=1e-12,
        )


@pytest.mark.parametrize("beta", [0.1, 0.5, 0.9])
def test_tsallis_maximises_its_objective(beta, rng):
    """Any step within the simplex lowers it, the more the farther."""
    scores = rng.normal(size=4)
    weights = selection.beta_vq(scores, beta, entropy="tsallis")
    best = selection.objective(weights, scores, beta, "tsallis")
    others = rng.dirichlet(np.ones(4), 200)
    values = selection.objective(others, scores, beta, "tsallis")
    distance = np.sum((others - weights) ** 2, axis=1)
    assert np.all(values <= best - (1 - beta) / 2 * distance + 1e-12)


@pytest.mark.parametrize("entropy", ["shannon", "tsallis"])
@pytest.mark.parametrize("beta", [0.0, 0.3, 0.9, 1.0])
def test_missing_regions_get_nothing(beta, entropy):
    scores = np.array([1.0, -np.inf, 2.0])
    weights = selection.beta_vq(scores, beta, entropy=entropy)
    assert weights[1] == 0
    assert weights.sum() == pytest.approx(1)
    np.testing.assert_allclose(
        weights[[0, 2]],
        selection.beta_vq(scores[[0, 2]], beta, entropy=entropy),
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

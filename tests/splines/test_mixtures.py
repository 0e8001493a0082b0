"""Mixtures and their joint inference, against SciPy."""

import itertools

import numpy as np
import pytest
from scipy import stats

from dlgn_tf.errors import UserError
from dlgn_tf.splines import factorial, mixture
from dlgn_tf.splines.factorial import FactorialMixture
from dlgn_tf.splines.mixture import RegionMixture


@pytest.fixture
def model(rng):
    prior = rng.dirichlet(np.ones(2), size=3)
    return FactorialMixture(rng.normal(size=(3, 2, 4)), prior, 0.5)


def test_region_prior_by_hand():
    # A ReLU without bias and |w|^2 = 2 ln 3: odds of 3 to 1.
    found = mixture.region_prior([0.0, 2 * np.log(3)], [0.0, 0.0])
    np.testing.assert_allclose(found, [0.25, 0.75])
    halved = mixture.region_prior([0.0, 2 * np.log(9)], [0.0, 0.0], 2.0)
    np.testing.assert_allclose(halved, [0.25, 0.75])


def test_log_posterior(rng):
    model = RegionMixture(
        rng.normal(size=(2, 3, 4)), rng.dirichlet(np.ones(3), 2), 0.5
    )
    x = rng.normal(size=(5, 4))
    found = np.exp(model.log_posterior(x))
    for n, k in np.ndindex(5, 2):
        joint = [
            model.prior[k, r]
            * stats.multivariate_normal(model.means[k, r], 0.5).pdf(x[n])
            for r in range(3)
        ]
        np.testing.assert_allclose(found[n, k], joint / np.sum(joint))


def test_configurations():
    found = map(tuple, factorial.configurations(3, 2))
    assert list(found) == list(itertools.product((0, 1), repeat=3))
    with pytest.raises(UserError, match="2\\^19"):
        factorial.configurations(19, 2)


def test_joint_posterior(model, rng):
    x = rng.normal(size=(5, 4))
    joint = np.empty((5, 8))
    for index, chosen in enumerate(itertools.product((0, 1), repeat=3)):
        units = np.arange(3)
        mean = model.means[units, chosen].sum(axis=0)
        prior = model.prior[units, chosen].prod()
        density = stats.multivariate_normal(mean, 0.5).pdf(x)
        joint[:, index] = prior * density
    joint /= joint.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.exp(model.joint_log_posterior(x)), joint)
    best = model.configurations()[joint.argmax(axis=1)]
    np.testing.assert_array_equal(model.joint_map(x), best)
    second = joint[:, [2, 3, 6, 7]].sum(axis=1)
    np.testing.assert_allclose(model.marginals(joint)[:, 1, 1], second)


def test_chunks_do_not_matter(model, rng, monkeypatch):
    x = rng.normal(size=(7, 4))
    whole = model.joint_map(x)
    monkeypatch.setattr(factorial, "_CHUNK", 16)
    np.testing.assert_array_equal(model.joint_map(x), whole)


def test_single_unit_is_its_mixture(rng):
    means, prior = rng.normal(size=(1, 4, 3)), rng.dirichlet(np.ones(4), 1)
    one = FactorialMixture(means, prior, 2.0)
    x = rng.normal(size=(6, 3))
    mixture_of_unit = RegionMixture(means, prior, 2.0)
    np.testing.assert_allclose(
        one.joint_log_posterior(x),
        mixture_of_unit.log_posterior(x)[:, 0],
        atol=1e-12,
    )
    for best in (one.per_unit_map(x), one.joint_map(x)):
        np.testing.assert_array_equal(best, mixture_of_unit.most_likely(x))


def test_interaction():
    means = np.zeros((2, 2, 3))
    model = FactorialMixture(means, np.full((2, 2), 0.5))
    means[0, 1], means[1, 1] = [1, 2, 0], [0, 3, 1]
    assert model.interaction() == 6
    means[1, 1] = [-4, 2, 1]
    assert model.interaction() == 0


def test_samples_are_sums_of_means(rng):
    means = 100 * rng.normal(size=(2, 2, 3))
    model = FactorialMixture(means, np.array([[0.2, 0.8], [1.0, 0.0]]), 0.01)
    x, chosen = model.sample(rng, 2000)
    assert chosen[:, 0].mean() == pytest.approx(0.8, abs=0.04)
    assert chosen[:, 1].max() == 0
    left = x - means[0, chosen[:, 0]] - means[1, 0]
    assert left.std() == pytest.approx(0.1, rel=0.05)

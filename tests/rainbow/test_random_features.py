"""Kernels of random features against integrals and simulation."""

import numpy as np
import pytest
from scipy import integrate, stats

from dlgn_tf.rainbow import alignment
from dlgn_tf.rainbow.infinite_network import (
    InfiniteNetwork,
    power_law_inputs,
    readout_error,
)
from dlgn_tf.rainbow.random_features import (
    random_features,
    relu_kernel,
    relu_kernel_variance,
    square_root,
)


def relu_moment(gram, power):
    """E[(relu(u) relu(v))^power] of a 2 x 2 covariance, by quadrature."""
    law = stats.multivariate_normal(cov=gram)

    def integrand(v, u):
        return (u * v) ** power * law.pdf([u, v])

    return integrate.dblquad(integrand, 0, 8, 0, 8, epsabs=1e-8)[0]


class TestClosedForms:
    @pytest.mark.parametrize("correlation", (-0.6, 0.0, 0.7))
    def test_kernel_and_variance_are_integrals(self, correlation):
        covariance = 0.8 * correlation
        gram = np.array([[1.0, covariance], [covariance, 0.64]])
        first, second = (relu_moment(gram, power) for power in (1, 2))
        assert relu_kernel(gram)[0, 1] == pytest.approx(first, rel=1e-5)
        variance = relu_kernel_variance(gram)[0, 1]
        assert variance == pytest.approx(second - first**2, rel=1e-5)

    def test_diagonal(self):
        """E relu^2 = variance / 2, E relu^4 = 3 variance^2 / 2."""
        gram = np.diag([1.0, 4.0])
        np.testing.assert_allclose(np.diag(relu_kernel(gram)), [0.5, 2.0])
        np.testing.assert_allclose(
            np.diag(relu_kernel_variance(gram)), [1.5 - 0.25, 24 - 4]
        )

    def test_a_zero_sample(self):
        kernel = relu_kernel(np.diag([1.0, -1e-17]))
        np.testing.assert_array_equal(kernel, np.diag([0.5, 0.0]))
        kernel = relu_kernel(np.diag([1.0, 0.0]))
        np.testing.assert_allclose(kernel, [[0.5, 0], [0, 0]], atol=1e-15)


class TestRandomFeatures:
    def test_square_root_of_a_singular_kernel(self, rng):
        x = rng.standard_normal((6, 2))
        root = square_root(x @ x.T)
        np.testing.assert_allclose(root @ root, x @ x.T, atol=1e-10)
        np.testing.assert_allclose(root, root.T)


class TestInfiniteNetwork:
    @pytest.fixture
    def network(self, rng):
        return InfiniteNetwork.draw(rng, samples=40, dimension=8, anchors=5)

    def test_features_have_the_kernels(self, network):
        for features, kernel in zip(
            network.features, network.kernels, strict=True
        ):
            np.testing.assert_allclose(
                features @ features.T, kernel, atol=1e-10
            )

    def test_second_layer_by_simulation(self, network, rng):
        """Weights of that covariance on exact features have that kernel."""
        read = network.features[0] @ network.root
        assert np.mean(np.sum(read**2, axis=1)) == pytest.approx(1.0)
        features = random_features(read, 40_000, rng)
        np.testing.assert_allclose(
            features @ features.T, network.kernels[1], atol=0.04
        )

    def test_rank_of_the_covariance(self, network):
        assert np.linalg.matrix_rank(network.root, tol=1e-6) == 5

    def test_readout(self, network, rng):
        theta = rng.standard_normal(40)
        finite = network.finite(30, rng)
        error, bound = readout_error(network, finite, theta)
        turn = alignment.align(finite.cross).matrix
        output = finite.features @ (turn.T @ theta)
        wanted = np.mean((output - network.features[1] @ theta) ** 2)
        assert error == pytest.approx(wanted)
        assert 0 < error < bound

    def test_power_law(self, rng):
        variances = power_law_inputs(100_000, 4, rng).var(axis=0)
        np.testing.assert_allclose(
            variances, np.array([12, 6, 4, 3]) / 25, rtol=0.02
        )

"""Kernels of random features against integrals and simulation."""

import numpy as np
import pytest
from scipy import integrate, stats

from dlgn_tf.rainbow.random_features import (
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

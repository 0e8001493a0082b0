"""Fits, the Marchenko-Pastur law, whitening, against simulation and SciPy."""

import numpy as np
import pytest
from scipy import integrate

from dlgn_tf.rainbow import dynamics, spectra


class TestFits:
    def test_exponential(self):
        """Only the first count."""
        values = 3 * np.exp(-np.arange(30) / 7)
        values[20:] = 1e-9
        fit = spectra.exponential_fit(values, 20)
        assert fit.slope == pytest.approx(-1 / 7)
        assert fit.r_squared == pytest.approx(1)

    def test_power_law(self):
        values = 5 * np.arange(1, 50) ** -1.3
        values[0] = 40
        fit = spectra.power_law_fit(values, first=2, last=40)
        assert fit.slope == pytest.approx(-1.3)
        assert spectra.power_law_fit(values).r_squared < 1

    def test_eigen(self, rng):
        mixing = rng.standard_normal((6, 3))
        values, vectors = spectra.eigen(mixing @ mixing.T)
        assert np.all(np.diff(values) <= 0) and np.all(values >= 0)
        np.testing.assert_allclose(
            (vectors * values) @ vectors.T, mixing @ mixing.T, atol=1e-10
        )


class TestMarchenkoPastur:
    @pytest.mark.parametrize("ratio", (0.25, 1.0, 4.0))
    def test_density_has_integral_one(self, ratio):
        low, high = spectra.marchenko_pastur_edges(ratio)
        # A square root of the variable takes the pole at 0 of a ratio of 1.
        whole, _ = integrate.quad(
            lambda s: spectra.marchenko_pastur_density(s**2, ratio) * 2 * s,
            np.sqrt(low) + 1e-12,
            np.sqrt(high),
        )
        assert whole == pytest.approx(1, rel=1e-4)

    @pytest.mark.parametrize("neurons", (75, 300, 1200))
    def test_random_weights_are_inside(self, rng, neurons):
        rows = rng.standard_normal((neurons, 300))
        values = spectra.eigen(rows.T @ rows / neurons)[0]
        ratio = 300 / neurons
        assert spectra.fraction_outside(values, ratio) < 0.03
        low, high = spectra.marchenko_pastur_edges(ratio)
        inside = values[: min(neurons, 300)]
        middle = (low + high) / 2
        share, _ = integrate.quad(
            spectra.marchenko_pastur_density, middle, high, (ratio,)
        )
        assert np.mean(inside > middle) == pytest.approx(share, abs=0.03)

    def test_spikes_are_outside(self, rng):
        scales = np.ones(100)
        scales[:7] = 6
        rows = rng.standard_normal((1000, 100)) * scales
        values = spectra.eigen(rows.T @ rows / 1000)[0]
        assert spectra.fraction_outside(values, 0.1) >= 0.07

    @pytest.mark.parametrize("ratio,at_zero", [(0.5, 0), (1, np.inf), (2, 0)])
    def test_density_at_zero(self, ratio, at_zero):
        """At ratio 1 the law is that of x^2, x from a semicircle around 0."""
        density = spectra.marchenko_pastur_density([-1.0, 0.0, 1.0, 9.0], ratio)
        assert density[1] == at_zero
        assert density[0] == density[3] == 0 < density[2]
        if ratio == 1:
            small = spectra.marchenko_pastur_density(1e-6, 1)
            assert small == pytest.approx(1e3 / np.pi, rel=1e-3)


class TestWhitening:
    def test_makes_covariance_the_identity(self, rng):
        rows = rng.standard_normal((50, 6)) @ rng.standard_normal((6, 6))
        white = spectra.whiten(rows, rows.T @ rows / 50)
        np.testing.assert_allclose(white.T @ white / 50, np.eye(6), atol=1e-10)

    def test_directions_of_no_variance_are_left_out(self, rng):
        rows = rng.standard_normal((50, 2)) @ rng.standard_normal((2, 6))
        white = spectra.whiten(rows, rows.T @ rows / 50)
        assert white.shape == (50, 2)
        assert spectra.whiten(rows, np.zeros((6, 6))).shape == (50, 0)

    def test_gaussianity(self, rng):
        columns = np.stack(
            [
                7 * rng.standard_normal(2000),
                rng.uniform(-1, 1, 2000),
                rng.laplace(size=2000),
            ],
            axis=1,
        )
        p_values = spectra.gaussianity(columns)
        assert p_values[0] > 0.01 > p_values[1:].max()


class TestDynamics:
    def test_definition(self, rng):
        first, last = rng.standard_normal((2, 8, 4))
        found = dynamics.along_eigenvectors([first, last])
        values, vectors = np.linalg.eigh(last.T @ last / 8)
        for k in range(4):
            before, after = (w @ vectors[:, 3 - k] for w in (first, last))
            sizes = np.linalg.norm(before), np.linalg.norm(after)
            assert found.amplification[1, k] == pytest.approx(
                sizes[1] / sizes[0]
            )
            cosine = before @ after / (sizes[0] * sizes[1])
            assert found.cosine[1, k] == pytest.approx(cosine)
        np.testing.assert_allclose(found.eigenvalues, values[::-1])

    def test_null_directions_are_left_out(self, rng):
        rows = rng.standard_normal((3, 3, 6))
        assert dynamics.along_eigenvectors(rows).cosine.shape == (3, 3)
        rows[-1] = 0
        assert dynamics.along_eigenvectors(rows).cosine.shape == (3, 0)

    def test_directions_that_start_at_zero_are_left_out(self, rng):
        rows = rng.standard_normal((3, 8, 4))
        rows[1] = 0
        found = dynamics.along_eigenvectors(rows)
        assert found.amplification.shape == (3, 4)
        assert not found.amplification[1].any() and not found.cosine[1].any()
        rows[0] = 0
        found = dynamics.along_eigenvectors(rows)
        assert found.amplification.shape == (3, 0)

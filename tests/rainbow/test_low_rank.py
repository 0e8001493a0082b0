"""Low-rank projection of a layer against direct computations."""

import numpy as np
import pytest

from dlgn_tf.rainbow import alignment, low_rank
from dlgn_tf.rainbow.learned_layers import LayeredNetwork
from dlgn_tf.rainbow.spectra import eigen


@pytest.fixture
def network(networks):
    return LayeredNetwork(networks.convnet(1))


class TestBases:
    def test_activations_of_a_strided_convolution(self, network, rng):
        """Second moment of patches that NumPy cuts out."""
        images = rng.standard_normal((6, 9, 9, 2)).astype("float32")
        layer = network["conv1"]
        basis = low_rank.activation_basis(
            network, layer, [images[:4], images[4:]]
        )
        windows = np.lib.stride_tricks.sliding_window_view(
            images, (3, 3), axis=(1, 2)
        )[:, ::2, ::2]
        rows = windows.reshape(-1, 18).astype(np.float64)
        values, vectors = np.linalg.eigh(rows.T @ rows)
        np.testing.assert_allclose(
            np.abs(np.sum(basis * vectors[:, ::-1], axis=0)), 1, atol=1e-6
        )

    def test_patches_are_cut_out_of_a_few_images(
        self, network, rng, monkeypatch
    ):
        images = rng.standard_normal((90, 9, 9, 2)).astype("float32")
        layer = network["conv1"]
        whole = low_rank.activation_basis(network, layer, [images])
        sizes = []
        cut = type(layer).patches

        def noted(self, maps):
            sizes.append(maps.size * 9 * 2 * maps.itemsize)
            return cut(self, maps)

        monkeypatch.setattr(type(layer), "patches", noted)
        few = low_rank.activation_basis(network, layer, [images], 6e-4)
        assert len(sizes) > 1 and max(sizes) <= 6e-4 * 2**30
        np.testing.assert_allclose(
            np.abs(np.sum(few * whole, axis=0)), 1, atol=1e-6
        )

    def test_weights_in_another_basis(self, network, rng):
        """Projecting turned weights, turned back, is the same."""
        layer = network["conv3"]
        turn = alignment.random_alignment(6, 6, rng)
        rows = turn.weights(layer.weights).reshape(4, -1)
        covariance = rows.T @ rows
        basis = low_rank.weight_basis(covariance, layer, turn)
        vectors = eigen(covariance)[1][:, :2]
        projected = (rows @ vectors @ vectors.T).reshape(4, 6, 9)
        np.testing.assert_allclose(
            low_rank.project(layer.weights, basis, 2),
            turn.weights_back(projected),
            atol=1e-10,
        )

    def test_of_a_wider_reference(self, network, rng):
        layer = network["conv3"]
        turn = alignment.random_alignment(8, 6, rng)
        rows = turn.weights(layer.weights).reshape(4, -1)
        basis = low_rank.weight_basis(rows.T @ rows, layer, turn)
        np.testing.assert_allclose(
            basis.T @ basis, np.eye(basis.shape[1]), atol=1e-10
        )
        np.testing.assert_allclose(
            low_rank.project(layer.weights, basis, 4), layer.weights, atol=1e-8
        )


class TestClipping:
    def test_curve(self, network):
        layer = network["conv3"]
        basis = low_rank.weight_basis(layer.matrix.T @ layer.matrix, layer)
        before = layer.weights
        values = np.linalg.svd(layer.matrix, compute_uv=False) ** 2
        curve = low_rank.clipping_curve(
            layer, basis, [0, 1, 3, 54], lambda: np.sum(layer.matrix**2)
        )
        wanted = [0, values[0], values[:3].sum(), values.sum()]
        np.testing.assert_allclose(curve, wanted, rtol=1e-4, atol=1e-9)
        np.testing.assert_array_equal(layer.weights, before)

    def test_weights_come_back_after_an_error(self, network):
        layer = network["conv3"]
        before = layer.weights

        def fails():
            raise RuntimeError

        with pytest.raises(RuntimeError):
            low_rank.clipping_curve(layer, np.eye(54), [1], fails)
        np.testing.assert_array_equal(layer.weights, before)

    def test_explained_variance(self, network):
        rows = network["conv3"].matrix
        basis = eigen(rows.T @ rows)[1]
        shares = low_rank.explained_variance(rows, basis)
        values = np.linalg.svd(rows, compute_uv=False) ** 2
        np.testing.assert_allclose(shares[:4], np.cumsum(values) / values.sum())
        assert not low_rank.explained_variance(0 * rows, basis).any()

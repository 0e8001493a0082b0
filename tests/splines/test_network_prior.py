"""Filters and priors of networks, batch normalisation included."""

import keras
import numpy as np
import pytest

from dlgn_tf.layers import ApodizedConv2D, ApodizedOrthogonalConv2D
from dlgn_tf.models.build import create_model
from dlgn_tf.splines import gram, network_prior


def test_filters_are_rows(rng):
    layer = keras.layers.Conv2D(5, (2, 3))
    layer.build((None, 8, 8, 4))
    rows, _ = network_prior.filters(layer)
    kernel = np.asarray(layer.kernel)
    np.testing.assert_array_equal(rows[3], kernel[..., 3].ravel())


@pytest.mark.parametrize("kind", [ApodizedConv2D, ApodizedOrthogonalConv2D])
def test_apodised_filters(kind, rng):
    """As what a layer does to a patch, and without its window."""
    layer = kind(5, 3, use_bias=False)
    patch = rng.normal(size=(1, 3, 3, 4)).astype("float32")
    found = np.ravel(layer(patch))
    rows, _ = network_prior.filters(layer)
    np.testing.assert_allclose(rows @ patch.ravel(), found, atol=1e-5)
    bare, _ = network_prior.filters(layer, windowed=False)
    kernel = np.reshape(layer.kernel, (-1, 5))
    np.testing.assert_array_equal(bare, kernel.T.astype("float64"))


def test_batch_norm_is_part_of_its_layer(rng):
    """One that follows directly, as the outputs of a single patch show."""
    x = keras.Input((2, 3, 4))
    norm = keras.layers.BatchNormalization()
    y = norm(keras.layers.Conv2D(5, (2, 3), name="conv")(x))
    y = keras.layers.ReLU()(keras.layers.Flatten()(y))
    z = keras.layers.Dense(3, name="logits")(y)
    network = keras.Model(x, [norm.output, z])
    for variable in network.weights:
        variable.assign(rng.uniform(0.5, 2, variable.shape))
    patch = rng.normal(size=(1, 2, 3, 4)).astype("float32")
    expected = np.ravel(network(patch, training=False)[0])
    found = network_prior.network_filters(network)
    rows, bias = found["conv"]
    np.testing.assert_allclose(rows @ patch.ravel() + bias, expected, rtol=1e-4)
    kernel = network.get_layer("logits").kernel
    np.testing.assert_array_equal(found["logits"][0], np.transpose(kernel))


def test_priors_of_a_network():
    network = create_model("c4gap_dnn", (8, 8, 1), width=6, seed=0).network
    network.get_layer("conv2").kernel.assign(np.zeros((3, 3, 6, 6)))
    network.get_layer("conv2").bias.assign([np.log(4)] * 6)
    found = network_prior.network_priors(network)
    assert list(found) == ["conv1", "conv2", "conv3", "conv4"]
    np.testing.assert_allclose(found["conv2"], [[0.2, 0.8]] * 6, rtol=1e-6)


def test_the_slope_of_a_leaky_relu():
    """Exponents b + |w|^2 / 2 right of the kink; with slope 1/2 left of it."""
    rows, bias = np.array([[2.0, 1.0]]), np.array([0.3])
    found = network_prior.prior_of_filters(
        rows, bias, "leaky", negative_slope=0.5
    )
    left, right = 0.15 + 5 / 8, 0.3 + 5 / 2
    expected = 1 / (1 + np.exp(left - right))
    np.testing.assert_allclose(found, [[1 - expected, expected]], rtol=1e-12)


def test_cosines(rng):
    rows = np.array([[3.0, 0.0], [0.0, 2.0], [-1.0, 1.0], [0.0, 0.0]])
    found = gram.cosines(rows)
    half = np.sqrt(0.5)
    expected = [[1, 0, half, 0], [0, 1, half, 0], [half, half, 1, 0]]
    np.testing.assert_allclose(found, [*expected, [0, 0, 0, 1]], atol=1e-15)
    assert gram.off_diagonal(found).size == 12

"""Norms of functions against closed forms and least squares."""

import math

import keras
import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.rainbow.learned_layers import LayeredNetwork
from dlgn_tf.rainbow.moments import in_batches
from dlgn_tf.rainbow.random_features import random_features
from dlgn_tf.rainbow.rkhs import output_norms, rkhs_norm


def test_of_a_linear_function(rng):
    """With k(x, y) = x C y, the norm of <w, x> is (w C^-1 w)^(1/2)."""
    x, w = rng.standard_normal((30, 4)), rng.standard_normal(4)
    root = rng.standard_normal((4, 4))
    covariance = root @ root.T
    found = rkhs_norm(x @ covariance @ x.T, x @ w)
    assert found == pytest.approx(
        math.sqrt(w @ np.linalg.solve(covariance, w)), rel=1e-6
    )
    # Of fewer samples than dimensions it is a lower bound.
    few = rkhs_norm(x[:2] @ covariance @ x[:2].T, x[:2] @ w)
    assert 0 < few < found


@pytest.mark.parametrize("width", (10, 50))
def test_is_that_of_the_least_readout(rng, width):
    """Of fewer features than samples, and of more: two functions at once."""
    features = random_features(rng.standard_normal((20, 5)), width, rng)
    outputs = features @ rng.standard_normal((width, 2))
    least = np.linalg.lstsq(features, outputs, rcond=None)[0]
    np.testing.assert_allclose(
        rkhs_norm(features @ features.T, outputs),
        np.linalg.norm(least, axis=0),
        rtol=1e-6,
    )


def test_of_no_function_of_the_space(rng):
    x = rng.standard_normal((10, 3))
    assert rkhs_norm(x @ x.T, rng.standard_normal(10)) == math.inf
    assert rkhs_norm(x @ x.T, np.zeros(10)) == 0


@pytest.mark.parametrize("samples", (8, 400))
def test_of_a_network(inputs, networks, samples):
    """Logits without their bias, interpolated by the kernel of the features.

    Eight samples do not span the nine features of the network.
    """
    model, inputs = networks.mlp(0, biases=True), inputs[:samples]
    model.get_layer("logits").bias.assign([1.0, 2.0, 3.0])
    network = LayeredNetwork(model)
    (features,) = network.read(inputs, [network["logits"]])
    features = features.astype(np.float64)
    logits = features @ network["logits"].matrix.T
    kernel = features @ features.T / features.shape[1]
    found = output_norms(model, in_batches(inputs, 100))
    np.testing.assert_allclose(found, rkhs_norm(kernel, logits), rtol=1e-4)


def test_of_no_images(networks):
    """A norm of 0 would be that of a network whose logits are 0."""
    with pytest.raises(UserError, match="at least one sample"):
        output_norms(networks.mlp(0), [])


def test_of_a_flattened_map(images, networks):
    """As the network's own outputs say, whose head reads the map in order."""
    model = networks.settle(networks.convnet(0), images)
    few = images[:20]
    logits = np.asarray(model(few, training=False), np.float64)
    features = model.get_layer("logits").input
    read = keras.Model(model.input, features)(few, training=False)
    kernel = np.asarray(read, np.float64)
    kernel = kernel @ kernel.T / kernel.shape[1]
    np.testing.assert_allclose(
        output_norms(model, [few]), rkhs_norm(kernel, logits), rtol=1e-3
    )

"""The ReLU network: its gates, its parts, its saved form."""

import keras
import numpy as np
import pytest

from dlgn_tf.layers import PixelNormalization
from dlgn_tf.models.build import create_model
from dlgn_tf.models.relu import ReLUNetwork

SHAPE = (6, 6, 2)


@pytest.fixture
def model():
    return create_model("c4gap_dnn", SHAPE, 3, width=3, seed=0)


def with_layer(layer):
    image = keras.Input((2, 2, 1), name="image")
    q = keras.layers.Flatten(name="hidden")(image)
    network = keras.Model(image, keras.layers.Dense(2)(layer(q)))
    return ReLUNetwork(network, PixelNormalization(0.5), ["hidden"])


def test_a_layer_of_keras(rng):
    model = with_layer(keras.layers.ReLU(name="hidden_relu"))
    images = rng.integers(0, 256, (3, 2, 2, 1))
    expected = images.reshape(3, -1) > 127.5
    np.testing.assert_array_equal(model.gates(images)["hidden"], expected)


@pytest.mark.parametrize(
    "changed", [{"negative_slope": 0.1}, {"threshold": 0.2}, {"max_value": 6}]
)
def test_another_function_than_the_relu_is_refused(changed):
    """Its gate is not 1{q > 0}."""
    model = with_layer(keras.layers.ReLU(name="hidden_relu", **changed))
    with pytest.raises(ValueError, match="Expected the nonlinearity relu"):
        model.gates(np.zeros((1, 2, 2, 1), "uint8"))


def test_asking_for_gates_leaves_the_model_as_it_was(model, images, tmp_path):
    weights = [weight.path for weight in model.weights]
    layers = list(model.layers)
    model.gates(images)
    assert [weight.path for weight in model.weights] == weights
    assert list(model.layers) == layers
    model.save_weights(tmp_path / "a.weights.h5")
    fresh = create_model("c4gap_dnn", SHAPE, 3, width=3, seed=1)
    fresh.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_array_equal(fresh(images), model(images))


def test_unknown_site():
    network = create_model("c4gap_dnn", SHAPE, width=3).network
    model = ReLUNetwork(network, PixelNormalization(), ["conv1", "conv9"])
    words = "layer of its own.*'conv1_relu'.*conv9.*'conv4_relu'"
    with pytest.raises(ValueError, match=words):
        model.preactivations(np.zeros((1, *SHAPE)))

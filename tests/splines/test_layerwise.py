"""Networks layer by layer, beside what Keras and differences say of them."""

import pathlib
import re

import keras
import numpy as np
import pytest
from keras import layers

from dlgn_tf import splines
from dlgn_tf.errors import UserError
from dlgn_tf.layers import BetaVQ, BetaVQPooling
from dlgn_tf.splines import network_splines


def block(nonlinearity, pool, shape=(5, 6, 2)):
    """A residual block between convolutions, with negative weights after."""
    image = keras.Input(shape)
    x = layers.Conv2D(3, 3, padding="same", bias_initializer="normal")(image)
    x = nonlinearity()(layers.BatchNormalization(beta_initializer="normal")(x))
    y = layers.Conv2D(3, 3, padding="same")(x)
    y = nonlinearity()(layers.Add()([x, y]))
    y = layers.Concatenate()([pool()(y), pool()(x)])
    logits = layers.Dense(4, name="logits")(layers.Flatten()(y))
    return keras.Model(image, logits)


def hard():
    return block(layers.ReLU, layers.MaxPooling2D)


def soft():
    return block(
        lambda: BetaVQ("abs", 0.6, entropy="tsallis"),
        lambda: BetaVQPooling(2, beta=0.7),
    )


@pytest.mark.parametrize("make", [hard, soft])
def test_outputs_are_affine_in_what_is_selected(make, rng):
    network = make()
    splines = network_splines(network)
    assert splines.layers[-1].name == "logits"
    for image in rng.normal(size=(3, 5, 6, 2)).astype("float32"):
        chosen = splines.select(image.ravel())
        slopes, offsets = splines.affine_map(chosen)
        expected = np.asarray(network(image[None]))[0]
        np.testing.assert_allclose(
            slopes @ image.ravel() + offsets, expected, rtol=1e-4, atol=1e-5
        )


def test_hard_choices_give_the_derivative(rng):
    """By steps that stay within the regions."""
    splines = network_splines(hard())
    x = rng.normal(size=60)
    chosen = splines.select(x)
    slopes, offsets = splines.affine_map(chosen)
    for step in 1e-9 * rng.normal(size=(5, 60)):
        moved = splines.select(x + step)
        for name, weights in chosen.items():
            np.testing.assert_array_equal(moved[name], weights)
            if weights.shape[1] > 1:
                assert set(np.unique(weights)) == {0, 1}
                np.testing.assert_array_equal(weights.sum(axis=1), 1)
    far = splines.affine_map(splines.select(-x))[0]
    assert np.abs(far - slopes).max() > 1e-2
    assert offsets.shape == (4,)


def test_others_are_refused():
    x = keras.Input((4,))
    tanh = keras.Model(x, layers.Dense(3, activation="tanh", name="last")(x))
    with pytest.raises(UserError, match="neither: layer last, a Dense"):
        network_splines(tanh)
    shared = layers.Dense(4)
    twice = keras.Model(x, shared(layers.ReLU()(shared(x))))
    with pytest.raises(UserError, match="each used once"):
        network_splines(twice)
    unbuilt = keras.Sequential([layers.Dense(3)])
    for wrong in (unbuilt, keras.Model(x, [twice(x), x]), shared):
        with pytest.raises(UserError, match="one input and one output"):
            network_splines(wrong)


def test_no_public_name_is_that_of_its_module():
    """Importing the module would put it in the name's place."""
    stub = pathlib.Path(splines.__file__).with_suffix(".pyi").read_text()
    public = re.findall(r"from \.(\w+) import (\w+)", stub)
    assert ("layerwise", "network_splines") in public
    assert [name for module, name in public if name == module] == []

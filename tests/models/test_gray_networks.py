"""plaincnn and mlp: first weights, recipes; see test_forward."""

import pathlib

import numpy as np
import pytest

from dlgn_tf import config as config_lib
from dlgn_tf.config.recipes import recipe_for
from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model
from dlgn_tf.training.configured import create_configured_model

ROOT = pathlib.Path(__file__).parents[2]


def weights(model, name):
    (kernel,) = model.network.get_layer(name).get_weights()
    return kernel


def test_weights_start_as_in_pytorch():
    """Uniform within one over the square root of the inputs, no biases."""
    model = create_model("plaincnn_dnn", seed=0)
    for name, inputs in (("conv1", 25), ("conv2", 800), ("logits", 1600)):
        kernel = weights(model, name)
        bound = 1 / np.sqrt(inputs)
        assert 0.97 * bound < np.abs(kernel).max() <= bound
        assert kernel.std() == pytest.approx(bound / np.sqrt(3), rel=0.1)


@pytest.mark.parametrize("name", ["mlp", "plaincnn"])
def test_the_recipe_of_the_tutorial(name):
    """SGD, and grey pixels on ImageNet's scale, as its library has them."""
    config = config_lib.read_flags(ROOT / f"flags/rainbow_{name}.flags")
    published = {
        "optimizer": "sgd",
        "learning_rates": (0.01,),
        "momentum": 0.9,
        "nesterov": False,
        "batch_size": 128,
        "l2": 0.0,
        "augmentation": "none",
        "train_steps": -(-5 * 50_000 // 128),
    }
    assert {key: getattr(config, key) for key in published} == published
    model = create_configured_model(config)
    colours = np.eye(3)[None, None] * 255
    mean, std = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    np.testing.assert_allclose(
        model.normalization(colours)[0, 0],
        (np.eye(3) - mean) / std,
        rtol=1e-5,
        atol=1e-6,
    )


def test_constants_of_colours_want_colours():
    with pytest.raises(UserError, match="colour images.*dataset=mnist"):
        config_lib.read_flags(
            ROOT / "flags/rainbow_mlp.flags", ["--dataset=mnist"]
        )


def test_the_recipe_with_adam_has_its_own_learning_rate():
    """That of SGD would be ten times too large."""
    assert recipe_for("gray").learning_rates == (0.01,)
    assert recipe_for("gray", "sgd").learning_rates == (0.01,)
    assert recipe_for("gray", "adam").learning_rates == (0.001,)

"""plaincnn and mlp against NumPy, with and without standardisation."""

import pathlib

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from dlgn_tf import config as config_lib
from dlgn_tf.config.recipes import recipe_for
from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model, load_model
from dlgn_tf.training.configured import create_configured_model

ROOT = pathlib.Path(__file__).parents[2]

SHAPE = (17, 14, 3)


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (3, *SHAPE)).astype("uint8")


def create(name, **options):
    model = create_model(name, SHAPE, 4, seed=1, **options)
    rng = np.random.default_rng(5)
    for layer in model.network.layers if name.endswith("_dnn") else []:
        if layer.name.endswith("_bn"):
            mean, variance = layer.get_weights()
            layer.set_weights(
                [rng.normal(size=mean.shape), rng.uniform(1, 2, mean.shape)]
            )
    return model


def gray(images):
    return (images / 255) @ np.array([0.299, 0.587, 0.114])[:, None]


def standardized(model, name, h):
    mean, variance = model.network.get_layer(f"{name}_bn").get_weights()
    return (h - mean) / np.sqrt(variance + 1e-5)


def weights(model, name):
    (kernel,) = model.network.get_layer(name).get_weights()
    return kernel


@pytest.mark.parametrize("norm", ["none", "post"])
@pytest.mark.parametrize("grayscale", [True, False])
def test_plaincnn(images, norm, grayscale):
    model = create("plaincnn_dnn", width=3, norm=norm, grayscale=grayscale)
    h = gray(images) if grayscale else images / 255
    for name in ("conv1", "conv2"):
        windows = sliding_window_view(h, (5, 5), axis=(1, 2))[:, ::2, ::2]
        kernel = weights(model, name)
        h = np.maximum(np.einsum("nhwcij,ijco->nhwo", windows, kernel), 0)
        h = standardized(model, name, h) if norm == "post" else h
    expected = h.reshape(3, -1) @ weights(model, "logits")
    np.testing.assert_allclose(model(images), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", ["none", "post"])
def test_mlp(images, norm):
    model = create("mlp_dnn", width=10, norm=norm)
    h = gray(images).reshape(3, -1)
    for name, units in (("dense1", 10), ("dense2", 5)):
        h = np.maximum(h @ weights(model, name), 0)
        assert h.shape == (3, units)
        h = standardized(model, name, h) if norm == "post" else h
    expected = h @ weights(model, "logits")
    np.testing.assert_allclose(model(images), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["plaincnn", "mlp"])
@pytest.mark.parametrize("family", ["dnn", "dgn", "dlgn", "dlgn_sf"])
def test_every_family(tmp_path, images, name, family):
    model = create(f"{name}_{family}", width=4, norm="post")
    assert len(model.site_names) == 2
    path = tmp_path / "model.keras"
    model.save(path)
    again = load_model(path)
    np.testing.assert_array_equal(again(images), model(images))


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

"""plaincnn and mlp against NumPy, with and without standardisation."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from dlgn_tf.models.build import create_model
from dlgn_tf.models.build import load_model

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

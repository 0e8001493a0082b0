"""largecnn and smallcnn against NumPy, their options in every family."""

import keras
import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.layers import (
    ApodizedConv2D,
    ApodizedOrthogonalConv2D,
    PerImageStandardization,
)
from dlgn_tf.layers.apodized_convolution import apodization_window
from dlgn_tf.models import transfer
from dlgn_tf.models.build import create_model, load_model
from dlgn_tf.models.orthogonal import folded
from dlgn_tf.models.orthogonal_options import OrthogonalFilters

SHAPE = (12, 10, 3)
STRIDES = (1, 1, 2, 1, 1, 2, 1, 1)


@pytest.fixture
def images(rng):
    return rng.integers(0, 256, (2, *SHAPE)).astype("uint8")


def convolve(x, kernel, bias, stride, pad):
    """Symmetric zero padding, then every `stride`-th place."""
    side = kernel.shape[0]
    x = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    rows = range(0, x.shape[1] - side + 1, stride)
    columns = range(0, x.shape[2] - side + 1, stride)
    patches = np.stack(
        [
            np.stack([x[:, i : i + side, j : j + side] for j in columns], 1)
            for i in rows
        ],
        1,
    )
    return np.tensordot(patches, kernel, 3) + bias


@pytest.mark.parametrize("apodized", [False, True])
def test_largecnn_computes_what_is_listed(images, apodized):
    model = create_model(
        "largecnn_dnn", SHAPE, width=3, seed=1, apodized=apodized
    )
    h = images / 255
    for index, stride in enumerate(STRIDES, start=1):
        kernel, bias = model.network.get_layer(f"conv{index}").get_weights()
        if apodized and index < 8:
            window = apodization_window(3, stride)
            kernel = kernel * window[:, :, None, None]
        pad = 1 if index < 7 else 0
        h = np.maximum(convolve(h, kernel, bias, stride, pad), 0)
    kernel, bias = model.network.get_layer("logits").get_weights()
    # A 1x1 convolution, then the mean over its positions.
    logits = (h @ kernel + bias).mean(axis=(1, 2))
    np.testing.assert_allclose(model(images), logits, rtol=1e-4, atol=1e-6)


def test_it_is_the_filters_without_window_that_are_orthogonal(images):
    """And folded to plain filters the network computes the same."""
    model = create_model(
        "largecnn_dnn",
        SHAPE,
        width=4,
        apodized=True,
        orthogonal=OrthogonalFilters("gram_schmidt"),
    )
    layer = model.network.get_layer("conv5")
    assert isinstance(layer, ApodizedOrthogonalConv2D)
    filters = np.reshape(layer.kernel, (-1, 8))
    gram = filters.T @ filters
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-6)
    x = np.float32(images)[..., :1].repeat(8, axis=-1)
    window = apodization_window(3)[:, :, None, None]
    expected = convolve(x, np.asarray(layer.kernel) * window, layer.bias, 1, 1)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-3, atol=1e-2)
    plain = folded(model)
    assert type(plain.network.get_layer("conv5")) is keras.layers.Conv2D
    np.testing.assert_allclose(plain(images), model(images), atol=1e-5)


def test_smallcnn_computes_what_is_listed(images):
    model = create_model("smallcnn_dnn", SHAPE, width=2, seed=1)
    h = images / 255
    for index in (1, 2, 3):
        kernel, bias = model.network.get_layer(f"conv{index}").get_weights()
        h = np.maximum(convolve(h, kernel, bias, 1, 0), 0)
        if index < 3:
            rows, columns = (side // 2 * 2 for side in h.shape[1:3])
            h = h[:, :rows, :columns]
            h = h.reshape(2, rows // 2, 2, columns // 2, 2, -1).max((2, 4))
    kernel, bias = model.network.get_layer("logits").get_weights()
    logits = h.mean(axis=(1, 2)) @ kernel + bias
    np.testing.assert_allclose(model(images), logits, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["largecnn", "smallcnn"])
@pytest.mark.parametrize("family", ["dnn", "dgn", "dlgn", "dlgn_sf"])
def test_every_option_works_in_every_family(tmp_path, images, name, family):
    options = {"batch_normalized": True, "apodized": True, "padding": "same"}
    model = create_model(
        f"{name}_{family}", SHAPE, width=2, seed=0, per_image=True, **options
    )
    network = model.network if family == "dnn" else model.value_network
    conv = network.get_layer("conv2")
    assert isinstance(conv, ApodizedConv2D) and not conv.use_bias
    assert isinstance(model.normalization, PerImageStandardization)
    path = tmp_path / "model.keras"
    model.save(path)
    np.testing.assert_array_equal(load_model(path)(images), model(images))


@pytest.mark.parametrize("name,side", [("largecnn", 1), ("smallcnn", 4)])
def test_padded_networks_see_small_images(name, side):
    model = create_model(
        f"{name}_dlgn", (side, side, 1), width=2, padding="same"
    )
    assert model(np.zeros((1, side, side, 1), "uint8")).shape == (1, 10)


def test_scales_of_the_image_do_not_fit_one_another():
    ours, theirs = (
        create_model("smallcnn_dnn", SHAPE, width=2, per_image=per_image)
        for per_image in (True, False)
    )
    with pytest.raises(UserError, match="PerImageStandardization"):
        transfer.copy_model(theirs, ours)
    with pytest.raises(ValueError, match="std=0.5"):
        create_model("smallcnn_dnn", SHAPE, std=0.5, per_image=True)

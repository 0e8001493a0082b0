"""largecnn and smallcnn, their options in every family; see test_forward."""

import keras
import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.layers import (
    ApodizedOrthogonalConv2D,
)
from dlgn_tf.layers.apodized_convolution import apodization_window
from dlgn_tf.models import transfer
from dlgn_tf.models.build import create_model
from dlgn_tf.models.orthogonal import folded
from dlgn_tf.models.orthogonal_options import OrthogonalFilters

SHAPE = (12, 10, 3)


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
    expected = keras.ops.conv(x, layer.kernel * window, padding="same")
    np.testing.assert_allclose(
        layer(x), expected + layer.bias, rtol=1e-3, atol=1e-2
    )
    plain = folded(model)
    assert type(plain.network.get_layer("conv5")) is keras.layers.Conv2D
    np.testing.assert_allclose(plain(images), model(images), atol=1e-5)


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
    for given in ({"std": 0.5}, {"std": np.full(3, 0.5)}):
        with pytest.raises(ValueError, match="no mean and std.*std=.*0.5"):
            create_model("smallcnn_dnn", SHAPE, per_image=True, **given)

"""Shallow features: one linear map of the image a gate."""

import numpy as np
import pytest

from dlgn_tf.models.build import create_model
from dlgn_tf.models.shallow import LinearMaps, shallow_gating_network


def convolve(x, kernel, bias):
    """3x3 with zero 'same' padding, as nine shifted products."""
    padded = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    height, width = x.shape[1:3]
    return bias + sum(
        padded[:, i : i + height, j : j + width] @ kernel[i, j]
        for i in range(3)
        for j in range(3)
    )


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    "name,side",
    [("vgg16", 47), ("vgg11", 39), ("resnet20", 7), ("resnet20", 33)],
)
def test_odd_images_are_averaged(randomize, name, side):
    """The average of a constant is that constant, also at the border."""
    options = {"width": 2} | ({"depth": 8} if name == "resnet20" else {})
    model = create_model(f"{name}_dlgn_sf", (side, side, 3), **options)
    randomize(model.gating_network)
    image = np.full((1, side, side, 3), 51.0)
    assert np.all(np.isfinite(model(image)))
    for site, q in model.preactivations(image).items():
        # ResNets have no biases.
        kernel, *bias = model.gating_network.get_layer(site).get_weights()
        gamma, beta, mean, variance = model.gating_network.get_layer(
            f"{site}_bn"
        ).get_weights()
        expected = convolve(
            np.full((1, *q.shape[1:3], 3), 0.2), kernel, sum(bias)
        )
        expected = gamma * (expected - mean) / np.sqrt(variance + 1e-3) + beta
        np.testing.assert_allclose(q, expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("shape", [(47, 64, 3), (63, 32, 3), (64, 47, 3)])
def test_sides_may_differ(shape):
    """Each halves down to the resolution of every site."""
    model = create_model("vgg16_dlgn_sf", shape, width=2)
    assert model(np.zeros((1, *shape), "uint8")).shape == (1, 10)


def test_resolution_to_which_halving_does_not_lead(rng):
    """Windows from floor(i 12 / 5) to ceil((i + 1) 12 / 5)."""
    network = shallow_gating_network(
        (12, 12, 2), {"third": (5, 5, 2)}, LinearMaps()
    )
    images = rng.normal(size=(2, 12, 12, 2)).astype("float32")
    mean = np.zeros((5, 12), "float32")
    for row in range(5):
        first, last = row * 12 // 5, -(-(row + 1) * 12 // 5)
        mean[row, first:last] = 1 / (last - first)
    pooled = np.einsum("ih,nhwc,jw->nijc", mean, images, mean)
    q = convolve(pooled, *network.get_layer("third").get_weights())
    np.testing.assert_allclose(network(images), q, rtol=1e-4, atol=1e-5)

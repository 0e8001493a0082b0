"""Singular values against NumPy's of a matrix made by the model itself."""

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.inspection import linear_map


def matrix_of(model, site):
    """From what basis images, normalised, make of the network."""
    shape = model.image_shape
    size = int(np.prod(shape))
    images = np.concatenate([np.eye(size), np.zeros((1, size))])
    index = model.site_names.index(site)
    made = model.gating_network(images.reshape(-1, *shape), training=False)
    values = np.asarray(made[index]).reshape(size + 1, -1)
    return (values[:-1] - values[-1]).T


@pytest.mark.parametrize(
    ("name", "channels", "width", "site", "sides"),
    [
        ("resnet110_dlgn", 1, 6, "group1_block1_1", (384, 64)),
        ("resnet110_dlgn", 1, 6, "final", (96, 64)),
        # Fewer units than pixels.
        ("resnet20_dlgn", 3, 2, "group3_block1_2", (32, 192)),
    ],
)
def test_singular_values(
    name, channels, width, site, sides, trained_like, float64
):
    model = trained_like(name, (8, 8, channels), depth=8, width=width)
    matrix = matrix_of(model, site)
    assert matrix.shape == sides
    expected = np.linalg.svd(matrix, compute_uv=False)
    found = linear_map.singular_values(model, site)
    np.testing.assert_allclose(found, expected, atol=1e-10 * expected[0])


def test_of_circular_convolutions_by_fourier(trained_like):
    """The map is diagonal in the Fourier basis, for one channel."""
    model = trained_like("c1gap_dlgn", (6, 6, 1), width=5, padding="circular")
    kernel = model.gating_network.get_layer("conv1").get_weights()[0]
    responses = np.fft.fft2(kernel[:, :, 0], (6, 6), axes=(0, 1))
    expected = np.sqrt((np.abs(responses) ** 2).sum(axis=-1)).reshape(-1)
    found = linear_map.singular_values(model, "conv1")
    np.testing.assert_allclose(found, np.sort(expected)[::-1], rtol=1e-6)


def test_memory_is_estimated(trained_like):
    model = trained_like("c4gap_dlgn", (8, 8, 3), width=4)
    with pytest.raises(UserError) as error:
        linear_map.singular_values(model, "conv2", memory_gib=0.001)
    # The matrix, and five of the small square beside it.
    size = 8 * 192 * (256 + 5 * 192)
    assert f"256 x 192, and its singular values take {size:,}" in str(
        error.value
    )

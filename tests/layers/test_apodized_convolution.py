"""Windowed filters: windows, and equality with windowed patches."""

import numpy as np
import pytest

from dlgn_tf.layers import ApodizedConv2D, ApodizedOrthogonalConv2D
from dlgn_tf.layers.apodized_convolution import apodization_window
from dlgn_tf.models.build import create_model


def test_hamming_window_of_three():
    """The values that the spec lists."""
    window = apodization_window(3)
    corner, edge, centre = window[0, 0], window[0, 1], window[1, 1]
    np.testing.assert_allclose(
        [corner, edge, centre], [0.00476, 0.05945, 0.74316], atol=5e-6
    )
    np.testing.assert_array_equal(window, window.T[::-1])


@pytest.mark.parametrize(
    "size,stride", [(1, 1), (3, 1), (5, 1), (3, 2), (4, 2), (5, 3), (3, 3)]
)
def test_overlapping_windows_sum_to_one(size, stride):
    window = apodization_window(size, stride)
    length = 6 * size
    # All that covers the middle, far from both ends.
    covered = np.zeros((length, length))
    for row in range(0, length - size + 1, stride):
        for column in range(0, length - size + 1, stride):
            covered[row : row + size, column : column + size] += window
    middle = covered[2 * size : 4 * size, 2 * size : 4 * size]
    np.testing.assert_allclose(middle, 1, rtol=1e-12)


def test_strides_beyond_the_window():
    with pytest.raises(ValueError, match="size=3, stride=4"):
        apodization_window(3, 4)


@pytest.mark.parametrize("stride", [1, 2])
def test_is_the_inner_product_with_windowed_patches(float64, rng, stride):
    images = rng.normal(size=(2, 7, 6, 3))
    layer = ApodizedConv2D(4, 3, strides=stride)
    layer.build(images.shape)
    window = apodization_window(3, stride)[..., None]
    found = np.asarray(layer(images))
    for i in range(found.shape[1]):
        for j in range(found.shape[2]):
            row, column = i * stride, j * stride
            patch = window * images[:, row : row + 3, column : column + 3]
            np.testing.assert_allclose(
                found[:, i, j],
                patch.reshape(2, -1) @ np.reshape(layer.kernel, (27, 4)),
                rtol=1e-10,
                atol=1e-12,
            )


@pytest.mark.parametrize("size, stride", [(3, 1), (5, 1), (3, 2), (4, 3)])
@pytest.mark.parametrize(
    "kind, options",
    [
        (ApodizedConv2D, {}),
        (ApodizedOrthogonalConv2D, {"scale": "gain"}),
    ],
)
def test_windowed_filters_start_as_long_as_others(size, stride, kind, options):
    """Mean square of the weights that inputs meet: Glorot's variance."""
    layer = kind(96, size, strides=stride, **options)
    layer.build((None, 8, 8, 64))
    expected = 2 / (size**2 * (64 + 96))
    kernel = np.asarray(layer.windowed(layer.kernel), "float64")
    assert np.mean(np.square(kernel)) == pytest.approx(expected, rel=0.05)


def test_a_deep_network_starts_alive():
    """largecnn has seven windowed layers: no factor 4 in each."""
    images = np.random.default_rng(0).normal(128, 64, (4, 32, 32, 3))
    images = images.clip(0, 255).astype("uint8")
    sizes = []
    for apodized in (False, True):
        model = create_model(
            "largecnn_dnn",
            mean=0.5,
            std=0.25,
            width=16,
            apodized=apodized,
            seed=0,
        )
        sizes.append(np.std(model(images)))
    assert 0.2 < sizes[1] / sizes[0] < 5


def test_refuses_filters_that_are_not_square():
    with pytest.raises(ValueError, match="square filters"):
        ApodizedConv2D(4, (3, 1))(np.zeros((1, 5, 5, 2), "float32"))

"""Circular padding against NumPy's, and the convolution it makes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf.layers import CircularPadding


@pytest.mark.parametrize("side", [1, 2, 3, 4, 5, 7])
@pytest.mark.parametrize("height,width", [(4, 6), (7, 5), (3, 3)])
def test_equals_numpy(rng, side, height, width):
    images = rng.normal(size=(2, height, width, 3)).astype("float32")
    before = (side - 1) // 2
    margin = (before, side - 1 - before)
    expected = np.pad(images, [(0, 0), margin, margin, (0, 0)], mode="wrap")
    np.testing.assert_array_equal(CircularPadding(side)(images), expected)


@pytest.mark.parametrize("shape", [(8, 5), (None, None)])
def test_symbolic_shape(shape):
    outputs = CircularPadding(4)(keras.Input((*shape, 2)))
    expected = tuple(n and n + 3 for n in shape)
    assert outputs.shape == (None, *expected, 2)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("side", [2, 3])
def test_convolution_is_equivariant_to_rotations(rng, side):
    padding = CircularPadding(side)
    conv = keras.layers.Conv2D(4, side, padding="valid")
    images = rng.normal(size=(2, 5, 6, 3))
    outputs = np.asarray(conv(padding(images)))
    assert outputs.shape == (2, 5, 6, 4)
    for shift in ((1, 0), (0, 2), (3, 5)):
        rotated = np.roll(images, shift, axis=(1, 2))
        np.testing.assert_allclose(
            conv(padding(rotated)),
            np.roll(outputs, shift, axis=(1, 2)),
            rtol=1e-12,
            atol=1e-12,
        )


def test_away_from_the_edge_it_is_same_padding(rng):
    conv = keras.layers.Conv2D(4, 4, padding="valid")
    images = rng.normal(size=(2, 9, 9, 3)).astype("float32")
    circular = np.asarray(conv(CircularPadding(4)(images)))
    same = tf.nn.conv2d(images, conv.kernel, 1, "SAME").numpy()
    inside = np.s_[:, 1:-2, 1:-2]
    np.testing.assert_allclose(circular[inside], same[inside], atol=1e-5)
    assert np.abs(circular - same).max() > 0.1


def test_margin_larger_than_the_image():
    with pytest.raises(ValueError, match=r"of 2 pixels.*\(1, 1, 4, 3\)"):
        CircularPadding(5)(np.zeros((1, 1, 4, 3), "float32"))

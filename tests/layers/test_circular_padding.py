"""Circular padding against NumPy's, and the convolution it makes."""

import keras
import numpy as np
import pytest

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


def test_margin_larger_than_the_image():
    with pytest.raises(ValueError, match=r"of 2 pixels.*\(1, 1, 4, 3\)"):
        CircularPadding(5)(np.zeros((1, 1, 4, 3), "float32"))

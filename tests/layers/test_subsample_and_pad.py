"""Shortcut A against NumPy slicing and padding."""

import keras
import numpy as np
import pytest

from dlgn_tf.layers import SubsampleAndPad


@pytest.mark.parametrize("height,width", [(8, 8), (7, 5), (6, 9), (1, 2)])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("filters", [3, 4, 8])
def test_equals_numpy(rng, height, width, stride, filters):
    inputs = rng.normal(size=(2, height, width, 3)).astype("float32")
    outputs = SubsampleAndPad(filters, stride)(inputs)
    expected = np.pad(
        inputs[:, ::stride, ::stride],
        [(0, 0), (0, 0), (0, 0), (0, filters - 3)],
    )
    np.testing.assert_array_equal(outputs, expected)


@pytest.mark.parametrize(
    "side,expected", [(8, 4), (7, 4), (1, 1), (None, None)]
)
def test_symbolic_shape(side, expected):
    outputs = SubsampleAndPad(5, 2)(keras.Input((side, side, 3)))
    assert outputs.shape == (None, expected, expected, 5)


def test_more_channels_than_filters():
    with pytest.raises(
        ValueError, match=r"at most filters=2.*Received.*\(1, 4, 4, 3\)"
    ):
        SubsampleAndPad(2)(np.zeros((1, 4, 4, 3), "float32"))

"""Luminance."""

import numpy as np
import pytest

from dlgn_tf.layers import Grayscale


def test_grey_stays(rng):
    images = rng.normal(size=(2, 3, 4, 1)).astype("float32")
    np.testing.assert_array_equal(Grayscale()(images), images)
    grey = np.repeat(images, 3, axis=-1)
    np.testing.assert_allclose(Grayscale()(grey), images, rtol=1e-5)


def test_other_channels():
    with pytest.raises(ValueError, match="1 or 3 channels"):
        Grayscale()(np.zeros((1, 2, 2, 2), "float32"))

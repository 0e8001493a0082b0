"""Luminance."""

import keras
import numpy as np
import pytest

from dlgn_tf.layers import Grayscale


def test_colours(rng):
    images = rng.normal(size=(2, 3, 4, 3)).astype("float32")
    expected = images.astype("float64") @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(
        Grayscale()(images), expected[..., None], rtol=1e-5, atol=1e-6
    )
    assert Grayscale()(keras.Input((3, 4, 3))).shape == (None, 3, 4, 1)


def test_grey_stays(rng):
    images = rng.normal(size=(2, 3, 4, 1)).astype("float32")
    np.testing.assert_array_equal(Grayscale()(images), images)
    grey = np.repeat(images, 3, axis=-1)
    np.testing.assert_allclose(Grayscale()(grey), images, rtol=1e-5)


def test_other_channels():
    with pytest.raises(ValueError, match="1 or 3 channels"):
        Grayscale()(np.zeros((1, 2, 2, 2), "float32"))


def test_round_trip(tmp_path, rng):
    model = keras.Sequential([keras.Input((4, 4, 3)), Grayscale()])
    model.save(tmp_path / "model.keras")
    images = rng.normal(size=(2, 4, 4, 3)).astype("float32")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded(images), model(images))

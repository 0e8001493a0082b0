"""Every image on its own scale, against NumPy."""

import numpy as np
import pytest

from dlgn_tf.layers import PerImageStandardization


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_equals_numpy(rng, dtype):
    images = rng.integers(0, 256, (4, 6, 5, 3)).astype(dtype)
    pixels = images.astype("float64")
    pixels -= pixels.mean(axis=(1, 2, 3), keepdims=True)
    pixels /= np.abs(pixels).max(axis=(1, 2, 3), keepdims=True)
    np.testing.assert_allclose(
        PerImageStandardization()(images), pixels, atol=1e-6
    )


@pytest.mark.parametrize("level", [0, 77, 255])
def test_image_of_one_colour_becomes_zero(level):
    images = np.full((1, 32, 32, 3), level, "uint8")
    standardized = PerImageStandardization()(images)
    np.testing.assert_allclose(standardized, 0, atol=0.01)


def test_one_grey_level_is_seen():
    images = np.full((1, 32, 32, 1), 200, "uint8")
    images[0, 3, 4] = 201
    standardized = np.asarray(PerImageStandardization()(images))
    np.testing.assert_allclose(standardized.max(), 1, rtol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_16_bits_keep_grey_levels_apart(policy):
    images = np.arange(256, dtype="uint8").reshape(1, 16, 16, 1)
    layer = PerImageStandardization(dtype=policy)
    standardized = layer(images)
    assert standardized.dtype == layer.compute_dtype
    expected = (np.arange(256) - 127.5) / 127.5
    np.testing.assert_allclose(
        np.ravel(standardized).astype("float64"), expected, atol=4e-3
    )

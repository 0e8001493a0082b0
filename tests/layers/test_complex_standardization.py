"""Standardisation of complex channels against NumPy's complex numbers."""

import keras
import numpy as np
import pytest

from dlgn_tf.layers import ComplexStandardization


def draw(rng, count=50):
    """Complex maps whose parts differ in mean and spread."""
    parts = rng.normal(size=(2, count, 3, 2, 4))
    return 5 + 2 * parts[0] + 1j * (0.1 * parts[1] - 3)


def as_channels(z):
    return np.concatenate([z.real, z.imag], axis=-1).astype("float32")


def test_batch_and_moving_statistics(rng):
    layer = ComplexStandardization(momentum=0.5)
    z = draw(rng)
    mean = z.mean(axis=(0, 1, 2))
    variance = np.mean(np.abs(z - mean) ** 2, axis=(0, 1, 2))
    expected = as_channels((z - mean) / np.sqrt(variance + 1e-5))
    found = layer(as_channels(z), training=True)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    # From 0 and from 1 for each part, half the way.
    mean, variance = mean / 2, variance / 2 + 1
    other = draw(rng, 5)
    expected = as_channels((other - mean) / np.sqrt(variance + 1e-5))
    for training in (False, None):
        found = layer(as_channels(other), training=training)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float64", "mixed_float16", "bfloat16"])
def test_other_dtypes(rng, dtype):
    """Values whose squares float16 does not hold."""
    layer = ComplexStandardization(dtype=dtype)
    x = 300 * as_channels(draw(rng))
    found = keras.ops.cast(layer(x, training=True), "float32")
    expected = ComplexStandardization()(x, training=True)
    np.testing.assert_allclose(found, expected, atol=0.05)

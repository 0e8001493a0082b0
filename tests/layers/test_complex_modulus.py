"""The modulus of wavelet coefficients against NumPy's complex numbers."""

import keras
import numpy as np
import pytest

from dlgn_tf.layers import ComplexModulus


def split(coefficients, angles):
    """Low-pass and complex wavelet coefficients."""
    parts = np.split(coefficients.astype("float64"), 1 + 2 * angles, axis=-1)
    wavelets = np.array(parts[1 : 1 + angles]) + 1j * np.array(
        parts[1 + angles :]
    )
    return parts[0], list(wavelets)


@pytest.mark.parametrize("angles", [1, 3])
@pytest.mark.parametrize("channels", [1, 2])
def test_equals_numpy(rng, angles, channels):
    shape = (2, 4, 3, (1 + 2 * angles) * channels)
    coefficients = rng.normal(size=shape).astype("float32")
    low_pass, wavelets = split(coefficients, angles)
    moduli = np.concatenate(np.abs(wavelets), axis=-1)
    np.testing.assert_allclose(
        ComplexModulus(angles)(coefficients),
        np.concatenate([low_pass, moduli], axis=-1),
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        ComplexModulus(angles, skip=True)(coefficients),
        np.concatenate([coefficients, np.abs(low_pass), moduli], axis=-1),
        rtol=1e-5,
    )
    for skip, maps in ((False, 1 + angles), (True, 2 + 3 * angles)):
        layer = ComplexModulus(angles, skip)
        expected = (*shape[:-1], maps * channels)
        assert layer.compute_output_shape(shape) == expected
        assert layer(keras.Input(shape[1:])).shape[1:] == expected[1:]


def test_wrong_arguments():
    with pytest.raises(ValueError, match="multiple of 9 channels"):
        ComplexModulus(4)(np.zeros((1, 2, 2, 8), "float32"))

"""Pixel normalisation against NumPy."""

import numpy as np
import pytest

from dlgn_tf.layers import PixelNormalization

MEAN, STD = (0.49, 0.48, 0.45), (0.20, 0.19, 0.21)


@pytest.fixture
def pixels(rng):
    images = rng.integers(0, 256, (2, 4, 5, 3)).astype("uint8")
    images[0, 0, 0] = 0
    images[0, 0, 1] = 255
    return images


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize(
    "arguments",
    [(), (0.5, 0.25), (MEAN, STD), (MEAN, 0.2), (0.4, STD)],
)
def test_equals_numpy(pixels, dtype, arguments):
    images = pixels.astype(dtype)
    if dtype != "uint8":
        images = images + np.asarray(0.3, dtype)
    outputs = PixelNormalization(*arguments)(images)
    mean, std = arguments or (0.0, 1.0)
    assert outputs.dtype == "float32"
    expected = (images.astype("float64") / 255 - np.array(mean)) / np.array(std)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=2e-6)


@pytest.mark.parametrize(
    "policy,precision", [("mixed_float16", 2**-11), ("mixed_bfloat16", 2**-8)]
)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_mixed_precision_rounds_only_the_result(
    pixels, policy, precision, dtype
):
    images = pixels.astype(dtype)
    if dtype == "float32":
        images = images + np.float32(0.3)
    outputs = PixelNormalization(MEAN, STD, dtype=policy)(images)
    assert outputs.dtype == policy.removeprefix("mixed_")
    expected = (images.astype("float64") / 255 - np.array(MEAN)) / np.array(STD)
    error = np.abs(np.asarray(outputs, "float64") - expected)
    assert np.max(error / np.maximum(np.abs(expected), 0.5)) <= precision


@pytest.mark.parametrize(
    "arguments,received",
    [
        ({"mean": (0.1, 0.2)}, r"mean=\[0\.1, 0\.2\]"),
        ({"std": (0.1, 0.2, 0.3, 0.4)}, r"std=\[0\.1, 0\.2, 0\.3, 0\.4\]"),
    ],
)
def test_number_of_channels_differs(pixels, arguments, received):
    with pytest.raises(
        ValueError, match=f"Expected one number or 3.*Received: {received}"
    ):
        PixelNormalization(**arguments)(pixels)


@pytest.mark.parametrize("std", [0.0, -1.0, (0.2, 0.0, 0.2), np.nan])
def test_std_must_be_positive(std):
    with pytest.raises(ValueError, match="Expected numbers > 0. Received: std"):
        PixelNormalization(0.0, std)

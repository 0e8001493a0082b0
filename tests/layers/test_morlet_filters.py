"""Fixed wavelets against sums over pixels."""

import math

import numpy as np
import pytest

from dlgn_tf.layers import MorletFilters
from dlgn_tf.layers.morlet_filters import morlet


def expected_morlet(size, sigma, frequency, angle, slant):
    """Pixel by pixel, from the formula."""
    half = size // 2
    wave, envelope = {}, {}
    for u in range(-half, half + 1):
        for v in range(-half, half + 1):
            along = u * math.cos(angle) + v * math.sin(angle)
            across = -u * math.sin(angle) + v * math.cos(angle)
            g = math.exp(
                -(along**2) / (2 * sigma**2)
                - (slant * across) ** 2 / (2 * sigma**2)
            )
            g *= slant / (2 * math.pi * sigma**2)
            envelope[u, v] = g
            wave[u, v] = g * complex(
                math.cos(frequency * along), math.sin(frequency * along)
            )
    beta = sum(wave.values()) / sum(envelope.values())
    found = np.zeros((size, size), complex)
    for u, v in wave:
        found[u + half, v + half] = wave[u, v] - beta * envelope[u, v]
    return found


@pytest.mark.parametrize("slant", [1.0, 0.5])
@pytest.mark.parametrize("angle", [0.0, math.pi / 4, 2.5])
def test_morlet_is_the_formula(angle, slant):
    arguments = (7, 0.8, 2.3, angle, slant)
    np.testing.assert_allclose(
        morlet(*arguments), expected_morlet(*arguments), atol=1e-12
    )


def test_wavelets_sum_to_zero_and_the_low_pass_filter_to_one():
    filters = MorletFilters().filters()
    assert filters.shape == (7, 7, 9)
    sums = filters.sum(axis=(0, 1))
    np.testing.assert_allclose(sums[1:], 0, atol=1e-12)
    assert sums[0] == pytest.approx(1, abs=2e-3)


@pytest.mark.parametrize("sigma", [0.8, 0.8 * math.sqrt(1.5)])
def test_the_window_keeps_the_energy(sigma):
    whole = morlet(31, sigma, 2.0, 0.6)
    kept = whole[12:19, 12:19]
    lost = 1 - np.sum(np.abs(kept) ** 2) / np.sum(np.abs(whole) ** 2)
    assert lost < 1e-6


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"sigma": -1.0}, "Received: sigma=-1.0"),
        ({"low_pass_sigma": math.nan}, "low_pass_sigma=nan"),
        ({"slant": 0.0}, "slant=0.0"),
        ({"kernel_size": 4}, "kernel_size=4"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        MorletFilters(**arguments)


def test_images_too_small_to_be_reflected():
    with pytest.raises(ValueError, match="reflected by 3 pixels"):
        MorletFilters()(np.zeros((1, 3, 8, 1), "float32"))

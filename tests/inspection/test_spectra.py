"""Templates of which frequencies and extents are known."""

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.inspection import spectra


def wave(rows, columns, size=(16, 16)):
    """A cosine with so many periods along each axis."""
    i, j = np.indices(size)
    phase = rows * i / size[0] + columns * j / size[1]
    return np.cos(2 * np.pi * phase)


def stack(*images):
    return np.stack(images)[..., None]


def test_waves_lie_in_their_rings():
    frequencies, power = spectra.radial_power(
        stack(wave(0, 0), wave(3, 4), wave(8, 8), 0 * wave(0, 0))
    )
    np.testing.assert_allclose(frequencies, np.arange(12) / 16)
    rings = [0, 5, 11]
    np.testing.assert_allclose(power[range(3), rings], 1)
    np.testing.assert_allclose(power.sum(axis=1), [1, 1, 1, 0])


def test_shares_follow_energy_and_ignore_scale(rng):
    mixed = 3 * wave(1, 0) + wave(6, 0)
    share = spectra.low_frequency_share(stack(mixed, 100 * mixed))
    np.testing.assert_allclose(share, 0.9)
    _, power = spectra.radial_power(rng.normal(size=(3, 9, 14, 2)))
    np.testing.assert_allclose(power.sum(axis=1), 1)


def test_cutoff_is_included():
    template = stack(wave(2, 0) + wave(3, 0))
    found = spectra.low_frequency_share(template)
    np.testing.assert_allclose(found, 0.5, atol=1e-12)


def test_support_is_the_box():
    weights = np.zeros((3, 6, 9, 2))
    weights[0, 1:4, 5, 1] = -2
    weights[1, 5, 8, 0] = weights[1, 0, 2, 1] = 1e-300
    assert spectra.support(weights).tolist() == [
        [1, 5, 4, 6],
        [0, 2, 6, 9],
        [0, 0, 0, 0],
    ]


def test_effective_size():
    weights = np.zeros((5, 8, 10, 1))
    weights[0, 7, 9] = 3.0
    weights[1] = 1.0
    # Of energy 9 and 1, the larger alone is nine tenths.
    weights[2, 0, 0], weights[2, 7, 7] = 3.0, 1.0
    weights[3, 2:5, 4:7] = -1.0
    sizes = spectra.effective_size(weights)
    assert sizes.tolist() == [1, 9, 1, 3, 0]


def test_effective_size_against_all_windows(rng):
    weights = rng.normal(size=(4, 7, 6, 2)) ** 3
    energy = (weights**2).sum(axis=3)
    expected = []
    for image in energy:
        sides = [
            side
            for side in range(1, 8)
            if max(
                image[i : i + side, j : j + side].sum()
                for i in range(8 - side)
                for j in range(max(1, 7 - side))
            )
            >= 0.9 * image.sum()
        ]
        expected.append(min(sides))
    assert spectra.effective_size(weights).tolist() == expected


def test_wrong_arguments():
    with pytest.raises(UserError, match="rows, height, width, channels"):
        spectra.support(np.zeros((3, 4)))

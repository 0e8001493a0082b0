"""What templates look like: their frequencies and their extent.

All functions take arrays `(rows, height, width, channels)`, such as
`Templates.normalized_weights`, and know nothing of models. Energy is the sum of
squares, over channels too.
"""

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.errors import UserError


def radial_power(weights: Array) -> tuple[Array, Array]:
    """Power by spatial frequency: the 2-D DFT in rings.

    Returns:
        `(frequencies, power)`: float64 array `(bins,)`, the middle of each ring
        in cycles per pixel, from 0 to about sqrt(1/2), rings as wide as the
        lowest frequency of the longer side; and float64 array `(rows, bins)`,
        the share of each template's energy in each ring. Shares sum to 1; those
        of a template of zeros are 0.
    """
    weights = _checked(weights)
    frequency, power = _power(weights)
    step = 1 / max(weights.shape[1:3])
    ring = np.rint(frequency / step).astype(int).reshape(-1)
    bins = ring.max() + 1
    in_ring = ring[:, None] == np.arange(bins)
    return np.arange(bins) * step, power @ in_ring.astype("float64")


def low_frequency_share(weights: Array) -> Array:
    """Share of each template's energy at frequencies up to 1/8, `(rows,)`.

    They count in cycles per pixel; 1/2 is the highest along an axis. The
    cutoff, a period of 8 pixels, is assumed.
    """
    frequency, power = _power(_checked(weights))
    return power @ (frequency.reshape(-1) <= 1 / 8).astype("float64")


def support(weights: Array) -> Array:
    """Bounding box of all pixels at which a template is not zero.

    That is the receptive field, unless weights cancel to exactly 0: integers
    `(rows, 4)`, first row, first column, and one past the last of each; all 0
    for a template of zeros.
    """
    used = (_checked(weights) != 0).any(axis=3)
    edges = [_ends(used.any(axis=axis)) for axis in (2, 1)]
    (top, bottom), (left, right) = edges
    return np.stack([top, left, bottom, right], axis=1)


def effective_size(weights: Array) -> Array:
    """Side of the smallest square window that holds 90 % of the energy.

    Integers `(rows,)`; 0 for a template of zeros. The window may lie anywhere,
    and beyond the shorter side of an image that is no square.
    """
    energy = (_checked(weights) ** 2).sum(axis=3)
    # Some rounding is allowed: all of it may lie in one place.
    wanted = 0.9 * energy.sum(axis=(1, 2)) * (1 - 1e-12)
    sums = np.pad(
        energy.cumsum(axis=1).cumsum(axis=2), ((0, 0), (1, 0), (1, 0))
    )
    longest = max(energy.shape[1:])
    sizes = np.full(len(energy), longest)
    for side in reversed(range(longest)):
        sizes[_largest_window(sums, side) >= wanted] = side
    return sizes


def _checked(weights):
    weights = np.asarray(weights, "float64")
    if weights.ndim == 4:
        return weights
    raise UserError(
        "Expected templates (rows, height, width, channels). Received: shape "
        f"{weights.shape}"
    )


def _power(weights):
    """Frequencies `(height, width)`, shares of energy `(rows, frequencies)`."""
    vertical, horizontal = (np.fft.fftfreq(n) for n in weights.shape[1:3])
    frequency = np.hypot(vertical[:, None], horizontal)
    amplitudes = np.abs(np.fft.fft2(weights, axes=(1, 2)))
    power = (amplitudes**2).sum(axis=3).reshape(len(weights), -1)
    total = power.sum(axis=1, keepdims=True)
    return frequency, power / np.where(total > 0, total, 1)


def _ends(used):
    """First index, and one past the last, of what is true in each row."""
    any_used = used.any(axis=1)
    first = np.argmax(used, axis=1)
    last = used.shape[1] - np.argmax(used[:, ::-1], axis=1)
    return first * any_used, last * any_used


def _largest_window(sums, side):
    """Most energy in a square of this side, from sums over corners."""
    height, width = (min(side, n - 1) for n in sums.shape[1:])
    rows, columns = sums.shape[1] - height, sums.shape[2] - width
    windows = (
        sums[:, height:, width:]
        - sums[:, :rows, width:]
        - sums[:, height:, :columns]
        + sums[:, :rows, :columns]
    )
    return windows.max(axis=(1, 2))

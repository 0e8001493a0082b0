"""Spectra of functions on the square, by bands of frequency."""

import numpy as np
from numpy import ndarray as Array

from dlgn_tf import factorizations


def grid(side: int) -> Array:
    """Centres of side x side cells of the square, `(side * side, 2)`.

    u is that of the row and v that of the column.
    """
    ends = (np.arange(side) + 0.5) * 2 / side - 1
    return np.stack(np.meshgrid(ends, ends, indexing="ij"), -1).reshape(-1, 2)


def band_power(values: Array) -> Array:
    """The power of functions in each band.

    With the coefficients c of exp(i pi (m u + n v)), band b has the sum of
    |c_mn|^2 over max(|m|, |n|) = b: band 0 is the squared mean, and a target of
    frequency k lies in band k alone. What differs at opposite edges of the
    square has power in all bands.

    Args:
        values: Array `(side * side, ...)` of functions on a `grid`.

    Returns:
        Array `(side // 2 + 1, ...)`, whose sum is the mean square (Parseval).
    """
    side = round(len(values) ** 0.5)
    values = np.asarray(values, float).reshape(side, side, *values.shape[1:])
    power = np.abs(np.fft.fft2(values, axes=(0, 1)) / side**2) ** 2
    whole = np.abs(np.round(np.fft.fftfreq(side) * side)).astype(int)
    band = np.maximum(whole[:, None], whole[None])
    return np.stack([power[band == b].sum(0) for b in range(side // 2 + 1)])


def without_affine(values: Array, at: Array) -> Array:
    """Functions less their best affine approximations at these points.

    Args:
        values: Array `(n, units)`.
        at: Array `(n, 2)`.
    """
    plane = np.column_stack([np.ones(len(at)), at])
    return values - plane @ (factorizations.pinv(plane, 1e-12) @ values)


def share_not_affine(values: Array, at: Array) -> float:
    """The share of the variance of functions `(n, units)` that no plane has.

    Of all units together; 0 where they do not vary.
    """
    whole = np.var(values, axis=0).sum()
    rest = np.var(without_affine(values, at), axis=0).sum()
    return float(rest / whole) if whole else 0.0

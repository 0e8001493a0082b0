"""Figures as text, for the line that says what a claim measured."""

from collections.abc import Mapping

import numpy as np

from dlgn_tf.claims import contrasts

# More numbers, or more cases, are told by the least and the most.
_LISTED, _CASES = 8, 12


def figure(value) -> str:
    """A figure: `0.0123`, `1 2 3`, `0.1 to 0.9`, `float32 1e-7, float64 0`.

    Args:
        value: Number, string, boolean, None, array-like, `contrasts.Pair`, or
            a dict of them by case.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, contrasts.Pair):
        means = (np.mean(runs) if len(runs) else None for runs in value)
        return " and ".join(f"mean {figure(mean)}" for mean in means)
    if isinstance(value, Mapping):
        return _cases(value)
    values = np.asarray(value)
    if not values.ndim:
        return _scalar(values.item())
    if values.dtype.kind not in "iuf" or values.size <= _LISTED:
        return " ".join(_scalar(x) for x in values.ravel().tolist()) or "none"
    return _range(values)


def _cases(cases):
    if len(cases) > _CASES:
        leaves = [np.ravel(value) for value in cases.values()]
        if all(leaf.dtype.kind in "biuf" for leaf in leaves):
            return f"{_range(np.concatenate(leaves))} in {len(cases)} cases"
    parts = (
        f"{case} ({figure(value)})"
        if isinstance(value, Mapping)
        else f"{case} {figure(value)}"
        for case, value in cases.items()
    )
    return ", ".join(parts) or "none"


def _range(values):
    return f"{_scalar(np.min(values))} to {_scalar(np.max(values))}"


def _scalar(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if not isinstance(value, float | np.number):
        return "none" if value is None else str(value)
    if abs(value) < 1e-2:
        return f"{value:.2g}"
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"

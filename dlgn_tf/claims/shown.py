"""Figures as text, for the line that says what a claim measured."""

from collections.abc import Mapping

import numpy as np

# More numbers, or more cases, are told by the least and the most.
_NUMBERS, _CASES = 8, 10


def figure(value) -> str:
    """A figure: `0.0123`, `1 2 3`, `0.1 to 0.9`, `float32 1e-7, float64 0`.

    Args:
        value: Number, string, boolean, None, array-like, or a dict of them by
            case.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return _cases(value)
    values = np.asarray(value)
    if values.dtype == bool and values.size > 1:
        held = int(values.sum())
        return f"{held} of {values.size}"
    if values.dtype.kind not in "iuf" or values.size <= _NUMBERS:
        return " ".join(_scalar(x) for x in values.ravel().tolist()) or "none"
    return _range(values)


def _cases(cases):
    arrays = [np.ravel(leaf) for leaf in leaves(cases)]
    if len(arrays) > _CASES and all(x.dtype.kind in "biuf" for x in arrays):
        if len(arrays) == len(cases):
            return f"{_range(np.concatenate(arrays))} in {len(cases)} cases"
        # Of cases of cases the outer ones are told.
        cases = {
            case: np.concatenate([np.ravel(leaf) for leaf in leaves(value)])
            for case, value in cases.items()
        }
        return ", ".join(f"{case} {_range(x)}" for case, x in cases.items())
    parts = (
        f"{case} ({figure(value)})"
        if isinstance(value, Mapping)
        else f"{case} {figure(value)}"
        for case, value in cases.items()
    )
    return ", ".join(parts) or "none"


def leaves(value) -> list:
    """The figures of all cases; of a figure without cases itself."""
    if not isinstance(value, Mapping):
        return [value]
    return [leaf for item in value.values() for leaf in leaves(item)]


def _range(values):
    ends = _scalar(np.min(values)), _scalar(np.max(values))
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


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

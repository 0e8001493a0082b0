"""Figures of several seeds: how far they lie apart, and as text."""

from collections.abc import Iterable, Sequence

import numpy as np


def sample_std(values: Sequence[float]) -> float:
    """Standard deviation of a sample, which divides by n - 1.

    What stands behind "±" in tables of seeds, but for those of
    `dlgn_tf.reproduction`, which divide by n as the published ones do. That of
    a single value is 0.
    """
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def mean_and_std(values: Sequence[float]) -> dict[str, float]:
    """Columns `mean` and `std`, the latter that of `sample_std`."""
    return {"mean": float(np.mean(values)), "std": sample_std(values)}


def mean_and_range(values: Sequence[float], form: str = ".3f") -> str:
    """`0.51 (0.48 to 0.53)`: mean, least and most of several seeds.

    Values that are not finite are left out, and that is said: `0.51 (0.48 to
    0.53; 2 of 3)`. A single value stands alone, `"-"` for none.
    """
    figures = np.asarray(values, float)
    finite = figures[np.isfinite(figures)]
    if not len(finite):
        return "-"
    if len(figures) == 1:
        return f"{figures[0]:{form}}"
    span = f"{finite.min():{form}} to {finite.max():{form}}"
    if len(finite) < len(values):
        span += f"; {len(finite)} of {len(values)}"
    return f"{finite.mean():{form}} ({span})"


def listed(
    numbers: Iterable[float], form: str = ".2f", separator: str = " "
) -> str:
    """Numbers of a format on one line: `0.19 0.09 0.05`."""
    return separator.join(f"{number:{form}}" for number in numbers)

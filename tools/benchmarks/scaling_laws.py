"""Laws with one or a few numbers in them, and what those are."""

import math


def exponents(settings, seconds):
    """Least squares on logarithms: seconds = c product of setting^exponent.

    Args:
        settings: List of dicts from the names of settings to numbers > 0.
        seconds: List of numbers > 0, one for each.

    Returns:
        Dict from name to exponent, and by which factor the law is off at most.
    """
    import numpy as np

    names = list(settings[0])
    rows = [[1, *(math.log(each[x]) for x in names)] for each in settings]
    logarithms = np.log(seconds)
    found, *_ = np.linalg.lstsq(np.array(rows), logarithms, rcond=None)
    off = np.abs(np.array(rows) @ found - logarithms).max()
    return dict(zip(names, found[1:].tolist(), strict=True)), math.exp(off)


def constant_and_slope(numbers, seconds):
    """Least squares: seconds = constant + slope number."""
    import numpy as np

    rows = np.stack([np.ones(len(numbers)), numbers], 1)
    found, *_ = np.linalg.lstsq(rows, np.array(seconds), rcond=None)
    return tuple(found.tolist())


def serial_share(speedup, replicas):
    """The share of a step that replicas do not divide (Amdahl 1967).

    In [0, 1]; 0 where they are faster than so many times.
    """
    return min(1.0, max(0.0, (replicas / speedup - 1) / (replicas - 1)))


def speedup(serial, replicas, faster=1.0):
    """Amdahl's law where what is divided is `faster` times as fast as it was.

    Beside one such replica.
    """
    rest = (1 - serial) / faster
    return (serial + rest) / (serial + rest / replicas)

"""Curves of several runs in one picture."""

import numpy as np


def colours(count):
    """Colours of curves in an order, dark to light.

    Args:
        count: Integer.

    Returns:
        List of tuples (red, green, blue, alpha).
    """
    from matplotlib import colormaps

    return [colormaps["viridis"](x) for x in np.linspace(0, 0.9, count)]


def band(axes, x, curves, colour, label):
    """Draws the mean over the first axis, least to most shaded.

    Args:
        axes: `matplotlib.axes.Axes`.
        x: Array `(points,)`.
        curves: Array `(runs, points)`.
        colour: Of matplotlib.
        label: String.
    """
    axes.plot(x, curves.mean(axis=0), color=colour, label=label)
    low, high = curves.min(axis=0), curves.max(axis=0)
    axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)

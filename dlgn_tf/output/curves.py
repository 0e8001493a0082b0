"""Curves of several runs in one picture."""

import numpy as np


def colours(count):
    """So many colours (red, green, blue, alpha), dark to light."""
    from matplotlib import colormaps

    return [colormaps["viridis"](x) for x in np.linspace(0, 0.9, count)]


def band(axes, x, curves, colour, label):
    """Draws the mean of curves `(runs, points)`, least to most shaded."""
    axes.plot(x, curves.mean(axis=0), color=colour, label=label)
    low, high = curves.min(axis=0), curves.max(axis=0)
    axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)

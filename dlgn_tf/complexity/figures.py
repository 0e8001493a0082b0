"""Bar charts of metrics by order, and the plane of predicted accuracies.

All functions return a `matplotlib.figure.Figure`. Orders are integers, from low
to high.
"""

import numpy as np

from dlgn_tf.output.folder import new_figure


def component_labels(orders):
    """What the component of each order lumps together: `1-4`, `5-7`, ..."""
    starts = [1, *(order + 1 for order in orders[:-1])]
    return [f"{a}-{b}" for a, b in zip(starts, orders, strict=True)]


def significance(shares, orders, title):
    """Shares of a feature's variance by order, with what remains.

    They are a dict from a label to an array `(draws, orders + 1)`: rho of each
    component, and the last of the remainder behind the highest order.
    """
    ticks = [*component_labels(orders), "remainder"]
    name = "share of the feature's variance"
    return _bars(1.5 * len(orders) + 5, title, ticks, {name: shares})


def reliability(shares, orders, title):
    """Reliable shares, `(draws, orders)`, of the components up to each order.

    As `significance`, but for what remains.
    """
    ticks = [f"up to {order}" for order in orders]
    name = "reliable share of the variance"
    return _bars(1.5 * len(orders) + 4, title, ticks, {name: shares})


def alphas(effective, overfit, orders, title):
    """Effectiveness and over-fitting by order, a panel each.

    Both are dicts from a label to an array `(draws, orders)`; where a number is
    not finite there is no bar.
    """
    shares = {"effectiveness": effective, "over-fitting": overfit}
    ticks = component_labels(orders)
    figure = _bars(2.2 * len(orders) + 5, title, ticks, shares)
    figure.axes[1].axhline(1, color="black", linewidth=0.8, linestyle="dotted")
    return figure


def _bars(width, title, ticks, panels):
    """Panels of groups of bars, side by side, over a width in inches.

    They are a dict from what is drawn to a dict from a label to an array
    `(draws, ticks)`; ticks are written below the groups.
    """
    figure = new_figure(width, 4.5)
    every_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (name, shares) in zip(every_axes, panels.items(), strict=True):
        _grouped_bars(axes, shares, ticks)
        axes.set_ylabel(name)
    first = next(iter(panels.values()))
    draws = max(len(np.atleast_2d(values)) for values in first.values())
    if draws > 1:
        title = f"{title}: mean and range of {draws} seeds"
    if len(panels) > 1:
        figure.suptitle(title)
    else:
        axes.set_title(title)
    return figure


def plane(fit, targets, title, label):
    """Targets, `(networks,)`, over two principal components, with a `Plane`."""
    figure = new_figure(7, 6)
    axes = figure.add_subplot(projection="3d")
    x, y = np.meshgrid(
        *(_around(fit.scores[:, axis]) for axis in (0, 1)), indexing="ij"
    )
    heights = fit.at(np.stack([x, y], axis=-1))
    axes.plot_surface(x, y, heights, alpha=0.3, color="tab:blue")
    axes.scatter(*fit.scores.T, targets, color="tab:red")
    for axis, name in enumerate("xy"):
        getattr(axes, f"set_{name}label")(
            f"component {axis + 1} ({fit.kept[axis]:.0%} of the variance)"
        )
    axes.set_zlabel(label)
    axes.set_title(f"{title}: R2 {fit.r2:.2f}")
    return figure


def _around(scores):
    """The ends of 1.2 times a range, as in the paper."""
    low, high = scores.min(), scores.max()
    middle, half = (low + high) / 2, 1.2 * (high - low) / 2
    return [middle - half, middle + half]


def _grouped_bars(axes, shares, ticks):
    """Means as bars, the range of the draws as a line on each."""
    places = np.arange(len(ticks))
    width = 0.8 / len(shares)
    for index, (label, values) in enumerate(shares.items()):
        finite = np.ma.masked_invalid(np.atleast_2d(values))
        # Where no draw is finite there is no bar.
        means, *ends = (
            of(axis=0).filled(0.0)
            for of in (finite.mean, finite.min, finite.max)
        )
        axes.bar(
            places + (index - (len(shares) - 1) / 2) * width,
            means,
            width,
            yerr=np.abs(ends - means) if len(finite) > 1 else None,
            capsize=2,
            label=label,
        )
    axes.set_xticks(places, ticks)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.grid(axis="y", alpha=0.3)
    axes.set_xlabel("nonlinear layers")
    if len(shares) > 1:
        axes.legend(fontsize=8)

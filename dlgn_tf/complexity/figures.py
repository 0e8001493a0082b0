"""Bar charts of metrics by order, and the plane of predicted accuracies."""

import numpy as np

from dlgn_tf.output.folder import new_figure


def component_labels(orders):
    """What the component of each order lumps together: `1-4`, `5-7`, ..."""
    starts = [1, *(order + 1 for order in orders[:-1])]
    return [f"{a}-{b}" for a, b in zip(starts, orders, strict=True)]


def significance(shares, orders, title):
    """Shares of a feature's variance by order, with what remains.

    Args:
        shares: Dict from a label to an array `(draws, orders + 1)`: rho of each
            component, and the last of the remainder behind the highest order.
        orders: Integers, from low to high.
        title: String.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = new_figure(1.5 * len(orders) + 5, 4.5)
    axes = figure.subplots()
    ticks = [*component_labels(orders), "remainder"]
    _grouped_bars(axes, shares, ticks)
    axes.set_ylabel("share of the feature's variance")
    axes.set_title(f"{title}{_spread_of(shares)}")
    return figure


def reliability(shares, orders, title):
    """Reliable shares of the sets of components up to each order.

    Args:
        shares: Dict from a label to an array `(draws, orders)`.
        orders: Integers, from low to high.
        title: String.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = new_figure(1.5 * len(orders) + 4, 4.5)
    axes = figure.subplots()
    _grouped_bars(axes, shares, [f"up to {order}" for order in orders])
    axes.set_ylabel("reliable share of the variance")
    axes.set_title(f"{title}{_spread_of(shares)}")
    return figure


def alphas(effective, overfit, orders, title):
    """Effectiveness and over-fitting by order, a panel each.

    Args:
        effective: Dict from a label to an array `(draws, orders)`.
        overfit: Dict of the same labels; where it is not finite there is no
            bar.
        orders: Integers, from low to high.
        title: String.

    Returns:
        `matplotlib.figure.Figure`.
    """
    figure = new_figure(2.2 * len(orders) + 5, 4.5)
    left, right = figure.subplots(1, 2)
    ticks = component_labels(orders)
    _grouped_bars(left, effective, ticks)
    left.set_ylabel("effectiveness")
    _grouped_bars(right, overfit, ticks)
    right.set_ylabel("over-fitting")
    right.axhline(1, color="black", linewidth=0.8, linestyle="dotted")
    figure.suptitle(f"{title}{_spread_of(effective)}")
    return figure


def plane(fit, targets, title, label):
    """Targets over two principal components, with the plane that is fitted.

    Args:
        fit: `dlgn_tf.complexity.prediction.Plane`.
        targets: Array `(networks,)`.
        title: String.
        label: String, what the targets are.

    Returns:
        `matplotlib.figure.Figure`.
    """
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


def _around(scores, factor=1.2, points=2):
    """Two points at the ends of 1.2 times a range, as in the paper."""
    low, high = scores.min(), scores.max()
    middle, half = (low + high) / 2, (high - low) / 2
    return np.linspace(middle - factor * half, middle + factor * half, points)


def _grouped_bars(axes, shares, ticks):
    """Means as bars, the range of the draws as a line on each."""
    places = np.arange(len(ticks))
    width = 0.8 / len(shares)
    for index, (label, values) in enumerate(shares.items()):
        values = np.atleast_2d(np.asarray(values, float))
        means = np.array([_finite_mean(column) for column in values.T])
        ranges = np.abs(_finite_range(values) - means)
        axes.bar(
            places + (index - (len(shares) - 1) / 2) * width,
            means,
            width,
            yerr=ranges if len(values) > 1 else None,
            capsize=2,
            label=label,
        )
    axes.set_xticks(places, ticks)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.grid(axis="y", alpha=0.3)
    axes.set_xlabel("nonlinear layers")
    if len(shares) > 1:
        axes.legend(fontsize=8)


def _finite_mean(values):
    finite = values[np.isfinite(values)]
    return finite.mean() if len(finite) else 0.0


def _finite_range(values):
    """Smallest and largest of each column, `(2, columns)`."""
    ranges = []
    for column in values.T:
        finite = column[np.isfinite(column)]
        ranges.append((finite.min(), finite.max()) if len(finite) else (0, 0))
    return np.array(ranges, float).T


def _spread_of(shares):
    draws = max(len(np.atleast_2d(values)) for values in shares.values())
    return f": mean and range of {draws} seeds" if draws > 1 else ""

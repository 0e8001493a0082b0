"""The prior of the active region, layer by layer, over a training."""

import numpy as np

from dlgn_tf.output.folder import new_figure
from dlgn_tf.splines import network_prior
from dlgn_tf.splines.drawings.output import Picture


def draw(networks, title, **nonlinearity):
    """Bars of pi_active for each layer and each state of a network.

    A bar is a mean over filters, its line their 5 % to 95 %.

    Args:
        networks: Dict from a label, such as `"step 0"`, to a functional
            `keras.Model`; all of one architecture.
        title: Of the picture.
        **nonlinearity: Of `network_prior.network_priors`. Defaults to ReLU.
    """
    found = {
        label: {
            name: prior[:, 1]
            for name, prior in network_prior.network_priors(
                network, **nonlinearity
            ).items()
        }
        for label, network in networks.items()
    }
    names = list(next(iter(found.values())))
    figure = new_figure(max(7.5, 2.5 + 0.9 * len(names)), 4.5)
    axes = figure.subplots()
    width = 0.8 / len(found)
    for index, (label, active) in enumerate(found.items()):
        at = np.arange(len(names)) + (index - (len(found) - 1) / 2) * width
        axes.bar(
            at, [active[name].mean() for name in names], width, label=label
        )
        ends = [np.quantile(active[name], (0.05, 0.95)) for name in names]
        lines = axes.vlines(
            at, *np.transpose(ends), color="black", linewidth=0.8
        )
    lines.set_label("5 to 95 % of filters")
    axes.axhline(0.5, color="black", linewidth=0.8)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_ylim(0, 1)
    axes.set_ylabel("prior of the active region, mean of filters")
    axes.set_title(title)
    figure.legend(loc="outside right center", fontsize=8)
    rows = [
        _row(label, name, active[name])
        for label, active in found.items()
        for name in names
    ]
    return Picture("region_prior", figure, rows)


def _row(label, name, active):
    low, middle, high = np.quantile(active, (0.05, 0.5, 0.95))
    return {
        "state": label,
        "layer": name,
        "filters": len(active),
        "mean": float(active.mean()),
        "quantile_0.05": low,
        "median": middle,
        "quantile_0.95": high,
    }

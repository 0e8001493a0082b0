"""The prior of the active region, layer by layer, over a training."""

import numpy as np

from dlgn_tf.splines import network_prior
from dlgn_tf.splines.drawings.output import Picture
from dlgn_tf.splines.drawings.output import new_figure


def draw(networks, title):
    """Bars of pi_active for each layer and each state of a network.

    Args:
        networks: Dict from a label, such as `"step 0"`, to a functional
            `keras.Model`; all of one architecture.
        title: String.

    Returns:
        `Picture`; a bar is a mean over filters, its line their 5 % to 95 %.
    """
    found = {
        label: network_prior.network_priors(network)
        for label, network in networks.items()
    }
    names = list(next(iter(found.values())))
    figure = new_figure(max(6, 1 + 0.9 * len(names)), 4.5)
    axes, rows = figure.subplots(), []
    width = 0.8 / len(found)
    for index, (label, priors) in enumerate(found.items()):
        active = [priors[name][:, 1] for name in names]
        rows += [_row(label, *item) for item in zip(names, active, strict=True)]
        means = np.array([layer.mean() for layer in active])
        spread = [np.quantile(layer, (0.05, 0.95)) for layer in active]
        # The mean of a skewed layer may lie outside.
        low_high = np.abs(
            np.clip(
                [
                    means - [s[0] for s in spread],
                    [s[1] for s in spread] - means,
                ],
                0,
                None,
            )
        )
        at = np.arange(len(names)) + (index - (len(found) - 1) / 2) * width
        axes.bar(
            at,
            means,
            width,
            yerr=low_high,
            label=label,
            capsize=2,
            error_kw={"elinewidth": 0.8},
        )
    axes.axhline(0.5, color="black", linewidth=0.8)
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right")
    axes.set_ylim(0, 1)
    axes.set_ylabel("prior of the active region")
    axes.legend(loc="lower right", fontsize=8)
    axes.set_title(title)
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

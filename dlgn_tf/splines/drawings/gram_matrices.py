"""Heat maps of the cosines between a layer's filters, and their histogram."""

import numpy as np

from dlgn_tf.output.folder import new_figure
from dlgn_tf.splines import gram, network_prior
from dlgn_tf.splines.drawings.output import Picture

_MOST_LAYERS = 4
# Cosines of exactly orthogonal filters are rounding.
_LEAST = 1e-9


def draw(networks, title):
    """A row for each layer: a heat map for each network, and a histogram.

    Of a network with many layers four are drawn, evenly spread; the numbers
    are those of all layers. Networks are a dict from a label to a dict from
    layer name to filters `(filters, inputs)`.
    """
    names = [
        name
        for name, rows in next(iter(networks.values())).items()
        if len(rows) > 1
    ]
    at = np.linspace(0, len(names) - 1, min(len(names), _MOST_LAYERS))
    drawn = [names[i] for i in at.round().astype(int)]
    columns = len(networks) + 1
    figure = new_figure(3 * columns + 1.5, 2.9 * len(drawn) + 0.5)
    axes = figure.subplots(len(drawn), columns, squeeze=False)
    for row, name in zip(axes, drawn, strict=True):
        _draw_layer(row, name, {k: v[name] for k, v in networks.items()})
    axes[0, -1].legend(fontsize=7, loc="upper left")
    figure.colorbar(axes[0, 0].images[0], ax=axes[:, :-1], shrink=0.5)
    figure.suptitle(title)
    rows = [
        _row(label, name, layers[name])
        for label, layers in networks.items()
        for name in names
    ]
    return Picture("gram", figure, rows)


def _draw_layer(axes, name, by_network):
    """A heat map for each network, and all their cosines in the last axes."""
    *maps, histogram = axes
    filters, inputs = next(iter(by_network.values())).shape
    maps[0].set_ylabel(f"{filters} filters of {inputs} inputs")
    for panel, (label, rows) in zip(maps, by_network.items(), strict=True):
        matrix = gram.cosines(rows)
        panel.imshow(matrix, vmin=0, vmax=1, cmap="magma")
        panel.set_xticks([])
        panel.set_yticks([])
        panel.set_title(f"{name}, {label}", fontsize=9)
        histogram.hist(
            np.maximum(gram.off_diagonal(matrix), _LEAST),
            bins=np.geomspace(_LEAST, 1, 50),
            histtype="step",
            label=label,
        )
    histogram.set_xscale("log")
    histogram.set_title("|cosines| off the diagonal", fontsize=9)


def filters_of(network):
    """Dict from layer name to filters, of a functional `keras.Model`.

    Apodised filters are those without window, which can be orthogonal.
    """
    found = network_prior.network_filters(network, windowed=False)
    return {name: rows for name, (rows, _) in found.items()}


def _row(label, name, rows):
    values = gram.off_diagonal(gram.cosines(rows))
    return {
        "state": label,
        "layer": name,
        "filters": rows.shape[0],
        "inputs": rows.shape[1],
        "can_be_orthogonal": rows.shape[0] <= rows.shape[1],
        "mean_cosine": float(values.mean()),
        "largest_cosine": float(values.max()),
    }

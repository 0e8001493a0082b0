"""How often the units of trained layers select what is jointly most likely."""

import numpy as np

from dlgn_tf.output.folder import new_figure
from dlgn_tf.splines.drawings.output import Picture

_TITLES = {1: "at one place", 2: "at two overlapping places"}


def draw(rows, title):
    """Bars of the mean over seeds for each layer and kind, dots for seeds.

    Args:
        rows: Of `joint_selection.study`, of several kinds and seeds.
        title: Of the picture.
    """
    kinds, layers, places = (
        list(dict.fromkeys(row[name] for row in rows))
        for name in ("kind", "layer", "places")
    )
    figure = new_figure(9, 3.8)
    width = 0.8 / len(kinds)
    panels = figure.subplots(1, len(places), sharey=True, squeeze=False)[0]
    for axes, count in zip(panels, places, strict=True):
        for index, kind in enumerate(kinds):
            at = np.arange(len(layers)) + (index - (len(kinds) - 1) / 2) * width
            found = [
                [
                    row["agreement"]
                    for row in rows
                    if (row["kind"], row["layer"], row["places"])
                    == (kind, layer, count)
                ]
                for layer in layers
            ]
            axes.bar(at, [np.mean(x) for x in found], width, label=kind)
            for x, values in zip(at, found, strict=True):
                axes.plot([x] * len(values), values, "k.", markersize=4)
        axes.set_xticks(range(len(layers)), layers)
        axes.set_title(f"units {_TITLES[count]}")
        axes.set_ylim(0, 1.03)
    panels[0].set_ylabel("share of patches")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize=8)
    figure.suptitle(title)
    return Picture("joint_selection", figure, rows)

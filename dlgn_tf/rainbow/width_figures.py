"""Drawings against the width of networks. Matplotlib is imported when needed.

Rows are those of `dlgn_tf.rainbow.widths`.

Source: arXiv 2305.18512, figures 2 to 4 and the one on resampling.
"""

from dlgn_tf.output.curves import colours
from dlgn_tf.output.folder import new_figure
from dlgn_tf.rainbow.comparison import grouped
from dlgn_tf.rainbow.figures import WAYS


def widths(summary, spectra, title):
    """Errors of alignment and covariances, spectra and accuracies.

    Of the rows of `widths.summary` and of `widths.spectrum_rows`.
    """
    figure = new_figure(10, 8)
    (aligned, shape), (spectrum, accuracy) = figure.subplots(2, 2)
    _by_layer(aligned, summary, "alignment error")
    _by_layer(shape, summary, "covariance error of the shape")
    _spectrum(spectrum, spectra)
    _accuracies(accuracy, summary)
    for axes in (aligned, shape, accuracy):
        axes.set_xscale("log", base=2)
        axes.set_xlabel("width (neurons of the first layer)")
        axes.set_ylim(bottom=0)
    for axes in (aligned, shape, spectrum, accuracy):
        axes.grid(alpha=0.3)
        if axes.get_legend_handles_labels()[1]:
            axes.legend(fontsize=6)
    figure.suptitle(title)
    return figure


def _by_layer(axes, summary, what):
    found = [row for row in summary if row["what"] == what]
    layers = grouped(found, "layer")
    for (layer,), colour in zip(layers, colours(len(layers)), strict=True):
        _line(axes, layers[layer,], colour, layer)
    axes.set_ylabel(what)


def _line(axes, rows, colour, label):
    axes.errorbar(
        [row["width"] for row in rows],
        [row["mean"] for row in rows],
        [row["std"] for row in rows],
        color=colour,
        marker="o",
        ms=3,
        capsize=2,
        label=label,
    )


def _spectrum(axes, spectra):
    """Draws spectra of what the last of the layers reads, by width."""
    layer = spectra[-1]["layer"]
    of_width = grouped(
        [row for row in spectra if row["layer"] == layer], "width"
    )
    for (width,), colour in zip(of_width, colours(len(of_width)), strict=True):
        rows = of_width[width,]
        axes.loglog(
            [row["rank"] for row in rows],
            [row["eigenvalue"] for row in rows],
            color=colour,
            label=f"width {width}",
        )
    axes.set_xlabel("rank")
    axes.set_ylabel(f"eigenvalue of what {layer} reads")


def _accuracies(axes, summary):
    prefix = "accuracy, "
    found = [row for row in summary if row["what"].startswith(prefix)]
    for (layers, what), rows in grouped(found, "layer", "what").items():
        way = what.removeprefix(prefix)
        drawn = "" if layers in ("none", "all") else f" ({layers})"
        colour = WAYS[way.removesuffix(", covariances of all")]
        _line(axes, rows, colour, f"{way}{drawn}")
    axes.set_ylabel("test accuracy")

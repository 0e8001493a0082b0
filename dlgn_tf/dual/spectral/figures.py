"""Drawings of errors and of what networks compute on the square.

Every function returns a `matplotlib.figure.Figure`; Matplotlib is imported to
draw. Points of curves are means over seeds, bars their standard errors.
"""

from dlgn_tf.output.folder import new_figure

COLOURS = {
    "dnn": "black",
    "dgn": "tab:blue",
    "dlgn": "tab:orange",
    "dlgn_sf": "tab:green",
}
_BIASES = {
    "drawn": "biases of gates drawn",
    "zero": "biases begin at 0",
    "none": "no biases",
}


def frequencies(summary, title):
    """Share unexplained against frequency, a panel for each kind of biases."""
    figure = new_figure(12, 4.2)
    panels = figure.subplots(1, len(_BIASES), sharey=True)
    for axes, (biases, words) in zip(panels, _BIASES.items(), strict=True):
        lines = [line for line in summary if line["biases"] == biases]
        _curves(axes, lines, "frequency")
        axes.set_title(words)
        axes.set_xlabel("frequency k")
        axes.set_xticks(sorted({line["frequency"] for line in lines}))
    panels[0].set_ylabel("share of variance unexplained")
    panels[0].legend()
    figure.suptitle(f"2 sin(πku) cos(πkv): {title}")
    return figure


def sizes(summary, frequency):
    """Share unexplained against depth, width, steepness and steps."""
    figure = new_figure(13, 4)
    panels = figure.subplots(1, 4, sharey=True)
    for axes, axis in zip(
        panels, ("depth", "width", "beta", "steps"), strict=True
    ):
        lines = [line for line in summary if line["axis"] == axis]
        _curves(axes, lines, "value")
        values = sorted({line["value"] for line in lines})
        axes.set_xscale("log")
        axes.set_xticks(values, [f"{value:g}" for value in values])
        axes.set_xticks([], minor=True)
        axes.set_xlabel(axis)
    panels[0].set_ylabel("share of variance unexplained")
    panels[0].legend()
    figure.suptitle(f"k = {frequency}, biases of gates drawn")
    return figure


def _curves(axes, lines, name):
    for family, colour in COLOURS.items():
        of_family = [line for line in lines if line["family"] == family]
        if not of_family:
            continue
        axes.errorbar(
            [line[name] for line in of_family],
            [float(line["mean"]) for line in of_family],
            [float(line["standard_error"]) for line in of_family],
            color=colour,
            marker="o",
            markersize=4,
            capsize=2,
            label=family,
        )
    axes.set_yscale("log")
    axes.axhline(1, color="grey", linestyle=":", linewidth=1)
    axes.grid(alpha=0.3)


def learned(target, by_network, frequency, title):
    """A target beside what networks computed after training.

    Args:
        target: Array `(side * side,)` on a grid of the square.
        by_network: Dict from a kind of biases and a family to such an array.
        frequency: Integer k.
        title: Of the picture.
    """
    families = list(dict.fromkeys(family for _, family in by_network))
    figure = new_figure(2.1 * (len(families) + 1), 6.6)
    grid = figure.subplots(len(_BIASES), len(families) + 1, squeeze=False)
    for row, (biases, words) in zip(grid, _BIASES.items(), strict=True):
        picture = _on_square(row[0], target)
        row[0].set_ylabel(words)
        for axes, family in zip(row[1:], families, strict=True):
            _on_square(axes, by_network[biases, family])
    for axes, name in zip(grid[0], ["target", *families], strict=True):
        axes.set_title(name)
    figure.colorbar(picture, ax=grid, shrink=0.5)
    figure.suptitle(f"k = {frequency}: {title}, seed 0")
    return figure


def built(rows, target, shown, frequency):
    """Errors of networks that are written down, and what they compute.

    Args:
        rows: Of `experiments.built`.
        target: Array `(side * side,)` on a grid of the square.
        shown: Dict from widths to such arrays.
        frequency: Integer k, of these.
    """
    figure = new_figure(13, 3.6)
    panels = figure.subplots(1, len(shown) + 2, width_ratios=[2, *[1] * 6])
    for k in sorted({row["frequency"] for row in rows}):
        of_it = [
            row
            for row in rows
            if (row["frequency"], row["family"]) == (k, "dlgn")
        ]
        widths = [row["width"] for row in of_it]
        measured = [float(row["share_unexplained"]) for row in of_it]
        (line,) = panels[0].loglog(widths, measured, "o", label=f"k = {k}")
        exact = [float(row["closed_form"]) for row in of_it]
        panels[0].loglog(widths, exact, color=line.get_color())
    panels[0].set_xlabel("width")
    panels[0].set_ylabel("share unexplained")
    panels[0].legend()
    panels[0].grid(alpha=0.3)
    _on_square(panels[1], target).axes.set_title(f"target, k = {frequency}")
    for axes, (width, values) in zip(panels[2:], shown.items(), strict=True):
        _on_square(axes, values)
        axes.set_title(f"width {width}")
    figure.suptitle("DLGN with written weights (lines: closed form)")
    return figure


def _on_square(axes, values, most=2.0):
    side = round(len(values) ** 0.5)
    # u to the right and v upwards.
    picture = axes.imshow(
        values.reshape(side, side).T,
        origin="lower",
        extent=(-1, 1, -1, 1),
        cmap="RdBu",
        vmin=-most,
        vmax=most,
    )
    axes.set_xticks([])
    axes.set_yticks([])
    return picture

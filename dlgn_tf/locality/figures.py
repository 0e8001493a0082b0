"""Drawings of the experiments. Matplotlib is imported when one is made.

Every function here returns a `matplotlib.figure.Figure`.
"""

import numpy as np

from dlgn_tf.output.curves import band, colours
from dlgn_tf.output.folder import new_figure

KINDS = ("gates", "values", "outputs")
# Of gated networks, drawn with the values after training.
_SOURCES = {
    "values_of_gates": ("tab:orange", "after, inputs silenced"),
    "values_of_inputs": ("tab:green", "after, gates of other inputs"),
}


def selectivity(steps, curves, best, title):
    """Selectivity of every level over training, and accuracy.

    Args:
        steps: Array `(measurements,)`.
        curves: Array `(seeds, measurements, levels)`.
        best: Dict of `"accuracy"` `(seeds, measurements)` and `"possible"`,
            the mean of the best possible accuracy, or None.
        title: Of the picture.
    """
    figure = new_figure(11, 4.5)
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    levels = curves.shape[2]
    for level, colour in enumerate(colours(levels)):
        label = f"level {level + 1}"
        label += " (leaves' parents)" if level == 0 else ""
        label += " (root)" if level == levels - 1 else ""
        band(left, steps, curves[:, :, level], colour, label)
    left.set_ylabel("selectivity, max |corr(node, event)|")
    left.set_ylim(0, 1)
    left.legend(loc="lower right")
    band(right, steps, best["accuracy"], "black", "student")
    if best["possible"]:
        right.axhline(
            best["possible"], color="grey", linestyle=":", label="best possible"
        )
    right.set_ylabel("test accuracy")
    right.legend(loc="lower right")
    for axes in (left, right):
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
    figure.suptitle(f"{title}: mean and range of {len(curves)} seeds")
    return figure


def correlations(before, after, title):
    """|corr| of nodes and events of the same regions, level by level.

    Before and after training, lists by level of arrays `(regions * events,
    nodes)`.
    """
    heights = [max(len(table), 3) for table in before]
    figure = new_figure(9, 2 + sum(heights) / 9)
    grid = figure.subplots(
        len(before), 2, height_ratios=heights[::-1], squeeze=False
    )
    for column, tables in enumerate((before, after)):
        for level, table in enumerate(tables):
            axes = grid[len(tables) - 1 - level, column]
            picture = axes.imshow(
                np.abs(table), vmin=0, vmax=1, aspect="auto", cmap="magma"
            )
            axes.set_yticks([])
            axes.set_xticks([])
            axes.set_ylabel(f"level {level + 1}")
    grid[0, 0].set_title("before training")
    grid[0, 1].set_title("after training")
    for axes in grid[-1]:
        axes.set_xlabel("nodes of the region, a row an event")
    figure.colorbar(picture, ax=grid, shrink=0.6)
    figure.suptitle(f"{title}: |correlation|")
    return figure


def families(by_family, title):
    """Selectivity of gates, values and their products, family by family.

    The values of gated networks also with one of their sources silenced, see
    `dlgn_tf.locality.responses.Responses`. Of each family a dict from a kind to
    an array `(seeds, 2, levels)`, before and after training.
    """
    figure = new_figure(11, 3 * len(by_family))
    grid = figure.subplots(
        len(by_family), len(KINDS), sharex=True, sharey=True, squeeze=False
    )
    for row, (family, kinds) in zip(grid, by_family.items(), strict=True):
        for axes, kind in zip(row, KINDS, strict=True):
            levels = np.arange(1, kinds[kind].shape[2] + 1)
            for moment, colour in ((0, "grey"), (1, "tab:blue")):
                band(
                    axes,
                    levels,
                    kinds[kind][:, moment],
                    colour,
                    ("before", "after")[moment],
                )
            for source, (colour, label) in _SOURCES.items():
                if kind == "values" and source in kinds:
                    band(axes, levels, kinds[source][:, 1], colour, label)
            axes.set_title(f"{family}: {kind}")
            axes.set_xticks(levels)
            axes.grid(alpha=0.3)
    for axes in grid[-1]:
        axes.set_xlabel("level, leaves to root")
    for axes in grid[:, 0]:
        axes.set_ylabel("selectivity")
    grid[0, 0].set_ylim(0, 1)
    grid[0, 0].legend(loc="lower left")
    grid[-1, 1].legend(loc="lower left")
    seeds = len(next(iter(by_family.values()))["gates"])
    figure.suptitle(f"{title}: mean and range of {seeds} seeds")
    return figure


def energies(histories, title):
    """Energy of each node over training, and E[f g], of `EnergyHistory`s."""
    figure = new_figure(11, 7)
    grid = figure.subplots(2, len(histories), sharex=True, sharey="row")
    for column, (label, history) in enumerate(histories.items()):
        top, bottom = grid[:, column]
        top.plot(history.energies / history.energies[0], linewidth=0.8)
        top.set_title(label)
        bottom.semilogy(
            np.maximum(np.abs(history.products).max(axis=1), 1e-18),
            color="black",
        )
        bottom.set_xlabel("step")
        for axes in (top, bottom):
            axes.grid(alpha=0.3)
    grid[0, 0].set_ylabel("energy of a node / its first")
    grid[1, 0].set_ylabel("largest |E[f g]|")
    figure.suptitle(title)
    return figure


def lossy(codes, by_graph, title):
    """Gap and violated conditions against the events of the middle regions.

    Codes are pairs of integers: events of pairs and of regions of four. Of each
    graph a `Lossy`.
    """
    figure = new_figure(5.5 * len(by_graph), 4.5)
    row = figure.subplots(1, len(by_graph), sharey=True, squeeze=False)[0]
    for axes, (graph, each) in zip(row, by_graph.items(), strict=True):
        lines = {"gap of the update": each.gaps, **each.violations}
        for name, values in lines.items():
            thick = 2.5 if values is each.gaps else 1
            axes.plot(
                range(len(codes)),
                values.mean(axis=0),
                marker="o",
                linewidth=thick,
                label=name.replace("_", " "),
            )
        axes.set_xticks(range(len(codes)), [f"{a}, {b}" for a, b in codes])
        axes.set_xlabel("events of a pair, of a region of four pixels")
        axes.set_title(graph)
        axes.grid(alpha=0.3)
    row[0].legend(fontsize=8)
    figure.suptitle(f"{title}: mean of {len(each.gaps)} teachers")
    return figure


def linear(circles, trees):
    """Losses of constructed ReLU layers and of the best affine maps.

    Dicts from rows, and from pixels, to `(relu, affine)`.
    """
    figure = new_figure(11, 4.5)
    row = figure.subplots(1, 2)
    titles = ("rows on a circle", "AND tree"), ("rows", "binary pixels")
    for axes, losses, title, label in zip(
        row, (circles, trees), *titles, strict=True
    ):
        for column, name in enumerate(("ReLU", "affine")):
            values = [max(each[column], 1e-32) for each in losses.values()]
            axes.semilogy(list(losses), values, marker="o", label=name)
        axes.set_title(title)
        axes.set_xlabel(label)
        axes.grid(alpha=0.3)
    row[0].set_ylabel("|F - I|^2 (1e-32: exactly 0)")
    row[0].legend()
    return figure


def separability(histories, title):
    """Largest weight outside of the sets over training.

    Of each label an array `(draws, steps + 1)`.
    """
    figure = new_figure(7, 5)
    axes = figure.subplots()
    for (label, curves), colour in zip(
        histories.items(), ("tab:blue", "tab:red"), strict=True
    ):
        for curve in curves:
            axes.semilogy(np.maximum(curve, 1e-18), color=colour, alpha=0.5)
        axes.plot([], [], color=colour, label=label)
    axes.set_xlabel("step")
    axes.set_ylabel("largest weight outside of the sets")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def specialization(by_multiple, title):
    """Mean best correlation by layer over training, a panel a width.

    Of each multiple of the teacher's width a list of `Specialization`, one per
    seed.
    """
    panels = {
        f"{multiple} x the teacher's width": [run.means() for run in runs]
        for multiple, runs in by_multiple.items()
    }
    figure, row, seeds = _over_training(panels, 3.2, "layer", band)
    row[0].set_ylabel("mean best correlation")
    row[0].legend(loc="lower right")
    figure.suptitle(f"{title}: mean and range of {seeds} seeds")
    return figure


def strength(by_decay, title):
    """Best correlation of each teacher node over training, a panel a decay.

    Of each decay an array `(seeds, epochs + 1, nodes)`, node 1 the strongest.
    """

    def mean(axes, epochs, curves, colour, label):
        axes.plot(epochs, curves.mean(axis=0), color=colour, label=label)

    panels = {f"strength 1 / i^{p:g}": best for p, best in by_decay.items()}
    figure, row, seeds = _over_training(panels, 2.6, "node", mean)
    row[0].set_ylabel("best correlation")
    row[-1].legend(fontsize=6, loc="lower right")
    figure.suptitle(f"{title}: mean of {seeds} seeds")
    return figure


def _over_training(panels, width, what, draw):
    """A figure, its row of panels, and the number of seeds.

    By title of a panel an array `(seeds, epochs + 1, curves)`; `draw` is called
    as `band` is.
    """
    figure = new_figure(width * len(panels), 4)
    row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, curves) in zip(row, panels.items(), strict=True):
        curves = np.asarray(curves)
        epochs = np.arange(curves.shape[1])
        for k, colour in enumerate(colours(curves.shape[2])):
            draw(axes, epochs, curves[:, :, k], colour, f"{what} {k + 1}")
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.grid(alpha=0.3)
    row[0].set_ylim(0, 1.02)
    return figure, row, len(curves)


def overfitting(curves):
    """Weights of irrelevant events, and accuracies, against samples.

    By labels an array `(counts, 4)`: samples, share of weight, accuracy on
    them, on fresh ones.
    """
    figure = new_figure(11, 4.5)
    left, right = figure.subplots(1, 2)
    pairs = zip(curves.items(), ("tab:blue", "tab:red"), strict=True)
    for (labels, points), colour in pairs:
        counts, shares, on_sample, fresh = points.T
        name = f"{labels} labels"
        left.loglog(counts, shares, marker="o", color=colour, label=name)
        style = {"marker": "o", "color": colour}
        right.semilogx(counts, on_sample, label=f"{name}, samples", **style)
        right.semilogx(
            counts, fresh, label=f"{name}, others", linestyle=":", **style
        )
    counts, shares = curves["true"][:, :2].T
    slope = shares[-1] * np.sqrt(counts[-1] / counts)
    left.loglog(counts, slope, color="grey", linestyle=":", label="n^(-1/2)")
    left.set_ylabel("irrelevant weight / relevant weight")
    right.set_ylabel("accuracy")
    for axes in (left, right):
        axes.set_xlabel("samples")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    return figure

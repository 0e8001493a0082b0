"""Drawings of what is measured. Matplotlib is imported when one is made.

Every public function returns a `matplotlib.figure.Figure`. Rows are those of
`dlgn_tf.rainbow.comparison` and `accuracies`. They show what figures 2 to 10 of
arXiv 2305.18512 do; those against the width are in `width_figures`.
"""

import numpy as np

from dlgn_tf.output.curves import band, colours
from dlgn_tf.output.folder import new_figure
from dlgn_tf.rainbow import spectra
from dlgn_tf.rainbow.accuracies import NEW_HEAD
from dlgn_tf.rainbow.comparison import grouped

_COLUMNS = 4
# Histograms of whitened weights: ranks from 1.
_SHOWN_RANKS = (1, 2, 11, 101)
# With the classifier as it is drawn, and with a new head.
_WAYS = {
    "trained": ("black", "dimgrey"),
    "resampled": ("tab:blue", "tab:cyan"),
    "not aligned": ("tab:red", "tab:pink"),
    "white": ("tab:brown", "tab:orange"),
    "drawn jointly": ("tab:green", "tab:olive"),
    "trained rows": ("tab:purple", "plum"),
    "trained rows, jointly": ("darkgreen", "limegreen"),
}
WAYS = {
    f"{way}{head}": colour
    for way, both in _WAYS.items()
    for head, colour in zip(("", NEW_HEAD), both, strict=True)
}
_BASES = {
    "weights": "tab:blue",
    "own weights": "tab:cyan",
    "activations": "tab:orange",
    "random": "grey",
}


def alignment(rows, reference, title):
    """Error of activations aligned to `reference`, by layer, of every run."""
    figure = new_figure(9, 4.5)
    left, right = figure.subplots(1, 2)
    for axes, column, control, name in (
        (left, "relative_error", "error_unaligned", "raw"),
        (right, "explained", "explained_untrained", "untrained"),
    ):
        for (run,), of_run in grouped(rows, "run").items():
            labels = [row["layer"] for row in of_run]
            axes.plot(labels, [r[column] for r in of_run], "o-", label=run)
        known = [(r["layer"], r[control]) for r in rows if r[control] != ""]
        if known:
            x, values = zip(*known, strict=True)
            axes.plot(x, values, "x", color="grey", label=name)
    left.set_ylabel("relative squared error")
    left.set_ylim(bottom=0)
    right.set_ylabel("explained fraction")
    for axes in (left, right):
        axes.tick_params(axis="x", labelrotation=60)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    figure.suptitle(f"What layers read, aligned to {reference}: {title}")
    return figure


def activation_spectra(rows, fits, title):
    """Eigenvalues of activations with their power laws."""
    figure, panels = _panels(rows, title)
    for label, axes in panels.items():
        values = _values(rows, label, "activations")
        ranks = np.arange(1, len(values) + 1)
        axes.loglog(ranks, values, color="black")
        for fit in _of(fits, label, "activations"):
            slope = fit["slope"]
            through = ranks[: fit["ranks"]]
            line = values[0] * through.astype(float) ** slope
            axes.loglog(through, line, "--", label=f"slope {slope:.2f}")
            axes.legend(fontsize=7)
    return figure


def weight_spectra(rows, fits, title):
    """Eigenvalues of weights, of one network, of all, and at the start."""
    figure, panels = _panels(rows, title)
    for label, axes in panels.items():
        for what, style in (
            ("weights", {"color": "tab:blue"}),
            ("weights of one", {"color": "tab:cyan"}),
            ("initial weights", {"color": "grey", "linestyle": ":"}),
        ):
            values = _values(rows, label, what)
            name = what
            for fit in _of(fits, label, what):
                name += f", e-fold {-1 / fit['slope']:.0f} ranks"
            axes.semilogy(
                range(1, len(values) + 1), values, **style, label=name
            )
        axes.legend(fontsize=6)
    return figure


def convergence(rows, title):
    """Error of covariances against the number of networks."""
    figure = new_figure(6, 4.5)
    axes = figure.subplots()
    for (label,), of_layer in grouped(rows, "layer").items():
        x = [row["networks"] for row in of_layer]
        errors = np.array([row["error"] for row in of_layer])
        low = errors - [row["least"] for row in of_layer]
        high = [row["most"] for row in of_layer] - errors
        axes.errorbar(x, errors, (low, high), marker="o", label=label)
    axes.set_xlabel("networks")
    axes.set_xticks(sorted({row["networks"] for row in rows}))
    axes.set_ylabel(f"operator norm error to others ({rows[0]['others']})")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7)
    figure.suptitle(title)
    return figure


def marchenko_pastur(weights, white, title):
    """Densities of eigenvalues before and after whitening, and the law.

    Weights, and white ones, are dicts from label to a list of arrays
    `(neurons, dimension)`.
    """
    figure = new_figure(8, 2.6 * len(white))
    grid = figure.subplots(len(white), 2, squeeze=False)
    for row, label in zip(grid, white, strict=True):
        for axes, arrays, what in zip(
            row,
            (weights[label], white[label]),
            ("trained", "whitened"),
            strict=True,
        ):
            _bulk(axes, arrays)
            axes.set_title(f"{label}, {what}", fontsize=9)
    figure.suptitle(title)
    return figure


def _bulk(axes, arrays):
    """A histogram, and the law of each number of neurons and dimensions."""
    eigenvalues, ratios = [], set()
    for array in arrays:
        neurons, dimension = array.shape
        ratios.add(dimension / neurons)
        values = spectra.eigen(array.T @ array)[0]
        eigenvalues.append((values / values.mean())[: min(neurons, dimension)])
    edges = {ratio: spectra.marchenko_pastur_edges(ratio) for ratio in ratios}
    eigenvalues = np.concatenate(eigenvalues)
    top = max(
        1.5 * max(high for _, high in edges.values()),
        np.quantile(eigenvalues, 0.95),
    )
    eigenvalues = np.clip(eigenvalues, 0, top)
    axes.hist(eigenvalues, 60, range=(0, top), density=True, color="lightgrey")
    for ratio, (low, high) in sorted(edges.items()):
        x = np.linspace(low, high, 300)[1:-1]
        density = spectra.marchenko_pastur_density(x, ratio)
        axes.plot(x, density, color="tab:red")
    axes.set_xlabel("eigenvalue (the last bin: and above)", fontsize=7)


def gaussianity(white, title):
    """Histograms of whitened weights along some directions."""
    figure = new_figure(10, 2.4 * len(white))
    grid = figure.subplots(len(white), len(_SHOWN_RANKS), squeeze=False)
    x = np.linspace(-4, 4, 200)
    for row, (label, arrays) in zip(grid, white.items(), strict=True):
        for axes, rank in zip(row, _SHOWN_RANKS, strict=True):
            if rank > arrays[0].shape[1]:
                axes.set_axis_off()
                continue
            column = np.concatenate(
                [a[:, rank - 1] / np.std(a[:, rank - 1]) for a in arrays]
            )
            axes.hist(
                column, 40, range=(-4, 4), density=True, color="lightgrey"
            )
            axes.plot(x, np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), "tab:red")
            axes.set_title(f"{label}, rank {rank}", fontsize=8)
    figure.suptitle(f"Whitened weights, {title}")
    return figure


def clipping(rows, title):
    """Accuracy and explained variance against the rank of a layer."""
    figure, pairs = _pairs(rows, ("accuracy", "explained"))
    for pair, here in pairs:
        for (basis,), of_basis in grouped(here, "basis").items():
            for axes in pair:
                ranks, curves = _by_rank(of_basis, axes.get_ylabel())
                band(axes, ranks, curves, _BASES[basis], basis)
        for axes in pair:
            axes.set_xlabel(f"rank of {here[0]['dimension']}")
            axes.grid(alpha=0.3)
        pair[0].legend(fontsize=7)
    figure.suptitle(f"One layer projected: {title}, mean and range")
    return figure


def _pairs(rows, columns):
    """A figure, and for each layer its two panels and its rows."""
    by_layer = grouped(rows, "layer")
    figure = new_figure(8, 3 * len(by_layer))
    grid = figure.subplots(len(by_layer), 2, squeeze=False)
    for pair, (label,) in zip(grid, by_layer, strict=True):
        for axes, column in zip(pair, columns, strict=True):
            axes.set_title(label, fontsize=9)
            axes.set_xscale("log")
            axes.set_ylabel(column)
    return figure, zip(grid, by_layer.values(), strict=True)


def _by_rank(rows, column):
    """Ranks, and an array `(runs, ranks)`."""
    curves = grouped(rows, "run").values()
    ranks = [row["rank"] for row in next(iter(curves))]
    shared = [c for c in curves if [row["rank"] for row in c] == ranks]
    return ranks, np.array([[row[column] for row in c] for c in shared])


def resampling(rows, published, title):
    """Accuracy of networks that were drawn, each a dot.

    What was published, a dict from ways to accuracies or None, is dotted.
    """
    groups = grouped(rows, "layers", "covariances", "way")
    figure = new_figure(8, 1 + 0.25 * len(groups))
    axes = figure.subplots()
    names = []
    for y, ((layers, source, way), of_way) in enumerate(groups.items()):
        values = [row["accuracy"] for row in of_way]
        axes.plot(values, [y] * len(values), "o", color=WAYS[way], ms=4)
        axes.plot([np.mean(values)], [y], "|", color=WAYS[way], ms=14)
        drawn = "" if layers == "none" else f" ({layers}, {source})"
        names.append(f"{way}{drawn}")
    for way, value in published.items():
        if value:
            axes.axvline(value, color=WAYS[way], linestyle=":")
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.invert_yaxis()
    dotted = " (dotted: published)" if any(published.values()) else ""
    axes.set_xlabel(f"test accuracy{dotted}")
    axes.grid(alpha=0.3, axis="x")
    figure.suptitle(title)
    return figure


def dynamics(rows, title):
    """Amplification and cosine along final eigenvectors, over training."""
    figure, pairs = _pairs(rows, ("amplification", "cosine"))
    for pair, here in pairs:
        steps = grouped(here, "step")
        for (step,), colour in zip(steps, colours(len(steps)), strict=True):
            at_step = steps[step,]
            x = [row["direction"] for row in at_step]
            for axes in pair:
                values = [row[axes.get_ylabel()] for row in at_step]
                axes.plot(x, values, color=colour, label=f"step {step}")
        for axes in pair:
            axes.set_xlabel("direction")
        pair[0].legend(fontsize=6)
    run = rows[0]["run"]
    figure.suptitle(f"Weights along their final eigenvectors, {run}: {title}")
    return figure


def _panels(rows, title):
    """A figure with a panel a layer; dict from label to axes."""
    labels = [label for (label,) in grouped(rows, "layer")]
    columns = min(len(labels), _COLUMNS)
    height = -(-len(labels) // columns)
    figure = new_figure(3.2 * columns, 2.8 * height + 0.4)
    grid = figure.subplots(height, columns, squeeze=False).ravel()
    for axes in grid[len(labels) :]:
        axes.set_axis_off()
    panels = dict(zip(labels, grid, strict=False))
    for label, axes in panels.items():
        axes.set_title(label, fontsize=9)
        axes.set_xlabel("rank")
    figure.suptitle(title)
    return figure, panels


def _values(rows, label, what):
    return np.array([r["eigenvalue"] for r in _of(rows, label, what)])


def _of(rows, label, what):
    return [r for r in rows if (r["layer"], r["what"]) == (label, what)]

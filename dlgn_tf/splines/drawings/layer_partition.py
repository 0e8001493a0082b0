"""The cells of a small network's layers in the plane, hard and soft."""

import numpy as np

from dlgn_tf.output.folder import new_figure
from dlgn_tf.splines import plane_network, selection
from dlgn_tf.splines.drawings import plane
from dlgn_tf.splines.drawings.output import Picture

BETAS = (0.5, 0.9)


def draw(name, seed):
    """Cells of the first layer and of both, and how sure a soft choice is.

    For the name see `plane_network.points`.
    """
    x, labels = plane_network.points(name, seed)
    grid = plane.Grid(plane_network.EXTENT)
    figure, rows = new_figure(13.5, 10), []
    axes = figure.subplots(
        len(plane_network.ACTIVATIONS), 2 + len(BETAS), squeeze=False
    )
    for row, activation in zip(axes, plane_network.ACTIVATIONS, strict=True):
        network = plane_network.fit(x, labels, activation, seed)
        masos = plane_network.hidden_layers(network)
        logits = network.predict(grid.points, verbose=0, batch_size=10_000)
        right = network.predict(x, verbose=0)[:, 0] > 0
        numbers = {
            "data": name,
            "activation": activation,
            "accuracy": float(np.mean(right == labels)),
        }
        rows += _draw_cells(row[:2], grid, masos, numbers)
        rows += _draw_entropies(row[2:], grid, masos, numbers)
        for panel in row:
            _draw_data(panel, grid, x, labels, logits)
        row[0].set_ylabel(f"{activation}, accuracy {numbers['accuracy']:.0%}")
    figure.colorbar(
        axes[0, -1].images[0], ax=axes[:, -1], shrink=0.4, label="nats a unit"
    )
    figure.suptitle(f"two hidden layers of 8 units on {name}")
    return Picture(f"layer_partition_{name}", figure, rows)


def _draw_cells(axes, grid, masos, numbers):
    chosen = [
        np.argmax(weights, axis=-1)
        for weights in plane_network.selections(masos, grid.points)
    ]
    rows = []
    for panel, layers in zip(axes, (1, 2), strict=True):
        regions = np.concatenate(chosen[:layers], axis=1)
        cells, shares = plane.cell_numbers(regions)
        grid.show(panel, plane.cell_colors(cells), cmap="Pastel1")
        grid.borders(panel, cells, colors=["#555555"])
        what = "first layer" if layers == 1 else "both layers"
        panel.set_title(f"{what}: {len(shares)} cells", fontsize=10)
        rows.append(numbers | _row(what, 1.0, 0.0, len(shares), shares[0]))
    return rows


def _draw_entropies(axes, grid, masos, numbers):
    rows = []
    for panel, beta in zip(axes, BETAS, strict=True):
        weights = plane_network.selections(masos, grid.points, beta)
        values = selection.entropy(np.concatenate(weights, axis=1)).mean(axis=1)
        grid.show(panel, values, vmin=0, vmax=np.log(2), cmap="magma")
        panel.set_title(f"entropy, both layers, β = {beta}", fontsize=10)
        rows.append(numbers | _row("both layers", beta, float(values.mean())))
    return rows


def _row(layers, beta, entropy, cells="", largest=""):
    return {
        "layers": layers,
        "beta": beta,
        "cells": cells,
        "largest_cell": largest,
        "mean_entropy": entropy,
    }


def _draw_data(axes, grid, x, labels, logits):
    at = np.linspace(-grid.extent, grid.extent, grid.resolution)
    axes.contour(at, at, grid.image(logits), [0], colors=["#00aa88"])
    for label, color in enumerate(("tab:blue", "tab:red")):
        axes.plot(*x[labels == label].T, ".", color=color, markersize=2)

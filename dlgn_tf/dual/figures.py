"""Drawings of kernels. Matplotlib is imported when one is made."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.dual import kernel_learning
from dlgn_tf.output.folder import new_figure

# A picture shows no more images than this on a side.
_MOST_DRAWN = 1000


def heat_map(
    kernel: Array,
    labels: Array,
    classes: int,
    title: str,
    names: Sequence[str] | None = None,
) -> Any:
    """A kernel's cosines with images ordered by class, and their block means.

    Of more than 1,000 images every k-th is drawn; the means are of all.
    `names` are of the classes, by default their numbers.
    """
    cosines = kernel_learning.normalized(kernel)
    means = kernel_learning.class_block_means(cosines, labels, classes)
    order = np.argsort(labels, kind="stable")
    order = order[:: -(-len(order) // _MOST_DRAWN)]
    ordered = np.asarray(labels)[order]

    figure = new_figure(11, 5)
    left, right = figure.subplots(1, 2)
    drawn = cosines[np.ix_(order, order)]
    off_diagonal = drawn[~np.eye(len(drawn), dtype=bool)]
    # Else the 1s of the diagonal take half of the colours.
    most = np.quantile(off_diagonal, 0.995) if off_diagonal.size else None
    picture = left.imshow(drawn, vmax=most)
    figure.colorbar(picture, ax=left, shrink=0.7, extend="max")
    starts = np.searchsorted(ordered, np.arange(classes + 1))
    for border in starts[1:-1]:
        for line in (left.axhline, left.axvline):
            line(border - 0.5, color="white", linewidth=0.4)
    # The names of many classes would cover each other.
    shown = range(0, classes, -(-classes // 20))
    turn = 90 if names else 0
    names = [names[c] if names else str(c) for c in shown]
    middles = [(starts[c] + starts[c + 1] - 1) / 2 for c in shown]
    for axes, places in ((left, middles), (right, shown)):
        # Words side by side would cover each other.
        axes.set_xticks(places, names, rotation=turn)
        axes.set_yticks(places, names)
    left.set_title("images ordered by class")
    picture = right.imshow(means)
    figure.colorbar(picture, ax=right, shrink=0.7)
    right.set_title("means over pairs of two classes")
    figure.suptitle(f"{title}: cosines of neural path features")
    return figure


def spectrum(spectra, title):
    """Eigenvalues of `Spectrum`s by label against their index, logarithmic."""
    figure = new_figure(7, 5)
    axes = figure.subplots()
    for label, each in spectra.items():
        shown = each.eigenvalues[each.eigenvalues > 0]
        axes.loglog(
            np.arange(1, len(shown) + 1),
            shown,
            label=f"{label}, effective rank {each.effective_rank:.1f}",
        )
    axes.set_xlabel("index")
    axes.set_ylabel("eigenvalue / trace")
    axes.set_title(f"{title}: neural path kernel")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def layers(rows, title):
    """Accuracies against the number of layers: `layer_kernels.regressions`.

    A curve for each kind of gates and of combination, which begin at the same
    one layer.
    """
    figure = new_figure(7, 5)
    axes = figure.subplots()
    for gates in dict.fromkeys(row["gates"] for row in rows):
        for combination, line in (("product", "-"), ("sum", "--")):
            shown = [
                (row["layers"], row["regression_accuracy"])
                for row in rows
                if row["gates"] == gates
                and (row["combination"] == combination or row["layers"] == 1)
            ]
            colour = "C0" if gates == "trained" else "C1"
            label = f"{gates} gates, {combination}"
            axes.plot(
                *zip(*shown, strict=True), f"{colour}{line}o", label=label
            )
    axes.set_xticks(sorted({row["layers"] for row in rows}))
    axes.set_xlabel("gate layers")
    axes.set_ylabel("test accuracy of ridge regression")
    axes.set_title(title)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def path_kernels(rows, title):
    """How the path kernel learns: `over_training.path_kernels`, drawn."""
    return _curves(
        rows,
        title,
        [
            ("test accuracy", ["network_accuracy", "regression_accuracy"]),
            (r"$y^T (H / \mathrm{tr}\,H)^{-1} y$", ["label_alignment"]),
            (
                "kernel-target alignment",
                ["target_alignment", "centered_target_alignment"],
            ),
            ("distance from the last kernel", ["distance_from_last"]),
        ],
    )


def tangent_kernels(rows, title):
    """The parts of the NTK: `over_training.tangent_kernels`, drawn."""
    # Parts that are 0 throughout have no place on a logarithmic axis.
    parts = [
        part
        for part in ("value", "gating", "total")
        if any(row[f"{part}_trace"] > 0 for row in rows)
    ]
    return _curves(
        rows,
        title,
        [
            ("trace", [f"{part}_trace" for part in parts]),
            ("Frobenius norm", [f"{part}_norm" for part in parts]),
        ],
        scale="log",
    )


def _curves(rows, title, panels, scale="linear"):
    """Panels `(label, names)` of curves of rows against the step."""
    height = -(-len(panels) // 2)
    figure = new_figure(10, 4 * height)
    axes = figure.subplots(height, 2, squeeze=False, sharex=True)
    steps = [row["step"] for row in rows]
    for panel, (label, names) in zip(axes.flat, panels, strict=True):
        for name in names:
            values = [row[name] for row in rows]
            curve = name.replace("_", " ")
            panel.plot(steps, values, marker="o", markersize=3, label=curve)
        panel.set_ylabel(label)
        panel.set_yscale(scale)
        panel.grid(alpha=0.3)
        if len(names) > 1:
            panel.legend()
    for panel in axes[-1]:
        panel.set_xlabel("step")
    figure.suptitle(title)
    return figure

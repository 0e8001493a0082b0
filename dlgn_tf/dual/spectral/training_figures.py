"""Drawings of spectra and eigenfunctions over a training.

Every function returns a `matplotlib.figure.Figure`; Matplotlib is imported to
draw.
"""

import numpy as np

from dlgn_tf.output.curves import colours
from dlgn_tf.output.folder import new_figure

_SHOWN = 6
_MOST_BAND = 8


def spectra(rows, frequency):
    """Power by band of functions and gates, a curve a step, means over seeds.

    Args:
        rows: Of `experiments.training`, of one frequency.
        frequency: Integer k, of the target.
    """
    families = list(dict.fromkeys(row["family"] for row in rows))
    figure = new_figure(3.2 * len(families), 6)
    grid = figure.subplots(
        2, len(families), sharex=True, sharey="row", squeeze=False
    )
    for column, family in zip(grid.T, families, strict=True):
        for axes, what in zip(column, ("function", "gates"), strict=True):
            known = [
                row
                for row in rows
                if row["family"] == family and row[what] != ""
            ]
            if not known:
                axes.set_axis_off()
                continue
            _curves(axes, known, what)
            axes.axvline(frequency, color="grey", linestyle=":")
            title = "" if what == "function" else ": gates less affine parts"
            axes.set_title(f"{family}{title}", fontsize=10)
            axes.set_xlabel("band of frequency")
    for of_kind in grid:
        first = next(axes for axes in of_kind if axes.axison)
        first.tick_params(labelleft=True)
        first.set_ylabel("power")
    figure.legend(
        *grid[0, -1].get_legend_handles_labels(),
        title="step",
        loc="outside right",
    )
    figure.suptitle(f"target of k = {frequency}")
    return figure


def _curves(axes, rows, what):
    steps = sorted({row["step"] for row in rows})
    # Gates less their means have nothing in band 0.
    bands = np.arange(what == "gates", _MOST_BAND + 1)
    for step, colour in zip(steps, colours(len(steps)), strict=True):
        means = [
            np.mean(
                [
                    float(row[what])
                    for row in rows
                    if (row["step"], row["band"]) == (step, band)
                ]
            )
            for band in bands
        ]
        axes.semilogy(bands, means, color=colour, marker=".", label=str(step))
    axes.grid(alpha=0.3)


def eigenfunctions(by_step, title):
    """Leading eigenfunctions at some steps, and their bands of frequency.

    Args:
        by_step: Dict from steps to `eigenfunctions.Eigenfunctions`.
        title: Of the picture.
    """
    figure = new_figure(2 * (_SHOWN + 2), 2.6 * len(by_step))
    grid = figure.subplots(
        len(by_step),
        _SHOWN + 1,
        squeeze=False,
        width_ratios=[*[1] * _SHOWN, 2],
    )
    for row, (step, leading) in zip(grid, by_step.items(), strict=True):
        side = round(len(leading.functions) ** 0.5)
        for index, axes in enumerate(row[:-1]):
            # u to the right and v upwards.
            axes.imshow(
                leading.functions[:, index].reshape(side, side).T,
                origin="lower",
                cmap="RdBu",
                vmin=-2.5,
                vmax=2.5,
            )
            axes.set_title(f"{index + 1}: {leading.values[index]:.3f}")
            axes.set_xticks([])
            axes.set_yticks([])
        row[0].set_ylabel(f"step {step}")
        picture = row[-1].imshow(
            leading.overlaps[:32, : _MOST_BAND + 1],
            aspect="auto",
            vmin=0,
            vmax=1,
            cmap="magma",
        )
        row[-1].set_xlabel("band of frequency")
        row[-1].set_ylabel("eigenfunction")
        figure.colorbar(picture, ax=row[-1], label="overlap")
    figure.suptitle(f"{title} (eigenvalue / trace)")
    return figure

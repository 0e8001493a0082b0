"""What runs reach while they train: a line an evaluation, and one picture."""

import collections
import math
import pathlib
import typing

import numpy as np

from dlgn_tf.errors import UserError
from dlgn_tf.output import curves, elsewhere, files
from dlgn_tf.output.folder import new_figure, png
from dlgn_tf.training.run_directory import RunDirectory


class Point(typing.NamedTuple):
    """An evaluation of a run on its test images; accuracy in percent.

    The loss, a mean cross-entropy, is NaN where it was not noted.
    """

    cell: str
    seed: int
    step: int
    accuracy: float
    loss: float


def of_run(run):
    """The `Point`s of a finished `Run`."""
    lines = RunDirectory(run.config.run_dir).read_metrics()
    return [
        Point(
            run.cell.name,
            run.seed,
            line["step"],
            100 * line["test_accuracy"],
            line.get("test_classification_loss", math.nan),
        )
        for line in lines
    ]


def to_csv(points):
    """`Point`s as the text of a CSV file with a header."""
    rows = ((*x[:3], f"{x.accuracy:.4f}", f"{x.loss:.6g}") for x in points)
    return files.csv_text(Point._fields, rows)


def from_csv(path):
    """The `Point`s of a CSV file that `to_csv` made.

    Raises:
        UserError: if the file cannot be read.
    """
    kinds = Point.__annotations__
    try:
        return [
            Point(**{name: kind(row[name]) for name, kind in kinds.items()})
            for row in elsewhere.read_csv(path)
        ]
    except (OSError, KeyError, ValueError) as error:
        raise UserError(
            f"Expected a curves.csv of tools/reproduce.py. Received: {path}, "
            f"{type(error).__name__}: {error}"
        ) from error


def plot(path, table, points):
    """Draws accuracy against the step to a PNG at `path`.

    A picture for each row of the table, in it a line for each cell: the mean
    over seeds, with least and most shaded.
    """
    by_row = collections.defaultdict(dict)
    for cell in table.cells.values():
        of_cell = [x for x in points if x.cell == cell.name]
        if of_cell:
            by_row[cell.row][cell.column] = of_cell
    rows = by_row or {"no run is finished": {}}
    figure = new_figure(6.5, 0.6 + 3.4 * len(rows))
    pictures = figure.subplots(len(rows), squeeze=False)[:, 0]
    for axes, (row, lines) in zip(pictures, rows.items(), strict=True):
        colours = curves.colours(len(lines))
        for colour, (column, of_cell) in zip(
            colours, lines.items(), strict=True
        ):
            curves.band(axes, *_of_seeds(of_cell), colour, column)
        axes.set_title(row, fontsize=10)
        axes.set_ylabel("test accuracy (%)")
        axes.set_xlabel("step")
        axes.grid(alpha=0.3)
        if lines:
            axes.legend(fontsize=8)
    pathlib.Path(path).write_bytes(png(figure))


def _of_seeds(points):
    """Steps that all seeds were evaluated at, and accuracies `(seeds, steps)`.

    Seeds may have been trained at other scales, one after another.
    """
    by_seed = collections.defaultdict(dict)
    for point in points:
        by_seed[point.seed][point.step] = point.accuracy
    steps = sorted(set.intersection(*map(set, by_seed.values())))
    return steps, np.array([[x[s] for s in steps] for x in by_seed.values()])

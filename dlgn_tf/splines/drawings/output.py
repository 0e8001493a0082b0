"""A picture with its numbers, and how both are written."""

import dataclasses
import pathlib

from matplotlib.figure import Figure

from dlgn_tf.training import files

_DPI = 120


@dataclasses.dataclass(frozen=True)
class Picture:
    """What `save` writes.

    Attributes:
        name: String, the files' name without ending.
        figure: `matplotlib.figure.Figure`.
        rows: List of dicts of the same keys: the numbers behind the figure.
    """

    name: str
    figure: Figure
    rows: list


def new_figure(width, height):
    """An empty figure of this size in inches that lays itself out."""
    return Figure(figsize=(width, height), layout="constrained")


def save(picture, directory):
    """Writes NAME.png and NAME.csv, whole or not at all.

    Args:
        picture: `Picture`.
        directory: Path-like, made if it is not there.

    Raises:
        UserError: if they cannot be written.
    """
    columns = list(picture.rows[0])
    lines = ([row[column] for column in columns] for row in picture.rows)
    path = pathlib.Path(directory) / f"{picture.name}.csv"
    with files.write_errors(path):
        files.write_atomically(path, files.csv_text(columns, lines))
    path = path.with_suffix(".png")
    temporary = path.with_name(f".{path.name}.partial")
    with files.write_errors(path):
        with temporary.open("wb") as file:
            picture.figure.savefig(file, format="png", dpi=_DPI)
        files.replace_synced(temporary, path)

"""A picture with its numbers, and how both are written."""

import dataclasses

from matplotlib.figure import Figure

from dlgn_tf.output.folder import Output


@dataclasses.dataclass(frozen=True)
class Picture:
    """A name, a figure and the numbers behind it, dicts of the same keys."""

    name: str
    figure: Figure
    rows: list


def save(picture, directory):
    """Writes NAME.png and NAME.csv to a directory, whole or not at all.

    Raises:
        UserError: if they cannot be written.
    """
    output = Output(directory)
    output.table(picture.name, picture.rows)
    output.picture(picture.name, picture.figure)

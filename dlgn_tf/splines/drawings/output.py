"""A picture with its numbers, and how both are written."""

import dataclasses

from matplotlib.figure import Figure

from dlgn_tf.output.folder import Output


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


def save(picture, directory):
    """Writes NAME.png and NAME.csv, whole or not at all.

    Args:
        picture: `Picture`.
        directory: Path-like, made if it is not there.

    Raises:
        UserError: if they cannot be written.
    """
    output = Output(directory)
    output.table(picture.name, picture.rows)
    output.picture(picture.name, picture.figure)

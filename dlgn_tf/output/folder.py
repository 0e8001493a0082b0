"""What commands leave: tables, arrays and pictures, whole or not at all.

Matplotlib is imported when a figure is made.
"""

import io
import pathlib

import numpy as np

from dlgn_tf.output import files


def new_figure(width, height):
    """An empty `matplotlib.figure.Figure`, in inches, that lays itself out."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def png(figure, dpi=120):
    """A `matplotlib.figure.Figure` as the bytes of a PNG.

    Names from elsewhere may look like formulas that Matplotlib cannot read;
    then all text is drawn as it is.
    """
    from matplotlib import rc_context, text

    encoded = io.BytesIO()
    try:
        figure.savefig(encoded, format="png", dpi=dpi)
    # Of a formula, or of a name in no encoding; what else is wrong is so again.
    except (ValueError, TypeError):
        with rc_context({"text.parse_math": False}):
            for each in figure.findobj(text.Text):
                each.set_parse_math(False)
                shown = each.get_text().encode(errors="backslashreplace")
                each.set_text(shown.decode())
            encoded = io.BytesIO()
            figure.savefig(encoded, format="png", dpi=dpi)
    return encoded.getvalue()


class Output:
    """Writes results into a directory, each file whole or not at all.

    Args:
        directory: Path-like, made when the first file is written.
    """

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)

    def table(self, name, rows):
        """Writes NAME.csv: a header, and rows, dicts of the same keys."""
        columns = list(rows[0])
        lines = ([row[column] for column in columns] for row in rows)
        self.text(f"{name}.csv", files.csv_text(columns, lines))

    def text(self, name, content):
        """Writes a file of text or bytes under its full name."""
        path = self.directory / name
        with files.write_errors(path):
            files.write_atomically(path, content)

    def remove_table(self, name):
        """Removes a table that was written."""
        (self.directory / f"{name}.csv").unlink()

    def arrays(self, name, **arrays):
        """Writes an .npz file."""
        path = self.directory / f"{name}.npz"
        with files.write_errors(path):
            with files.replacing(path) as temporary:
                np.savez_compressed(temporary, **arrays)

    def picture(self, name, figure, dpi=120):
        """Writes a `matplotlib.figure.Figure` as PNG; returns its bytes."""
        encoded = png(figure, dpi)
        self.text(f"{name}.png", encoded)
        return encoded

"""What commands leave: tables, arrays and pictures, whole or not at all."""

import pathlib

from dlgn_tf.training import files

_DPI = 120


class Output:
    """Writes results into a directory.

    Args:
        directory: Path-like, made when the first file is written.
    """

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)

    def table(self, name, rows):
        """Writes a CSV file with a header.

        Args:
            name: String, without ending.
            rows: List of dicts of the same keys.
        """
        columns = list(rows[0])
        lines = ([row[column] for column in columns] for row in rows)
        path = self.directory / f"{name}.csv"
        with files.write_errors(path):
            files.write_atomically(path, files.csv_text(columns, lines))

    def remove_table(self, name):
        """Removes a table that was written."""
        (self.directory / f"{name}.csv").unlink()

    def arrays(self, name, **arrays):
        """Writes an .npz file."""
        import numpy as np

        self._write(
            f"{name}.npz", lambda file: np.savez_compressed(file, **arrays)
        )

    def picture(self, name, figure):
        """Writes a `matplotlib.figure.Figure` as PNG."""
        self._write(
            f"{name}.png",
            lambda file: figure.savefig(file, format="png", dpi=_DPI),
        )

    def _write(self, name, write):
        path = self.directory / name
        with files.write_errors(path):
            self.directory.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{name}.partial")
            with temporary.open("wb") as file:
                write(file)
            files.replace_synced(temporary, path)

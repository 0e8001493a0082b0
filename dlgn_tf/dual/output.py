"""What the command leaves: tables, pictures, a matrix, events."""

import pathlib

import numpy as np

from dlgn_tf.training import files

_DPI = 120


class Output:
    """Writes a part of the results, whole or not at all.

    Args:
        directory: Path-like, made when the first file is written.
        part: String. The TensorBoard run of this part is DIRECTORY/PART; what
            an earlier call left there goes when new events are written.
    """

    def __init__(self, directory, part):
        self.directory = pathlib.Path(directory)
        self._events = self.directory / part

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
        self._write(
            f"{name}.npz", lambda file: np.savez_compressed(file, **arrays)
        )

    def picture(self, name, figure):
        """Writes a `matplotlib.figure.Figure` as PNG."""
        self._write(
            f"{name}.png",
            lambda file: figure.savefig(file, format="png", dpi=_DPI),
        )

    def events(self, scalars, pictures):
        """Replaces the events that TensorBoard shows.

        Args:
            scalars: List of `(step, dict)` from a name to a float.
            pictures: Dict from a name to a `(step, Figure)`.
        """
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb

        from dlgn_tf.training.event_file import EventFile
        from dlgn_tf.training.event_file import drop_events_after
        from dlgn_tf.training.summaries import images_pb

        with files.write_errors(self._events):
            drop_events_after(self._events, -1)
            file = EventFile(self._events)
            for step, values in scalars:
                for name, value in values.items():
                    file.add(scalar_pb(f"dual/{name}", float(value)), step)
            for name, (step, figure) in pictures.items():
                pixels = _pixels(figure)[None]
                file.add(images_pb(f"dual/{name}", pixels), step)
            file.flush()

    def _write(self, name, write):
        path = self.directory / name
        with files.write_errors(path):
            self.directory.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{name}.partial")
            with temporary.open("wb") as file:
                write(file)
            files.replace_synced(temporary, path)


def _pixels(figure):
    """What a figure looks like, uint8 `(height, width, 3)`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])

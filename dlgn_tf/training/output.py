"""What a command leaves: tables, pictures, arrays, events."""

import io
import pathlib

import numpy as np

from dlgn_tf.training import files


class Output:
    """Writes a part of the results, each file whole or not at all.

    Args:
        directory: Path-like, made when the first file is written.
        part: String. The TensorBoard run of this part is DIRECTORY/PART; what
            an earlier call left there goes when new events are written.
        tag: String, before the names that TensorBoard shows.
    """

    def __init__(self, directory, part, tag):
        self.directory = pathlib.Path(directory)
        self._events = self.directory / part
        self._tag = tag

    def table(self, name, rows):
        """Writes a CSV file with a header.

        Args:
            name: String, without ending.
            rows: List of dicts of the same keys.
        """
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
            self.directory.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{path.name}.partial")
            with temporary.open("wb") as file:
                np.savez_compressed(file, **arrays)
            files.replace_synced(temporary, path)

    def picture(self, name, figure, dpi=120):
        """Writes a `matplotlib.figure.Figure` as PNG.

        Returns:
            The file's bytes.
        """
        encoded = io.BytesIO()
        figure.savefig(encoded, format="png", dpi=dpi)
        self.text(f"{name}.png", encoded.getvalue())
        return encoded.getvalue()

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
                    file.add(
                        scalar_pb(f"{self._tag}/{name}", float(value)), step
                    )
            for name, (step, figure) in pictures.items():
                pixels = _pixels(figure)[None]
                file.add(images_pb(f"{self._tag}/{name}", pixels), step)
            file.flush()


def _pixels(figure):
    """What a figure looks like, uint8 `(height, width, 3)`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])

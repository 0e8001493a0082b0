"""What a command leaves besides files: events that TensorBoard shows."""

import contextlib

import numpy as np

from dlgn_tf.output import files
from dlgn_tf.output.folder import Output


class EventOutput(Output):
    """Writes a part of the results.

    Args:
        directory: Path-like, made when the first file is written.
        part: String. The TensorBoard run of this part is DIRECTORY/PART; what
            an earlier call left there goes when new events are written.
        tag: String, before the names that TensorBoard shows.
    """

    def __init__(self, directory, part, tag):
        super().__init__(directory)
        self._events = self.directory / part
        self._tag = tag

    def events(self, scalars, pictures):
        """Replaces the events that TensorBoard shows.

        Scalars are pairs of a step and floats by name; pictures by name are
        pairs of a step and a `Figure`.
        """
        from tensorboard.plugins.scalar.summary_v2 import scalar_pb

        from dlgn_tf.training.event_file import EventFile, drop_events_after
        from dlgn_tf.training.summaries import images_pb

        with files.write_errors(self._events):
            drop_events_after(self._events, -1)
            with contextlib.closing(EventFile(self._events)) as file:
                for step, values in scalars:
                    for name, value in values.items():
                        point = scalar_pb(f"{self._tag}/{name}", float(value))
                        file.add(point, step)
                for name, (step, figure) in pictures.items():
                    pixels = _pixels(figure)[None]
                    file.add(images_pb(f"{self._tag}/{name}", pixels), step)


def _pixels(figure):
    """What a figure looks like, uint8 `(height, width, 3)`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])

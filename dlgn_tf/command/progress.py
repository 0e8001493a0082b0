"""Progress for people: a bar on a terminal or in a notebook, else lines.

Imports Keras only to draw a bar.
"""

import sys
import time

# Without a terminal a line comes at least this often, in seconds.
_LONGEST_SILENCE = 30


class Progress:
    """Shows how far a piece of work has come.

    Args:
        title: String, printed above the bar or before each line.
        start: Integer, where the work begins (after a resume: not 0).
        stop: Integer, where it ends.
        unit: String, what is counted.
        silent: Boolean. Whether nothing is shown.
    """

    def __init__(self, title, start, stop, unit="step", silent=False):
        self._silent = silent
        self._title, self._unit = title, unit
        self._start, self._stop = start, stop
        self._began = self._last_line = time.perf_counter()
        self._bar = None
        if (sys.stdout.isatty() or _in_notebook()) and not silent:
            import keras

            self._print(f"{title}, {unit} {start} to {stop}")
            self._bar = keras.utils.Progbar(
                stop - start, unit_name=unit, interval=0.2
            )

    def update(self, position, values=None, line=False):
        """Moves to `position`.

        Args:
            position: Integer between start and stop.
            values: Dict of numbers to show.
            line: Boolean. Whether this position is worth a plain line where
                there is no terminal; after a long silence any one is.
        """
        values = values or {}
        if self._silent:
            return
        if self._bar is not None:
            self._bar.stateful_metrics = set(values)
            self._bar.update(
                position - self._start,
                list(values.items()),
                finalize=position >= self._stop,
            )
        elif line or self._silence() > _LONGEST_SILENCE:
            self._print(self._line(position, values))
            self._last_line = time.perf_counter()

    def _silence(self):
        return time.perf_counter() - self._last_line

    def _line(self, position, values):
        elapsed = time.perf_counter() - self._began
        done = max(position - self._start, 1)
        left = elapsed / done * (self._stop - position)
        shown = "  ".join(f"{k} {_short(v)}" for k, v in values.items())
        return (
            f"{self._title}: {self._unit} {position}/{self._stop}  {shown}  "
            f"{elapsed:.0f} s, {left:.0f} s left"
        )

    def _print(self, text):
        print(text, flush=True)


def _in_notebook():
    """Whether what is printed goes to a cell of a notebook."""
    return type(sys.stdout).__module__.startswith("ipykernel")


def _short(value):
    return f"{value:.4g}" if isinstance(value, float) else str(value)

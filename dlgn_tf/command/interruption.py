"""Ending cleanly when the machine or the user asks for it."""

import signal
import threading

from dlgn_tf.command import standard_output


class Interruption:
    """Notes signals instead of dying of them.

    What runs within looks at `signal` where it can stop. A second signal acts
    as it would have without this.

    Args:
        signals: Sequence of `signal.Signals`.

    Attributes:
        signal: `signal.Signals` that came, or None.
    """

    def __init__(self, signals=(signal.SIGTERM, signal.SIGINT)):
        self._caught = signals

    def __enter__(self):
        self.signal = None
        if threading.current_thread() is not threading.main_thread():
            # Python hands signals to the main thread alone.
            self._caught = ()
        self._before = {
            number: signal.signal(number, self._note) for number in self._caught
        }
        return self

    def note_lost_reader(self):
        """Notes SIGPIPE where nobody reads what is printed any more.

        So a run behind `| head`, or a `| tee` that Ctrl-C has ended first, is
        saved as well.
        """
        if standard_output.abandoned():
            self.signal = self.signal or signal.SIGPIPE

    def _note(self, number, frame):
        self.signal = signal.Signals(number)
        self._restore()

    def _restore(self):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __exit__(self, *exception):
        self._restore()

"""Ending cleanly when the machine or the user asks for it."""

import signal

from dlgn_tf import standard_output


class Interruption:
    """Notes SIGTERM and SIGINT instead of dying of them.

    The loop looks at `signal` where it can stop. A second signal acts as it
    would have without this.

    Attributes:
        signal: `signal.Signals` that came, or None.
    """

    _CAUGHT = (signal.SIGTERM, signal.SIGINT)

    def __enter__(self):
        self.signal = None
        self._before = {
            number: signal.signal(number, self._note) for number in self._CAUGHT
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

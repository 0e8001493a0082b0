"""Ending cleanly when the machine or the user asks for it."""

import signal
import threading
import time

from dlgn_tf.command import standard_output

# Seconds.
_AT_ONCE = 1.0


class Interruption:
    """Notes signals instead of dying of them.

    What runs within looks at `signal` where it can stop. A second signal acts
    as it would have without this; another one at once, as a terminal and what
    it runs in may send, is the same end.

    Args:
        signals: Sequence of `signal.Signals`. SIGHUP is not caught where it is
            ignored, as behind nohup.

    Attributes:
        signal: `signal.Signals` that came, or None.
    """

    def __init__(self, signals=(signal.SIGTERM, signal.SIGINT, signal.SIGHUP)):
        ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        self._caught = [
            x for x in signals if not (ignored and x == signal.SIGHUP)
        ]

    def __enter__(self):
        self.signal, self._came = None, 0.0
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
        if number == signal.SIGHUP:
            # Before something is printed to a terminal that has gone.
            standard_output.abandoned()
        if self.signal is None:
            self.signal, self._came = signal.Signals(number), time.monotonic()
            # The same once more ends what does not come back to Python, too.
            signal.signal(number, self._before[number])
            return
        if time.monotonic() - self._came > _AT_ONCE:
            self._restore()
            signal.raise_signal(number)

    def _restore(self):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __exit__(self, *exception):
        self._restore()

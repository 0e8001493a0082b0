"""Ending cleanly when the machine or the user asks for it."""

import signal


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

    def _note(self, number, frame):
        self.signal = signal.Signals(number)
        self._restore()

    def _restore(self):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __exit__(self, *exception):
        self._restore()

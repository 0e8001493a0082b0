"""How far a table has come, and how long the rest will take."""

import pathlib
import re
import time

from dlgn_tf.output import run_names

# Without news a line comes this often, in seconds.
_LONGEST_SILENCE = 60


class Outlook:
    """Estimates the time left of some `Run`s from those that are finished.

    A run under way tells by itself how long it will take. Another is expected
    to take as long as the finished ones of its cell did; where there is none,
    as long a step as those of all cells.
    """

    def __init__(self, runs):
        self._left = {run.name: run for run in runs}
        self._total = len(runs)
        self._seconds = {}
        self._under_way, self._log_sizes = {}, {}
        self.begin(1)

    def begin(self, jobs):
        """Notes that so many runs are trained side by side from now on."""
        self._jobs = jobs
        self._began = self._last_line = time.monotonic()

    def started(self, run):
        """Notes that a run is under way from now on."""
        self._under_way[run.name] = time.monotonic()
        # A run that goes on adds to its log: what is there is out of date.
        self._log_sizes[run.name] = len(_log(run))

    def finished(self, run, seconds):
        """Notes what a run took."""
        self._left.pop(run.name)
        self._seconds[run.name] = (run, seconds)

    def ended(self, run):
        """Notes that a run is no longer under way, whatever came out."""
        self._under_way.pop(run.name, None)

    def failed(self, run):
        """Notes that a run will not be finished."""
        self._left.pop(run.name)
        self._total -= 1

    def seconds_left(self):
        """Estimate in seconds, or None as long as no run is finished."""
        if not self._seconds:
            return None
        now = time.monotonic()
        left = 0.0
        for name, run in self._left.items():
            told = self._told(run) if name in self._under_way else None
            gone = now - self._under_way.get(name, now)
            expected = max(0.0, self._expected(run) - gone)
            left += expected if told is None else told
        return left / self._jobs

    def _told(self, run):
        """Seconds left as the run's log has them, or None."""
        text = _log(run)[self._log_sizes[run.name] :].decode(errors="replace")
        told = re.findall(r"^training: .* (\d+) s left$", text, re.MULTILINE)
        return int(told[-1]) if told else None

    def _expected(self, run):
        known = self._seconds.values()
        same = [s for other, s in known if other.cell.name == run.cell.name]
        if same:
            return sum(same) / len(same)
        steps = sum(other.config.train_steps for other, _ in known)
        a_step = sum(seconds for _, seconds in known) / steps
        return a_step * run.config.train_steps

    def is_due(self):
        """Whether a line should be printed."""
        return time.monotonic() - self._last_line > _LONGEST_SILENCE

    def under_way(self):
        """Names of the runs under way and their time."""
        now = time.monotonic()
        return ", ".join(
            f"{name} for {_minutes(now - began)}"
            for name, began in self._under_way.items()
        )

    def __str__(self):
        self._last_line = time.monotonic()
        done = self._total - len(self._left)
        left = self.seconds_left()
        left = "" if left is None else f", about {_minutes(left)} left"
        gone = _minutes(time.monotonic() - self._began)
        return f"[{done}/{self._total} runs, {gone}{left}]"


def _log(run):
    """The bytes of a run's log, none if there is none."""
    try:
        return (pathlib.Path(run.config.run_dir) / run_names.LOG).read_bytes()
    except OSError:
        return b""


def _minutes(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"

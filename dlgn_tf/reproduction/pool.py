"""Trains many runs in a few processes, each after the run it depends on."""

import multiprocessing
import os
from multiprocessing import connection

from dlgn_tf.command.interruption import Interruption
from dlgn_tf.reproduction import worker

# How often, in seconds, signals and progress are looked at.
_INTERVAL = 0.5


class Pool:
    """Hands runs to workers as these become free.

    So many are trained side by side as there are jobs, among which the cores
    of the CPU are divided. `on_start` is called with a `Run`, `on_end` with a
    `Run`, its status (see `worker`) and a text, `on_tick` several times a
    minute.
    """

    def __init__(self, jobs, on_start, on_end, on_tick):
        self._shares = _shares(jobs)
        self._on_start, self._on_end, self._on_tick = on_start, on_end, on_tick
        self._workers, self._failed, self._stopping = [], set(), False

    def train(self, runs):
        """Trains unfinished `Run`s, in their order but for waiting.

        Returns:
            The signal that ended it early, or None.
        """
        waiting = list(runs)
        with Interruption() as interruption:
            try:
                while not interruption.signal:
                    waiting = self._drop_hopeless(waiting)
                    waiting = self._hand_out(waiting)
                    if not waiting and not self._busy():
                        break
                    self._collect()
                    self._on_tick()
            finally:
                self._stop_all()
        return interruption.signal

    def _busy(self):
        return [w for w in self._workers if w.run]

    def _drop_hopeless(self, waiting):
        """Gives up runs whose gates will never be there."""
        hopeless = [r for r in waiting if r.gates_run in self._failed]
        for run in hopeless:
            self._failed.add(run.name)
            text = f"{run.gates_run}, which gives the gates, has failed"
            self._on_end(run, worker.FAILED, text)
        return [r for r in waiting if r not in hopeless]

    def _hand_out(self, waiting):
        unfinished = {r.name for r in waiting}
        unfinished |= {w.run.name for w in self._busy()}
        left = []
        for run in waiting:
            ready = run.gates_run not in unfinished
            free = self._free_worker() if ready else None
            if free is None:
                left.append(run)
            else:
                free.start(run)
                self._on_start(run)
        return left

    def _free_worker(self):
        for one in self._workers:
            if not one.run:
                return one
        if len(self._workers) == len(self._shares):
            return None
        taken = {one.place for one in self._workers}
        place = next(i for i in range(len(self._shares)) if i not in taken)
        several = len(self._shares) > 1
        self._workers.append(_Worker(place, self._shares[place], several))
        return self._workers[-1]

    def _collect(self):
        by_connection = {w.connection: w for w in self._busy()}
        for ready in connection.wait(list(by_connection), _INTERVAL):
            self._end(by_connection[ready])

    def _end(self, one):
        run, (status, text) = one.run, one.outcome()
        if not one.usable:
            one.process.join()
            self._workers.remove(one)
        if status == worker.FAILED and self._stopping:
            # It was killed where there was nothing to save yet.
            status = worker.STOPPED
        if status == worker.FAILED:
            self._failed.add(run.name)
        self._on_end(run, status, text)

    def _stop_all(self):
        self._stopping = True
        for one in self._workers:
            one.process.terminate()
        try:
            for one in self._busy():
                self._end(one)
        finally:
            # A run that was about to end takes the signal and ends all the
            # same; its worker then waits for another.
            for one in self._workers:
                one.connection.close()
            for one in self._workers:
                one.process.join()


class _Worker:
    """A process of `worker.serve`.

    Attributes:
        run: The `Run` that it trains, or None.
        usable: Whether it can train another.
    """

    def __init__(self, place, cores, shared_device):
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.place, self.run, self.usable = place, None, True
        self.process = context.Process(
            target=worker.serve, args=(other, cores, shared_device)
        )
        self.process.start()
        # The end of the process is the end of the connection only if this one
        # holds no other end of it.
        other.close()

    def start(self, run):
        self.run = run
        self.connection.send(run.config)

    def outcome(self):
        """Waits for the end of the run; `(status, text)`."""
        self.run = None
        try:
            status, text = self.connection.recv()
        except (EOFError, ConnectionResetError):
            self.process.join()
            code = self.process.exitcode
            status, text = worker.FAILED, f"its process ended with {code}"
            self.usable = False
        if status == worker.STOPPED:
            self.usable = False
        return status, text


def _shares(jobs):
    """The cores of each job; None stands for all of them."""
    if jobs == 1:
        return [None]
    cores = sorted(os.sched_getaffinity(0))
    return [
        # More jobs than cores: several jobs on one.
        frozenset(cores[job::jobs] or [cores[job % len(cores)]])
        for job in range(jobs)
    ]

"""Trains many runs side by side, each after the run it depends on."""

import os
from multiprocessing import connection

from dlgn_tf.command import scheduler
from dlgn_tf.command.interruption import Interruption
from dlgn_tf.reproduction import worker
from dlgn_tf.reproduction.process import Process
from dlgn_tf.reproduction.remote import Remote

# How often, in seconds, signals and progress are looked at.
_INTERVAL = 0.5


class Pool:
    """Hands runs to workers as these become free.

    So many are trained side by side as there are jobs, among which the cores
    of the CPU are divided; within `scheduler.using` as many as the workers of
    the cluster have threads. `on_start` is called with a `Run`, `on_end` with a
    `Run`, its status (see `worker`) and a text, `on_tick` several times a
    minute.
    """

    def __init__(self, jobs, on_start, on_end, on_tick):
        self._room, self._free = jobs, _shares(jobs)
        self._several = jobs > 1
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
        cluster = scheduler.current()
        if cluster:
            # Workers come and go.
            self._room = cluster.threads()
        unfinished = {r.name for r in waiting}
        unfinished |= {w.run.name for w in self._busy()}
        left = []
        for run in waiting:
            ready = run.gates_run not in unfinished
            free = self._free_worker(cluster) if ready else None
            if free is None:
                left.append(run)
            else:
                free.start(run)
                self._on_start(run)
        return left

    def _free_worker(self, cluster):
        if len(self._busy()) >= self._room:
            return None
        for one in self._workers:
            if not one.run:
                return one
        self._workers.append(
            Remote(cluster)
            if cluster
            else Process(self._free.pop(0), shared_device=self._several)
        )
        return self._workers[-1]

    def _collect(self):
        by_connection = {w.connection: w for w in self._busy()}
        for ready in connection.wait(list(by_connection), _INTERVAL):
            self._end(by_connection[ready])

    def _end(self, one):
        run, (status, text) = one.run, one.outcome()
        if not one.usable:
            one.join()
            self._workers.remove(one)
            self._free.append(one.cores)
        if status == worker.FAILED and self._stopping:
            # It was killed where there was nothing to save yet.
            status = worker.STOPPED
        if status == worker.FAILED:
            self._failed.add(run.name)
        self._on_end(run, status, text)

    def _stop_all(self):
        self._stopping = True
        for one in self._workers:
            one.stop()
        try:
            for one in self._busy():
                self._end(one)
        finally:
            # A run that was about to end takes the signal and ends all the
            # same; its worker then waits for another.
            for one in self._workers:
                one.close()
            for one in self._workers:
                one.join()


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

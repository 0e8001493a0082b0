"""Runs that are trained by the workers of a cluster of Dask."""

import contextlib
import multiprocessing
import time

from dlgn_tf.command import scheduler, startup
from dlgn_tf.errors import UserError
from dlgn_tf.reproduction import worker
from dlgn_tf.reproduction.process import Process
from dlgn_tf.training.run_directory import RunDirectory

# In seconds: how often is looked whether a run is still wanted, and how long
# one that is being saved by another process is waited for.
_INTERVAL = 0.5
_LONGEST_SAVING = 60


class Remote:
    """What a `Process` is here, on whichever worker is free.

    Args:
        cluster: `dlgn_tf.command.scheduler.Cluster`.
    """

    usable = True

    def __init__(self, cluster):
        self._cluster, self.run, self._stopped = cluster, None, False
        self.connection, self._end = multiprocessing.Pipe(duplex=False)

    def start(self, run):
        self.run = run
        # By which a worker knows the folder of runs.
        RunDirectory(run.config.run_dir).path.mkdir(parents=True, exist_ok=True)
        self._job = self._cluster.submit(train, run, startup.backend())
        self._job.add_done_callback(self._tell)

    def _tell(self, job):
        # Nobody may listen any more.
        with contextlib.suppress(OSError):
            self._end.send(None)

    def outcome(self):
        """Waits for the end of the run; `(status, text)`.

        Raises:
            UserError: if the cluster is gone or a worker does not fit.
        """
        self.run = None
        self.connection.recv()
        if self._stopped and self._job.cancelled():
            return worker.STOPPED, "its worker saves it"
        try:
            return self._cluster.result(self._job)
        except scheduler.WorkerDied as error:
            return worker.FAILED, str(error)

    def stop(self):
        if self.run:
            self._stopped = True
            self._job.cancel()

    def close(self):
        self.connection.close()

    def join(self):
        pass


def train(run, backend):
    """On a worker: trains a `Run` in a process of its own.

    Where nobody waits for it any more, it is saved and left; where its process
    is told to stop, any worker goes on.

    Returns:
        `(status, text)`, see `worker.train`.

    Raises:
        UserError: if there is no folder for it.
    """
    directory = RunDirectory(run.config.run_dir)
    if not directory.path.is_dir():
        raise UserError(
            "Expected --runs_dir in a folder that all workers share. Received: "
            f"{directory.path}, which is not there at {scheduler.here()}"
        )
    try:
        _wait_until_saved(directory)
    except UserError as error:
        return worker.FAILED, str(error)
    one = Process(None, True, KERAS_BACKEND=backend)
    try:
        one.start(run)
        while not one.connection.poll(_INTERVAL) and scheduler.wanted():
            pass
        if not scheduler.wanted():
            one.stop()
        status, text = one.outcome()
        if status == worker.STOPPED:
            # By who takes the machine away: another one goes on.
            scheduler.hand_back()
        return status, text
    finally:
        one.close()
        one.join()


def _wait_until_saved(directory):
    """Waits for a process whose worker has died, or that was stopped."""
    end = time.monotonic() + _LONGEST_SAVING
    while time.monotonic() < end:
        with contextlib.suppress(UserError):
            return directory.check_unlocked()
        time.sleep(_INTERVAL)
    directory.check_unlocked()

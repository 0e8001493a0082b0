"""The process in which one run after another is trained."""

import multiprocessing
import os
import subprocess
import sys

from dlgn_tf.reproduction import worker

_BEGIN = """\
import sys
from multiprocessing.connection import Connection

connection = Connection(int(sys.argv[1]))
function, *given = connection.recv()
function(connection, *given)
"""


class Process:
    """A process of `worker.serve`.

    Whatever becomes of the process that starts it, it saves what it trains and
    ends once its connection is closed. Not one of `multiprocessing`, which
    refuses them to workers of Dask.

    Args:
        cores: See `worker.serve`.
        shared_device: See `worker.serve`.
        **variables: Strings, of the environment.

    Attributes:
        cores: As given.
        connection: `multiprocessing.connection.Connection` that is ready when a
            run has ended.
        process: `subprocess.Popen`.
        run: The `Run` that it trains, or None.
        usable: Whether it can train another.
    """

    def __init__(self, cores, shared_device, **variables):
        self.connection, other = multiprocessing.Pipe()
        self.cores, self.run, self.usable = cores, None, True
        # The end of the process is the end of the connection only if this one
        # holds no other end of it.
        with other:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _BEGIN, str(other.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[other.fileno()],
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(sys.path),
                    **variables,
                },
            )
        self.connection.send((worker.serve, cores, shared_device))

    def start(self, run):
        self.run = run
        self.connection.send(run.config)

    def outcome(self):
        """Waits for the end of the run; `(status, text)`."""
        self.run = None
        try:
            status, text = self.connection.recv()
        except (EOFError, ConnectionResetError):
            code = self.process.wait()
            status, text = worker.FAILED, f"its process ended with {code}"
            self.usable = False
        if status == worker.STOPPED:
            self.usable = False
        return status, text

    def stop(self):
        """Has it save its run and end, of which `outcome` tells."""
        self.process.terminate()

    def close(self):
        """Ends it as soon as it trains nothing."""
        self.connection.close()

    def join(self):
        self.process.wait()

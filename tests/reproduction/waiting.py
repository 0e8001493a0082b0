"""In place of a training: it begins, and ends once it is told to.

Imports nothing heavy: processes of their own do.
"""

import os
import pathlib
import signal

from dlgn_tf.reproduction import worker


def serve(connection, cores, shared_device):
    """As `dlgn_tf.reproduction.worker.serve`, for one run.

    The run directory takes an empty file by the names of each worker and the
    process in which it was begun, and one more where it was saved.
    """
    stops = []
    signal.signal(signal.SIGTERM, lambda *_: stops.append(True))
    folder = pathlib.Path(connection.recv().run_dir)
    (folder / f"begun-{os.getppid()}-{os.getpid()}").touch()
    while not (folder / "go").exists():
        if stops or connection.poll(0.02):
            (folder / "saved").touch()
            connection.send((worker.STOPPED, ""))
            return
    connection.send((worker.FINISHED, "by itself"))

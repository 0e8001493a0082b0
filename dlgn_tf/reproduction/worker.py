"""A process that trains one run after another, TensorFlow started once."""

import contextlib
import os
import queue
import signal
import threading
import time
import traceback

from dlgn_tf.command import startup
from dlgn_tf.errors import UserError
from dlgn_tf.output import files, origin, run_names
from dlgn_tf.reproduction import results
from dlgn_tf.training.run_directory import RunDirectory

FINISHED, STOPPED, FAILED = "finished", "stopped", "failed"


def serve(connection, cores, shared_device):
    """Trains what comes through a connection until it is closed.

    Runs in a process of its own. SIGTERM saves the run and ends the process,
    and so does the end of the process at the other end of the connection.

    Args:
        connection: `multiprocessing.connection.Connection`. Takes `Config`s;
            gives back `(status, text)` for each.
        cores: Set of the CPU cores to use, or None for all.
        shared_device: Whether other workers use the same accelerator.
    """
    # A Ctrl-C of the terminal is the other process' business.
    os.setsid()
    if cores:
        # Before TensorFlow sizes its thread pools.
        os.sched_setaffinity(0, cores)
    if shared_device:
        os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    configs = queue.SimpleQueue()
    threading.Thread(
        target=_receive, args=(connection, configs), daemon=True
    ).start()
    startup.import_keras()
    startup.hide_retracing()
    while True:
        outcome = train(configs.get())
        with contextlib.suppress(ConnectionError):
            connection.send(outcome)
        if outcome[0] == STOPPED:
            return


def _receive(connection, configs):
    while True:
        try:
            configs.put(connection.recv())
        # Of the latter kind if an outcome was never read there.
        except (EOFError, ConnectionError):
            os.kill(os.getpid(), signal.SIGTERM)
            return


def train(config):
    """Trains the run of a `Config`; what it prints goes to RUN_DIR/log.txt.

    Returns:
        `(status, text)`; the text says what went wrong.
    """
    import keras

    from dlgn_tf.training import loop

    directory = RunDirectory(config.run_dir)
    try:
        with _log(directory) as log:
            began = time.monotonic()
            try:
                origin.note(directory, origin.here())
                loop.train(config)
            except (UserError, loop.Stopped) as error:
                print(error)
                raise
            except Exception:
                traceback.print_exc(file=log)
                raise
            finally:
                results.add_seconds(directory, time.monotonic() - began)
    except loop.Stopped as stopped:
        return STOPPED, str(stopped)
    except Exception as error:
        kind = "" if isinstance(error, UserError) else type(error).__name__
        return FAILED, " ".join(f"{kind} {error}".split())
    finally:
        keras.backend.clear_session()
    return FINISHED, ""


@contextlib.contextmanager
def _log(directory):
    log_file = directory.path / run_names.LOG
    files.check_writable(directory.path, "runs_dir")
    with files.write_errors(directory.path):
        directory.path.mkdir(parents=True, exist_ok=True)
        log = log_file.open("a", buffering=1)
    with log, contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        yield log

"""What every process does that trains or evaluates. Imports nothing heavy."""

import importlib
import importlib.util
import logging
import os
import signal
import tempfile
import threading

from dlgn_tf.errors import UserError
from dlgn_tf.interruption import Interruption

_BACKENDS = ("tensorflow", "jax")


def import_keras():
    """Imports Keras and its backend without what they print at start-up.

    TensorFlow's native code writes a handful of lines before its log level
    counts; they would stand before every message. They are shown if the import
    fails.

    Raises:
        UserError: if the backend is not one of those that train here, or not
            installed.
    """
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend not in _BACKENDS:
        raise UserError(
            f"Expected KERAS_BACKEND={' or '.join(_BACKENDS)}. Received: "
            f"KERAS_BACKEND={backend}"
        )
    _check_installed("keras", backend, "tensorboard")
    # What is imported has callbacks (of the garbage collector, of module
    # locks); Python drops a KeyboardInterrupt that is raised in one of them,
    # and the command would go on.
    caught = (signal.SIGINT,) if _ctrl_c_is_heeded() else ()
    with Interruption(caught) as interruption:
        _import_silently("keras")
    if interruption.signal:
        raise KeyboardInterrupt


def _import_silently(name):
    standard_error = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            importlib.import_module(name)
        except Exception:
            held.seek(0)
            os.write(standard_error, held.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)


def _ctrl_c_is_heeded():
    """Whether a Ctrl-C would end what runs here."""
    in_main = threading.current_thread() is threading.main_thread()
    ignored = signal.getsignal(signal.SIGINT) in (None, signal.SIG_IGN)
    return in_main and not ignored


def hide_retracing():
    """Hides what TensorFlow says of functions that are traced again and again.

    It is a fault in one training, and not in a process that trains many
    networks one after another.
    """
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def _check_installed(*packages):
    for package in packages:
        if importlib.util.find_spec(package) is None:
            backend = os.environ.get("KERAS_BACKEND", "tensorflow (default)")
            raise UserError(
                f"Expected {package} to be installed, which KERAS_BACKEND="
                f"{backend} needs (see BUILD.md). Received: no such package"
            )

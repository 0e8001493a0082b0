"""What every process does that trains or evaluates. Imports nothing heavy."""

import contextlib
import gc
import importlib
import importlib.util
import json
import logging
import os
import pathlib
import re
import signal
import sys
import tempfile
import threading

from dlgn_tf.command.interruption import Interruption
from dlgn_tf.errors import BackendError, UserError

BACKENDS = ("tensorflow", "jax")


def import_keras(backends=BACKENDS):
    """Imports Keras and its backend without what they print at start-up.

    TensorFlow's native code writes a handful of lines before its log level
    counts; they would stand before every message. They are shown if the import
    fails.

    What a user's `keras.json` says of layout and precision holds for models of
    their own. Here a command computes the same for everyone: both are Keras'
    defaults, and precision is chosen by flags.

    Raises:
        UserError: if the backend is none of those on which the command runs,
            or not installed, or Keras cannot read `keras.json`.
    """
    name = backend()
    if name not in backends:
        in_file = f"{_settings_path()} with backend "
        source = "KERAS_BACKEND=" if _named_backend() else in_file
        raise BackendError(
            f"Expected KERAS_BACKEND={' or '.join(backends)}. Received: "
            f"{source}{name}"
        )
    _check_installed("keras", name, "tensorboard")
    # Layers of Flax are no part of this package.
    os.environ["KERAS_NNX_ENABLED"] = "false"
    # What is imported has callbacks (of the garbage collector, of module
    # locks); Python drops a KeyboardInterrupt that is raised in one of them,
    # and the command would go on.
    caught = (signal.SIGINT,) if _ctrl_c_is_heeded() else ()
    with Interruption(caught) as interruption:
        _import_silently("keras")
    if interruption.signal:
        raise KeyboardInterrupt
    _pin_settings()


def tensorflow():
    """The module TensorFlow, for code that is written for it alone.

    Another backend, whose tensors it does not take, is a `BackendError`.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        raise BackendError(
            "Expected KERAS_BACKEND=tensorflow, for which this is written. "
            f"Received: KERAS_BACKEND={keras.backend.backend()}"
        )
    return importlib.import_module("tensorflow")


def backend():
    """The backend that Keras takes: of the environment, or of `keras.json`."""
    return _named_backend() or _settings().get("backend", "tensorflow")


def _named_backend():
    return os.environ.get("KERAS_BACKEND")


def _settings():
    """What `keras.json` says; nothing where there is none."""
    try:
        found = json.loads(_settings_path().read_text())
    except (OSError, ValueError):
        return {}
    except RecursionError:
        # Keras passes over what is no JSON, but not over this.
        found = "brackets nested too deep"
    if not isinstance(found, dict):
        raise UserError(
            f"Expected settings of Keras by name in {_settings_path()}. "
            f"Received: {found!r}"
        )
    return found


def _settings_path():
    """Where Keras looks for it."""
    home = pathlib.Path(os.path.expanduser("~"))
    home = home if os.access(home, os.W_OK) else pathlib.Path("/tmp")
    folder = os.environ.get("KERAS_HOME", home / ".keras")
    return pathlib.Path(folder, "keras.json").expanduser()


def _pin_settings():
    import keras

    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_dtype_policy("float32")


def _import_silently(name):
    standard_error = os.dup(2)
    here = name in sys.modules
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            with contextlib.nullcontext() if here else _no_garbage():
                importlib.import_module(name)
        except Exception as error:
            # Keras' words for a value that it does not know.
            if re.match("Invalid `.*` configuration", str(error)):
                raise UserError(f"{_settings_path()}: {error}") from error
            held.seek(0)
            os.write(standard_error, held.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)


@contextlib.contextmanager
def _no_garbage():
    """The garbage collector passes over what is made inside, now and later.

    It would go through TensorFlow's objects again and again: a third of the
    time that importing takes, and some of what a graph takes to be traced.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if enabled:
            gc.enable()


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
            raise UserError(
                f"Expected {package} to be installed, which KERAS_BACKEND="
                f"{backend()} needs (see docs/how_to/jax.md). Received: "
                "no such package"
            )

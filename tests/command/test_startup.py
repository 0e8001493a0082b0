"""A backend that cannot serve is refused before anything heavy is imported."""

import importlib.util
import itertools
import json
import os
import signal
import subprocess
import sys
import weakref

import pytest

from dlgn_tf.command import startup
from dlgn_tf.errors import UserError


def test_unknown_backend(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(UserError, match="Expected.*jax.*Received.*=torch"):
        startup.import_keras()


@pytest.fixture
def home(monkeypatch, tmp_path):
    """A function that makes a home folder with settings of Keras."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".keras").mkdir()

    def write(settings):
        (tmp_path / ".keras" / "keras.json").write_text(json.dumps(settings))

    return write


@pytest.mark.parametrize("name", ["torch", "numpy", "openvino", 3])
def test_backend_of_keras_json(home, monkeypatch, tmp_path, name):
    home({"backend": name})
    with pytest.raises(
        UserError, match=f"Received: .*keras.json with backend {name}"
    ):
        startup.import_keras()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / ".keras"))
    with pytest.raises(
        UserError, match=f"Received: .*keras.json with backend {name}"
    ):
        startup.import_keras()
    # The environment wins, and Keras passes over an empty name.
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert startup.backend() == "jax"
    monkeypatch.setenv("KERAS_BACKEND", "")
    assert startup.backend() == name
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert startup.backend() == "tensorflow"


def test_settings_that_are_none(home, tmp_path):
    home([1])
    with pytest.raises(UserError, match=r"by name in .*json. Received: \[1\]"):
        startup.import_keras()
    (tmp_path / ".keras" / "keras.json").write_text("{")
    assert startup.backend() == "tensorflow"
    (tmp_path / ".keras" / "keras.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match="by name in .*json. Received: .*deep"):
        startup.import_keras()


def test_settings_that_keras_refuses(home, package_environment, tmp_path):
    home({"image_data_format": "NHWC"})
    done = subprocess.run(
        [sys.executable, "-m", "dlgn_tf.splines", f"--output_dir={tmp_path}/x"],
        env={**os.environ, "PYTHONPATH": package_environment["PYTHONPATH"]},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "keras.json: Invalid `image_data_format`" in line
    assert line.endswith("Received: image_data_format=NHWC")


def test_commands_compute_the_same_under_all_settings():
    """Keras has read keras.json by then."""
    import keras

    for layout, floatx, epsilon in itertools.product(
        ("channels_first", "channels_last"),
        ("float16", "float32", "float64"),
        (1e-7, 1e-3),
    ):
        keras.config.set_image_data_format(layout)
        keras.config.set_floatx(floatx)
        keras.config.set_epsilon(epsilon)
        keras.config.set_dtype_policy(floatx)
        startup.import_keras()
        assert keras.config.image_data_format() == "channels_last"
        assert keras.config.floatx() == "float32"
        assert keras.config.epsilon() == 1e-7
        assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize(
    ("backend", "missing"),
    [
        (None, "tensorflow"),
        ("tensorflow", "tensorflow"),
        ("jax", "jax"),
        ("jax", "tensorboard"),
    ],
)
def test_missing_package(backend, missing, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    if backend:
        monkeypatch.setenv("KERAS_BACKEND", backend)
    find = importlib.util.find_spec
    monkeypatch.setattr(
        startup.importlib.util,
        "find_spec",
        lambda name: None if name == missing else find(name),
    )
    with pytest.raises(UserError, match=f"Expected {missing}.*Received"):
        startup.import_keras()


def ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


class Thing:
    """What weak references point to."""


@pytest.fixture
def importing(monkeypatch):
    """A function that sets what is done in place of importing Keras."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    before = signal.getsignal(signal.SIGINT)

    def importing(function):
        monkeypatch.setattr(
            startup.importlib, "import_module", lambda name: function()
        )

    yield importing
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_in_a_callback_is_not_lost(importing):
    """Python drops exceptions of such callbacks."""

    def load():
        thing = Thing()
        kept.append(weakref.ref(thing, lambda _: ctrl_c()))
        del thing
        done.append("rest of the import")

    kept, done = [], []
    importing(load)
    with pytest.raises(KeyboardInterrupt):
        startup.import_keras()
    assert done


def test_a_second_ctrl_c_acts_at_once(importing):
    def load():
        ctrl_c()
        done.append("first")
        ctrl_c()
        done.append("second")

    done = []
    importing(load)
    with pytest.raises(KeyboardInterrupt):
        startup.import_keras()
    assert done == ["first"]


def test_ctrl_c_is_ignored_where_it_was(importing):
    """As in what a shell script runs in the background."""
    importing(ctrl_c)
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        startup.import_keras()
    finally:
        signal.signal(signal.SIGINT, before)

"""A backend that cannot serve is refused before anything heavy is imported."""

import importlib.util
import os
import signal
import weakref

import pytest

from dlgn_tf import startup
from dlgn_tf.errors import UserError


def test_unknown_backend(monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    with pytest.raises(UserError, match="Expected.*jax.*Received.*=torch"):
        startup.import_keras()


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

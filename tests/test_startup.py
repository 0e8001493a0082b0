"""A backend that cannot serve is refused before anything heavy is imported."""

import importlib.util

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

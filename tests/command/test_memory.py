"""What a process says of its memory, where Linux does not."""

import pathlib
import resource
import sys
import types

import pytest

from dlgn_tf.command import memory


@pytest.mark.parametrize(
    "platform, largest", [("darwin", 3 * 2**30), ("freebsd", 3 * 2**20)]
)
def test_the_peak_is_in_gib(platform, largest, monkeypatch):
    """The system counts bytes on macOS, and KiB elsewhere."""
    usage = types.SimpleNamespace(ru_maxrss=largest)
    monkeypatch.setattr(pathlib.Path, "read_text", lambda _: "no such line")
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(resource, "getrusage", lambda _: usage)
    assert memory.peak_gib() == 3.0

"""Standard streams that are closed, or that take nothing."""

import contextlib
import os
import sys

import pytest

from dlgn_tf.command import standard_output


@pytest.fixture
def printed_to(monkeypatch):
    """A function that has a process print to a file."""
    opened = []

    def printed_to(path):
        opened.append(open(path, "w"))
        monkeypatch.setattr(sys, "stdout", opened[-1])

    yield printed_to
    for file in opened:
        file.close()


@pytest.mark.parametrize("name", ["stdin", "stdout", "stderr"])
def test_a_closed_stream_is_opened(name, monkeypatch):
    before = getattr(sys, name)
    standard_output.open_closed()
    assert getattr(sys, name) is before
    monkeypatch.setattr(sys, name, None)
    standard_output.open_closed()
    with getattr(sys, name) as stream:
        assert os.path.samestat(os.fstat(stream.fileno()), os.stat(os.devnull))


@pytest.mark.parametrize("path, broken", [("/dev/full", True), (None, False)])
def test_a_full_disk_is_no_standard_output(path, broken, printed_to, tmp_path):
    printed_to(path or tmp_path / "file")
    # As a command finds out.
    with contextlib.suppress(OSError):
        print("text", flush=True)
    assert standard_output.is_broken() == broken
    # What follows goes nowhere.
    print("text", flush=True)

"""A run keeps what it was made with."""

import dataclasses
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys

import pytest

import dlgn_tf
from dlgn_tf.errors import UserError
from dlgn_tf.output import origin
from dlgn_tf.output.origin import Origin
from dlgn_tf.training.run_directory import RunDirectory

FIRST = Origin("abc", "tensorflow", "keras 1", "two cores")


@pytest.fixture
def directory(tmp_path):
    return RunDirectory(tmp_path)


def test_what_is_here():
    found = origin.here()
    root = pathlib.Path(dlgn_tf.__file__).parents[1]

    def git(*words):
        command = ["git", "-C", root, *words]
        run = subprocess.run(command, capture_output=True, text=True)
        return run.stdout.strip()

    commit = git("rev-parse", "HEAD") or "unknown"
    if git("status", "--porcelain", "--", "dlgn_tf", "flags"):
        commit += ", with changes"
    assert found.commit == commit
    assert f"numpy {importlib.metadata.version('numpy')}" in found.versions
    assert f"{os.cpu_count()} cores" in found.machine


def test_a_run_from_before_is_unknown(directory):
    assert origin.of_run(directory) == Origin(*["unknown"] * 4)


def test_it_stays_that_of_the_run(directory):
    origin.note(directory, FIRST)
    origin.note(directory, FIRST)
    assert origin.of_run(directory) == FIRST


def test_a_run_that_goes_on_elsewhere_has_both(directory):
    other = dataclasses.replace(FIRST, commit="def", machine="a GPU")
    for one in (FIRST, other, FIRST):
        origin.note(directory, one)
    assert origin.of_run(directory) == Origin(
        "abc / def", "tensorflow", "keras 1", "two cores / a GPU"
    )


@pytest.mark.parametrize("text", ["", "[1]", '[{"commit": "a", "b": "c"}]'])
def test_a_damaged_file_is_refused(directory, text):
    (directory.path / "origin.json").write_text(text)
    with pytest.raises(UserError, match="origin.json"):
        origin.of_run(directory)


def test_commands_of_a_folder(tmp_path, monkeypatch):
    for arguments in (["-m", "x", "--a=1 2"], ["-m", "y"], ["-m", "y"]):
        monkeypatch.setattr(sys, "orig_argv", ["/bin/python3", *arguments])
        origin.note_command(tmp_path / "results")
    found = json.loads((tmp_path / "results" / "commands.json").read_text())
    assert list(found) == ["python -m x '--a=1 2'", "python -m y"]
    assert set(found["python -m y"]) == {
        "commit",
        "backend",
        "versions",
        "machine",
    }


@pytest.mark.parametrize("text", ["{", "3", '["a"]'])
def test_damaged_commands_are_refused(tmp_path, text):
    path = tmp_path / "commands.json"
    path.write_text(text)
    with pytest.raises(UserError, match="Received: .*commands.json, "):
        origin.note_command(tmp_path)
    assert path.read_text() == text

"""Event files are cut back to a checkpoint, and nothing is lost unsaid."""

import gc
import os
import pathlib
import sys
import warnings

import pytest
from tensorboard.compat.proto.summary_pb2 import Summary

from dlgn_tf.training import event_file

STEPS = (1, 2, 3, 4)


@pytest.fixture
def path(tmp_path):
    """One file with a value at each of `STEPS`; all records of one size."""
    file = event_file.EventFile(tmp_path)
    for step in STEPS:
        value = Summary.Value(tag="loss", simple_value=step / 2)
        file.add(Summary(value=[value]), step)
    file.flush()
    (path,) = tmp_path.iterdir()
    return path


def steps(folder):
    return [step for step, _, _ in event_file.read_events(folder)]


def flip(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 0xFF
    path.write_bytes(content)
    return bytes(content)


@pytest.mark.parametrize("last", [0, 2, 4, 9])
def test_events_after_a_step_go(path, last):
    event_file.drop_events_after(path.parent, last)
    assert steps(path.parent) == [step for step in STEPS if step <= last]


def test_nothing_is_rewritten_without_need(path):
    before = path.stat().st_ino, path.read_bytes()
    event_file.drop_events_after(path.parent, 4)
    assert (path.stat().st_ino, path.read_bytes()) == before


@pytest.mark.parametrize("cut", [1, 11, 30])
def test_half_a_record_goes_silently(path, cut, capsys):
    path.write_bytes(path.read_bytes()[:-cut])
    event_file.drop_events_after(path.parent, 4)
    assert steps(path.parent) == [1, 2, 3]
    assert capsys.readouterr().out == ""
    assert list(path.parent.iterdir()) == [path]


def begins(path):
    """Where each record begins, from their lengths."""
    content, found = path.read_bytes(), [0]
    while found[-1] < len(content):
        at = found[-1]
        length = int.from_bytes(content[at : at + 8], "little")
        found.append(at + length + 16)
    return found[:-1]


# In the length of the record of step 3, its checksum, and its data.
@pytest.mark.parametrize("offset", [0, 1, 7, 9, 14])
def test_damaged_file_is_kept_aside(path, offset, capsys):
    damaged = flip(path, begins(path)[3] + offset)
    # What a kill left of an earlier attempt is no hindrance.
    aside = path.with_name(path.name.replace("tfevents", "damaged"))
    aside.write_bytes(b"half")
    event_file.drop_events_after(path.parent, 4)
    assert steps(path.parent) == [1, 2]
    (aside,) = path.parent.glob("*damaged*")
    assert aside.read_bytes() == damaged
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert str(path) in said and aside.name in said
    event_file.drop_events_after(path.parent, 4)
    assert capsys.readouterr().out == ""


def open_files():
    """What this process holds open, by name."""
    found = []
    for descriptor in pathlib.Path("/proc/self/fd").iterdir():
        try:
            found.append(os.readlink(descriptor))
        except FileNotFoundError:
            continue
    return found


def test_no_file_stays_open_after_an_exception(
    train_run, fake_engine, tmp_path, monkeypatch
):
    from dlgn_tf.training import loop

    def fail(run):
        assert any("tfevents" in name for name in open_files())
        raise RuntimeError("in the middle of a run")

    monkeypatch.setattr(loop._Run, "_evaluate", fail)
    small = ("--depth=2", "--width=2", "--batch_size=8", "--train_steps=1")
    with pytest.raises(RuntimeError, match="in the middle"):
        train_run(tmp_path, "fc_dnn", *small)
    assert not any("tfevents" in name for name in open_files())


def test_a_run_leaves_none_open(train, resolve, tmp_path, monkeypatch):
    """Python warns of files that it has to close itself, or raises."""
    forgotten = []
    monkeypatch.setattr(sys, "unraisablehook", forgotten.append)
    small = ("--model=fc_dlgn", "--width=2", "--depth=2", "--dataset=digits")
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        train(resolve(*small, "--train_steps=2", f"--run_dir={tmp_path}"))
        gc.collect()
    assert not forgotten
    assert not [x for x in open_files() if x.startswith(str(tmp_path))]

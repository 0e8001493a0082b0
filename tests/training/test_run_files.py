"""A run touches only files of its own, and ends in a line if it cannot.

What counts is what is written and deleted around an engine that computes
nothing.
"""

import builtins
import contextlib
import errno
import io
import itertools
import os
import shutil
import zipfile

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.training import event_file
from dlgn_tf.training import records as records_lib
from dlgn_tf.training.run_directory import RunDirectory
from dlgn_tf.training.totals import Totals

IMAGES = np.zeros((2, 8, 8, 1), np.uint8)


@pytest.fixture
def run(resolve, fake_engine):
    """A function that trains in a directory up to a step."""

    def train(path, until):
        config = resolve(
            "--model=c4gap_dlgn",
            "--dataset=digits",
            f"--run_dir={path}",
            "--keep_checkpoints=2",
        )
        directory, engine = RunDirectory(path), fake_engine()
        directory.check(config)
        with directory.locked():
            directory.check(config)
            records = records_lib.Records(config, directory, engine)
            with contextlib.closing(records):
                records.restore()
                records.begin(IMAGES)
                while engine.step < until:
                    if not engine.step:
                        records.save_snapshot()
                    engine.step += 1
                    totals = Totals(100, 1, 1.0, 0.0, 100 - engine.step, 0.0)
                    records.totals = totals
                    records.training_point(1.0)
                    records.evaluation(totals, IMAGES)
                    records.save()
                records.save_model()

    return train


def tree(path):
    """Bytes of the files under a path; None for folders, text for links."""
    return {
        str(x.relative_to(path)): os.readlink(x)
        if x.is_symlink()
        else None
        if x.is_dir()
        else x.read_bytes()
        for x in sorted(path.rglob("*"))
    }


def test_what_a_run_leaves(run, tmp_path):
    """Twice two steps: the first two checkpoints are gone."""
    for step in (2, 4):
        run(tmp_path / "run", step)
    names = {name for name in tree(tmp_path / "run") if "tfevents" not in name}
    assert names == {
        "best.keras",
        "checkpoints",
        "checkpoints/ckpt-3.index",
        "checkpoints/ckpt-3.json",
        "checkpoints/ckpt-4.index",
        "checkpoints/ckpt-4.json",
        "flags.txt",
        "lock",
        "metrics.jsonl",
        "model.keras",
        "snapshots",
        "snapshots/step-00000000.keras",
        "test",
        "train",
    }
    metrics = RunDirectory(tmp_path / "run").read_metrics()
    assert [line["step"] for line in metrics] == [1, 2, 3, 4]


def test_links_are_not_followed(run, tmp_path):
    """Each file and folder of a run, and what it is written by, as a link.

    What it points to stays as it is, whether the run is refused or goes on.
    """
    run(tmp_path / "run", 2)
    whole = list(tree(tmp_path / "run"))
    whole += [".partial.flags.txt", ".flags.txt.partial", ".partial.best.keras"]
    whole += [
        ".partial.metrics.jsonl",
        ".partial.keras",
        "checkpoints/.partial",
    ]
    whole += ["checkpoints/checkpoint", "checkpoints/ckpt-3.index"]
    refused = set()
    for number, name in enumerate(whole):
        copy, outside = tmp_path / f"copy{number}", tmp_path / f"out{number}"
        shutil.copytree(tmp_path / "run", copy)
        shutil.copytree(copy, outside)
        target = outside / name
        if target.is_dir():
            shutil.rmtree(copy / name)
        else:
            (copy / name).unlink(missing_ok=True)
            target.touch()
        (copy / name).symlink_to(target)
        before = tree(outside)
        try:
            run(copy, 4)
        except UserError as error:
            assert "Expected" in str(error) and "\n" not in str(error)
            refused.add(name)
        assert tree(outside) == before, name
    assert refused == {"checkpoints", "lock", "snapshots", "test", "train"}


class Faults:
    """Lets one call of the system fail, the n-th that could.

    Counted are files opened to be written, their writes and closing, and what
    `os` does to files and folders, on paths below a folder.
    """

    CALLS = ("close", "fsync", "ftruncate", "mkdir", "open", "replace", "rmdir")
    CALLS += ("unlink", "write")

    def __init__(self, monkeypatch, folder):
        self._folder, self._open = str(folder), io.open
        for name in self.CALLS:
            counted = self._counted(getattr(os, name), name)
            monkeypatch.setattr(os, name, counted)
        for module in (io, builtins):
            monkeypatch.setattr(module, "open", self._open_file)
        self.arm(None, None)

    def arm(self, number, code):
        """Makes the call of a number fail; the counting starts anew."""
        self.count, self._number, self._code = 0, number, code

    def call(self, name):
        self.count += 1
        if self.count == self._number:
            self.failed = name
            raise OSError(self._code, os.strerror(self._code), name)

    def _counted(self, function, name):
        def counted(*args, **named):
            if not self._concerns(args[0]):
                return function(*args, **named)
            if name == "close":
                # As Linux does it: closed in any case.
                function(*args)
                return self.call(name)
            self.call(name)
            return function(*args, **named)

        return counted

    def _concerns(self, path):
        if isinstance(path, int):
            path = os.readlink(f"/proc/self/fd/{path}")
        return str(path).startswith(self._folder)

    def _open_file(self, path, mode="r", *args, **named):
        if set(mode) <= set("rbt") or not self._concerns(path):
            return self._open(path, mode, *args, **named)
        self.call("open")
        raw = _Raw(path, mode.replace("b", "").replace("t", ""))
        raw.faults = self
        kind = io.BufferedRandom if "+" in mode else io.BufferedWriter
        buffered = kind(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered)


class _Raw(io.FileIO):
    def write(self, data):
        self.faults.call("write")
        return super().write(data)

    def close(self):
        if not self.closed:
            super().close()
            self.faults.call("close")


def outcome(path):
    """What a run left, without times and the process; zip files by content."""
    found = {}
    for name, content in tree(path).items():
        if name.endswith(".keras"):
            with zipfile.ZipFile(path / name) as archive:
                content = {x: archive.read(x) for x in archive.namelist()}
        # A folder that could not be removed goes with the next checkpoint.
        passing = name in ("lock", "checkpoints/.partial")
        if not passing and "tfevents" not in name:
            found[name] = content
    for part in ("train", "test"):
        events = event_file.read_events(path / part)
        found[part] = [(step, tag) for step, tag, _ in events]
    return found


def test_a_failing_system_ends_in_a_line(run, tmp_path, monkeypatch):
    """At every call: a line, or the same files. Going on makes up for it."""
    place = tmp_path / "run"
    run(place, 1)
    start = shutil.copytree(place, tmp_path / "start")
    faults = Faults(monkeypatch, place)
    run(place, 2)
    calls, expected, refused = faults.count, outcome(place), 0
    codes = ("ENOSPC", "EIO", "EROFS", "EBUSY", "EDQUOT")
    for number, code in zip(range(1, calls + 1), itertools.cycle(codes)):
        shutil.rmtree(place)
        shutil.copytree(start, place)
        faults.arm(number, getattr(errno, code))
        try:
            run(place, 2)
        except UserError as error:
            assert "Expected" in str(error) and "\n" not in str(error)
            faults.arm(None, None)
            run(place, 2)
            refused += 1
        assert outcome(place) == expected, (number, faults.failed)
    assert calls > 60
    assert refused > 0.7 * calls


def _moved(path):
    path.rename(path.with_name("moved"))


def _replaced(path):
    _moved(path)
    path.mkdir()


def _deleted(path):
    shutil.rmtree(path)


@pytest.mark.parametrize("go", [_moved, _replaced, _deleted])
def test_a_folder_that_goes_away(go, run, tmp_path, monkeypatch):
    """It would come up again without its flags; where it went it is whole."""
    path, point = tmp_path / "run", records_lib.Records.training_point

    def training_point(records, images_per_second):
        point(records, images_per_second)
        if records._engine.step == 3:
            go(path)

    monkeypatch.setattr(records_lib.Records, "training_point", training_point)
    with pytest.raises(UserError, match="to stay where it is") as error:
        run(path, 5)
    assert "\n" not in str(error.value)
    assert not path.exists() or not [*path.iterdir()]
    monkeypatch.undo()
    if go is not _deleted:
        if path.exists():
            path.rmdir()
        path.with_name("moved").rename(tmp_path / "again")
        run(tmp_path / "again", 5)
        evaluations = RunDirectory(tmp_path / "again").read_metrics()
        assert [x["step"] for x in evaluations] == [1, 2, 3, 4, 5]


def test_checkpoints_that_go_away_are_written_again(run, tmp_path, monkeypatch):
    path, point = tmp_path / "run", records_lib.Records.training_point

    def training_point(records, images_per_second):
        point(records, images_per_second)
        if records._engine.step == 3:
            shutil.rmtree(path / "checkpoints")

    monkeypatch.setattr(records_lib.Records, "training_point", training_point)
    run(path, 5)
    kept = {x.name for x in (path / "checkpoints").iterdir()}
    assert {"ckpt-4.json", "ckpt-5.json"} <= kept

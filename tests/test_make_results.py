"""The commands that measure results/ again, and what joins their rows."""

import csv
import dataclasses
import functools
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

from dlgn_tf.command import fields
from dlgn_tf.config import TrainingFlags
from dlgn_tf.errors import UserError
from dlgn_tf.output import origin

ROOT = pathlib.Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(
    not (ROOT / "tools" / "make_results").is_file(),
    reason="tools/ belongs to the checkout",
)

# Where things lie is another on each machine, and words on data are free.
PLACES = ("run_dir", "data_dir", "output", "runs_dir", "gates", "jobs")
PLACES += ("model_path", "init_from", "torch_python", "remark")
# A table may be measured arm by arm.
PLACES += ("neural_tangents_python", "cells")
# Stands for python: writes down what it is called with, and does nothing.
STUB = """#!/bin/sh
[ -z "$FAIL" ] || exit 3
for word; do printf '%s\\n' "$word" >> "$LOG"; done
echo >> "$LOG"
"""


@pytest.fixture
def make(tmp_path):
    """A function that runs the script on a copy, in which Python is a stub."""
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    stubs = tmp_path / "venv" / "bin"
    stubs.mkdir(parents=True)
    for name in ("python", "cp"):
        (stubs / name).write_text(STUB)
        (stubs / name).chmod(0o755)
    shutil.copy(ROOT / "setup.cfg", tmp_path / "venv" / "dlgn_tf.installed")
    (tmp_path / "resnet32.index").touch()
    log = tmp_path / "log"

    def run(*arguments, checkpoint=tmp_path / "resnet32", fail=""):
        log.write_text("")
        done = subprocess.run(
            [tmp_path / "tools" / "make_results", *arguments],
            env={
                **os.environ,
                "DLGN_TF_VENV": str(stubs.parent),
                "LOG": str(log),
                "DATA_DIR": "DATA",
                "CHECKPOINT": str(checkpoint),
                "FAIL": fail,
            },
            capture_output=True,
            text=True,
        )
        blocks = log.read_text().split("\n\n")
        return done, [block.splitlines() for block in blocks if block]

    return run


def essence(words):
    """A command without what may differ: module and flags, sorted."""
    kept = [w.lstrip("-") for w in words if w not in ("python", "-m")]
    return sorted(w for w in kept if not w.startswith(PLACES))


def folders():
    found = (ROOT / "results").iterdir()
    return sorted(path.name for path in found if path.is_dir())


def test_every_folder_can_be_measured(make):
    done, _ = make("--list")
    listed = done.stdout.split()
    assert len(listed) == len({*listed})
    # A folder is listed before it is measured for the first time.
    assert {*listed} >= {*folders(), "claims"}


@pytest.mark.parametrize("folder", folders())
def test_commands_are_those_that_the_folder_was_made_with(make, folder):
    done, commands = make(folder)
    assert done.returncode == 0, done.stderr
    known = [essence(words) for words in commands]
    for noted in (ROOT / "results" / folder).rglob("commands.json"):
        for line in json.loads(noted.read_text()):
            if not line.startswith("tools/make_results"):
                assert essence(shlex.split(line)) in known, line
    noted, index = commands[-2:]
    assert noted[:3] == [
        "tools/note_folder.py",
        f"--folder=results/{folder}",
        f"--command=tools/make_results {folder}",
    ]
    assert index == ["tools/index_results.py"]


def test_every_flag_exists(make):
    """Of training: the others' are in the commands that were noted."""
    done, commands = make(*folders())
    assert done.returncode == 0, done.stderr
    trained = [words for words in commands if "dlgn_tf.train" in words]
    names = {
        word[2:].partition("=")[0]
        for words in trained
        for word in words
        if word.startswith("--") and not word.startswith("--flagfile")
    }
    assert len(trained) >= 24
    assert names <= set(fields.of(TrainingFlags))


@pytest.mark.parametrize("folder", ["nothing", "theorem", "layer_removal x"])
def test_unknown_folders_are_refused(make, folder):
    done, commands = make("theorems", folder)
    assert done.returncode == 2 and not commands
    (line,) = done.stderr.splitlines()
    assert line.endswith(f"Received: {folder}")


def test_a_missing_checkpoint_is_named(make):
    done, commands = make("frozen_gates", checkpoint="nowhere")
    assert done.returncode == 2 and not commands
    assert re.search(r"Received: CHECKPOINT=/\S*/nowhere\n$", done.stderr)


def test_a_failure_keeps_what_was_noted(make, tmp_path):
    kept = tmp_path / "results" / "theorems" / "commands.json"
    kept.parent.mkdir(parents=True)
    kept.write_text("{}")
    done, _ = make("theorems", fail="yes")
    assert done.returncode == 3
    assert kept.read_text() == "{}"


def test_relative_paths_are_those_of_the_caller(make, tmp_path):
    _, commands = make("layer_removal")
    assert f"--data_dir={pathlib.Path.cwd() / 'DATA'}" in commands[0]
    assert f"--init_from={tmp_path / 'resnet32'}" in commands[1]


@pytest.fixture
def tool(tmp_path, load_tool, in_this_process, monkeypatch):
    """A function that runs a tool in this process, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(name, *flags_given):
        in_this_process(load_tool(name), *flags_given)

    return run


def test_notes_of_other_commits_and_paths_go(tool, tmp_path):
    here = dataclasses.asdict(origin.here())
    folder = tmp_path / "results"
    (folder / "inside").mkdir(parents=True)
    (folder / "inside" / "commands.json").write_text(
        json.dumps(
            {
                "python x --data_dir=/a/data --from=/a/data/x": here,
                "python y": {**here, "commit": "another"},
            }
        )
    )
    report = folder / "inside" / "report.md"
    report.write_text("`--dataset=a --data_dir=/a/data`, of data in /a/data")
    tool(
        "note_folder",
        "--folder=results",
        "--command=make it",
        "--paths=DIR=/a/data,PREFIX=/a/data/x",
    )
    noted = json.loads((folder / "commands.json").read_text())
    assert noted == {"make it": here}
    inside = json.loads((folder / "inside" / "commands.json").read_text())
    assert inside == {"python x --data_dir=DIR --from=PREFIX": here}
    said = "`--dataset=a --data_dir=DIR`, of data in /a/data"
    assert report.read_text() == said


@pytest.fixture
def join(tool):
    return functools.partial(tool, "join_rows")


def write(path, header, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def test_rows_of_seeds(join, tmp_path, read_table):
    for seed in (10, 9):
        header = ["step", "error"]
        write(tmp_path / f"a-{seed}" / "x.csv", header, [1, seed], [2, 0.5])
    join("--from=a-*/x.csv", "--output=all.csv")
    found = [list(row.values()) for row in read_table(tmp_path / "all.csv")]
    assert found == [
        ["9", "1", "9"],
        ["9", "2", "0.5"],
        ["10", "1", "10"],
        ["10", "2", "0.5"],
    ]


def test_last_evaluations_of_runs(join, tmp_path, read_table):
    shown = {"test_classification_loss": 1.5, "test_images": 8}
    for name, accuracy in (("a", 0.25), ("b", 0.75)):
        path = tmp_path / f"{name}-0" / "metrics.jsonl"
        path.parent.mkdir()
        lines = [
            {"step": 1, "test_accuracy": 0.125, **shown},
            {"step": 2, "test_accuracy": accuracy, "else": 3, **shown},
            {"step": 2, "loss": 1.0},
        ]
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    join(
        "--from=y=b-*/metrics.jsonl,x=a-*/metrics.jsonl",
        "--column=gates",
        "--output=all.csv",
    )
    assert read_table(tmp_path / "all.csv") == [
        {
            "gates": word,
            "seed": "0",
            "step": "2",
            "test_accuracy": accuracy,
            "test_classification_loss": "1.5",
            "test_images": "8",
        }
        for word, accuracy in (("y", "0.75"), ("x", "0.25"))
    ]


@pytest.mark.parametrize(
    ("flags_given", "received"),
    [
        (["--from=a-*/x.csv"], "no --output"),
        (["--output=all.csv"], "no --from"),
        (["--from=b-*/x.csv", "--output=all.csv"], "finds none"),
        (["--from=a-1/x.csv", "--output=all.csv"], "finds none"),
        (["--from=k=a-*/x.csv", "--output=all.csv"], "--column=None"),
        (["--from=a-*/x.csv", "--column=k", "--output=all.csv"], "--column=k"),
        (["--from=a-*/x.csv,c-*/x.csv", "--output=all.csv"], "2 kinds"),
        (["--from=e-*/x.csv", "--output=all.csv"], "0 kinds"),
        (["--from=e-*/m.jsonl", "--output=all.csv"], "0 kinds"),
        (["--from=a-*/x.csv,./a-*/x.csv", "--output=all.csv"], "read once"),
        (["--from=a-*/x.csv", "--output=a-1/x.csv"], "not replaced"),
        (["--from=f-*/x.csv", "--output=all.csv"], "each seed once"),
        (["--from=g-*/x.csv", "--output=all.csv"], "several lengths"),
        (["--from=h-*/x.csv", "--output=all.csv"], "UnicodeDecodeError"),
        (["--from=h-*/m.jsonl", "--output=all.csv"], "JSONDecodeError"),
        (["--from=i-*/m.jsonl", "--output=all.csv"], "KeyError"),
    ],
)
def test_refusals(join, tmp_path, flags_given, received):
    write(tmp_path / "a-1" / "x.csv", ["step"], [1])
    write(tmp_path / "c-1" / "x.csv", ["epoch"], [1])
    write(tmp_path / "e-1" / "x.csv", ["step"])
    (tmp_path / "e-1" / "m.jsonl").write_text('{"step": 1, "loss": 0.5}\n')
    for name in ("f-1", "f-01", "h-1"):
        write(tmp_path / name / "x.csv", ["step"], [1])
    write(tmp_path / "g-1" / "x.csv", ["step"], [1, 2])
    (tmp_path / "h-1" / "x.csv").write_bytes(b"a\n\xff\n")
    (tmp_path / "h-1" / "m.jsonl").write_text('{"step": 1, "te')
    (tmp_path / "i-1").mkdir()
    (tmp_path / "i-1" / "m.jsonl").write_text('{"test_accuracy": 0.5}\n')
    kept = (tmp_path / "a-1" / "x.csv").read_bytes()
    with pytest.raises(UserError, match=re.escape(received)):
        join(*flags_given)
    assert not (tmp_path / "all.csv").exists()
    assert (tmp_path / "a-1" / "x.csv").read_bytes() == kept


def test_brackets_in_a_pattern_are_no_pattern(join, tmp_path, read_table):
    write(tmp_path / "a[1]-0" / "x.csv", ["step"], [7])
    write(tmp_path / "a1-0" / "x.csv", ["step"], [8])
    join("--from=a[1]-*/x.csv", "--output=all.csv")
    assert read_table(tmp_path / "all.csv") == [{"seed": "0", "step": "7"}]

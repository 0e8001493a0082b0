"""Flags that name paths mean the local file system, in every command."""

import dataclasses
import importlib
import os
import pathlib
import re
import typing
from unittest import mock

import pytest

import dlgn_tf
from dlgn_tf import export
from dlgn_tf.command import fields
from dlgn_tf.errors import UserError
from dlgn_tf.output import run_names

PACKAGE = pathlib.Path(dlgn_tf.__file__).parent
TOOLS = [
    path
    for path in sorted(pathlib.Path(__file__).parents[2].glob("tools/*.py"))
    # One that needs nothing but Python has no flags of ours.
    if "class Command" in path.read_text()
]
# Flags that take text and name no file or folder.
NO_PATHS = {
    "cells",
    "checkpoint_every",
    "column",
    "command",
    "commit",
    "dataset",
    "from_",
    "gate_permutation",
    "image_size",
    "keep",
    "label",
    "layer",
    "layers",
    "model",
    "name",
    "only",
    "orders",
    "paper",
    "paths",
    "positions",
    "remark",
    "scheduler",
    "sites",
    "table",
    "uses",
}


def commands():
    """The modules that `python -m` runs."""
    for file in PACKAGE.rglob("*.py"):
        if "cli.run(" in file.read_text() and file.name != "cli.py":
            parts = file.relative_to(PACKAGE).with_suffix("").parts
            yield importlib.import_module(".".join(("dlgn_tf", *parts)))


def test_every_flag_that_takes_text_is_known_as_path_or_not(load_tool):
    named, others = set(), set()
    for module in [*commands(), *(load_tool(tool.stem) for tool in TOOLS)]:
        # Of a package whose __main__ only starts it.
        command = getattr(module, "command", module).Command
        known = fields.of(command)
        for field in dataclasses.fields(command):
            types = (field.type, *typing.get_args(field.type))
            if field.name in known and {str, tuple[str, ...]} & {*types}:
                if known[field.name].path:
                    named.add(field.name)
                elif not known[field.name].choices:
                    others.add(field.name)
    assert named >= {"run_dir", "run_dirs", "npz", "output", "data_dir"}
    assert others == NO_PATHS


@dataclasses.dataclass(frozen=True)
class Places(fields.Command):
    """Flags that name paths."""

    claims: str | None = fields.flag(None, "", path=True)
    export_dir: str | None = fields.flag(None, "", path=True)
    init_from: str | None = fields.flag(None, "", path=True)
    npz: str | None = fields.flag(None, "", path=True)
    output: str | None = fields.flag(None, "", path=True)
    output_dir: str | None = fields.flag(None, "", path=True)
    run_dirs: tuple[str, ...] = fields.flag((), "", path=True)


def check(**texts):
    """The `Places` of texts of flags, by their names."""
    return fields.parse(Places, [f"--{k}={v}" for k, v in texts.items()])


@pytest.mark.parametrize("name", ["npz", "run_dirs"])
def test_paths_are_local_and_can_be_written_down(name, monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    for text, expected in {
        "~/runs/one": "/home/somebody/runs/one",
        "a/~": "a/~",
        "run[1]*?\\": "run[1]*?\\",
        "läufe/一 (2)'": "läufe/一 (2)'",
    }.items():
        found = getattr(check(**{name: text}), name)
        assert found == ((expected,) if name == "run_dirs" else expected)
    for text, what in {
        "gs://bucket/run": "this machine's",
        "hdfs://x/y": "this machine's",
        "x" * 300: "names of at most 255 bytes",
        "ü" * 130: "names of at most 255 bytes",
        "/x" * 3000: "at most 4000 bytes",
    }.items():
        with pytest.raises(UserError, match=f"--{name}. Expected .*{what}"):
            check(**{name: text})
    for text in (os.fsdecode(b"x\xff"), "a\nb", "a\0b", "\x1b[2J"):
        with pytest.raises(UserError, match="Expected flags of printable"):
            check(**{name: text})
    for text in ("a ", "a\u3000"):
        with pytest.raises(UserError, match="do not end in a space"):
            check(**{name: text})


@pytest.fixture
def run(tmp_path):
    """The directory of a run that was never trained."""
    for folder in ("run/checkpoints", "run/inspection", "run/permutation-1032"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in ("run", "run/permutation-1032"):
        (tmp_path / folder / "flags.txt").touch()
    (tmp_path / "run/permutation-1032/model.keras").touch()
    return tmp_path / "run"


def test_nothing_is_written_in_the_place_of_what_a_run_keeps(run, monkeypatch):
    """Of every name that its parts write, whatever path leads there."""
    link = run.with_name("link")
    link.symlink_to(run)
    kept = [x for x in vars(run_names).values() if isinstance(x, str) and x]
    kept = [x for x in kept if re.fullmatch(r"[a-z]+(\.[a-z]+)?", x)]
    assert {"flags.txt", "lock", "best.keras"} <= {*kept}
    assert len(kept) >= 11
    kept += ["train", "test", "checkpoints/ckpt-5.json", "train/.", "lock/"]
    kept += [".partial.flags.txt", "permutation-1032/model.keras"]
    for name in kept:
        for flag in ("output", "output_dir", "export_dir"):
            for folder in (run, link, f"{run}/inspection/.."):
                with pytest.raises(UserError, match=f"--{flag} to be none of"):
                    check(**{flag: f"{folder}/{name}"})
    for name in (".", "inspection", "a.json", "permutation-1032/a.json"):
        check(output=f"{run}/{name}")
        check(output_dir=f"{run}/{name}")
    # What cannot be looked into is for whoever writes there to say.
    (run.parent / "loop").symlink_to("loop")
    for name in ("loop", "loop/a", "no/a"):
        check(output=f"{run.parent}/{name}")
    with monkeypatch.context() as patch:
        patch.setattr(run_names.os, "listdir", mock.Mock(side_effect=OSError))
        check(output=f"{run}/flags.txt")
    # Elsewhere these are names like others.
    check(output=f"{run.parent}/flags.txt", export_dir=f"{run.parent}/train")


def test_what_is_read_is_not_replaced(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    for flag in ("npz", "claims", "init_from", "run_dirs"):
        with pytest.raises(UserError, match=f"--output apart from --{flag}"):
            check(**{flag: f"{tmp_path}/a", "output": f"{tmp_path}/link/a"})
        check(**{flag: f"{tmp_path}/a", "output": f"{tmp_path}/b"})


def test_of_several_paths_each_comes_once(tmp_path):
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for again in ("a", "a/", "./a", "b", "b/../a"):
        with pytest.raises(UserError, match="each of --run_dirs once"):
            check(run_dirs=f"{tmp_path}/a,{tmp_path}/{again}")
    check(run_dirs=f"{tmp_path}/a,{tmp_path}/c")


@pytest.mark.parametrize("name", ["m[1]", "m*", "m?", "a\\b"])
def test_an_export_that_could_not_be_loaded_is_refused(name, tmp_path):
    with pytest.raises(UserError, match="Expected an --export_dir without"):
        export.check_export_dir(tmp_path / name)
    assert not list(tmp_path.iterdir())

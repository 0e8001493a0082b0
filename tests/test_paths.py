"""Flags that name paths mean the local file system, in every command."""

import importlib
import os
import pathlib
import re

import pytest
from absl import flags

import dlgn_tf
from dlgn_tf import export
from dlgn_tf.command import fields
from dlgn_tf.command import flagfiles
from dlgn_tf.command import paths
from dlgn_tf.errors import UserError
from dlgn_tf.output import run_names

PACKAGE = pathlib.Path(dlgn_tf.__file__).parent
TOOLS = ("index_results", "join_rows", "make_tour", "note_folder", "reproduce")
# All others that take text.
NO_PATHS = {
    "cells",
    "checkpoint_every",
    "column",
    "command",
    "dataset",
    "from",
    "gate_permutation",
    "layer",
    "model",
    "paper",
    "paths",
    "remark",
    "table",
}


def commands():
    """Names of the modules that `python -m` runs."""
    return sorted(
        ".".join(("dlgn_tf", *file.relative_to(PACKAGE).with_suffix("").parts))
        for file in PACKAGE.rglob("*.py")
        if "cli.run(" in file.read_text() and file.name != "cli.py"
    )


@pytest.fixture
def defined(monkeypatch):
    """A function from a module to the flags that it defines."""

    def define(module):
        values = flags.FlagValues()
        # Of a package whose __main__ only starts it.
        module = getattr(module, "command", module)
        if hasattr(module, "Command"):
            fields.define(module.Command, values)
            return values
        with monkeypatch.context() as patch:
            for kind in ("bool", "enum", "float", "integer", "list", "string"):
                plain = getattr(flags, f"DEFINE_{kind}")

                def into(*given, plain=plain, flag_values=None, **named):
                    return plain(*given, flag_values=values, **named)

                patch.setattr(flags, f"DEFINE_{kind}", into)
            module.define_flags()
        return values

    return define


def test_every_flag_that_takes_text_is_known_as_path_or_not(defined, load_tool):
    modules = [importlib.import_module(name) for name in commands()]
    modules += [load_tool(name) for name in TOOLS]
    found = set()
    for module in modules:
        values = defined(module)
        found |= {x for x in values if values[x].flag_type() == "string"}
    assert found - NO_PATHS - set(paths.FLAGS) == set()
    assert set(paths.FLAGS) <= found | {"run_dirs"}
    assert not NO_PATHS & set(paths.FLAGS)


@pytest.fixture
def given():
    """A function from a flag's name and text to what becomes of it."""

    def parse(name, text):
        values = flags.FlagValues()
        kind = "list" if name == "run_dirs" else "string"
        define = getattr(flags, f"DEFINE_{kind}")
        define(name, None, "", flag_values=values)
        values(["test", *flagfiles.expand([f"--{name}={text}"])])
        paths.make_local(values)
        return values[name].value

    return parse


@pytest.mark.parametrize("name", paths.FLAGS)
def test_paths_are_local_and_can_be_written_down(name, given, monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    for text, expected in {
        "~/runs/one": "/home/somebody/runs/one",
        "a/~": "a/~",
        "run[1]*?\\": "run[1]*?\\",
        "läufe/一 (2)'": "läufe/一 (2)'",
    }.items():
        found = given(name, text)
        assert found == ([expected] if name == "run_dirs" else expected)
    for text, what in {
        "gs://bucket/run": "this machine's",
        "hdfs://x/y": "this machine's",
        "x" * 300: "names of at most 255 bytes",
        "ü" * 130: "names of at most 255 bytes",
        "/x" * 3000: "at most 4000 bytes",
    }.items():
        with pytest.raises(UserError, match=f"--{name}. Expected .*{what}"):
            given(name, text)
    for text in (os.fsdecode(b"x\xff"), "a\nb", "a\0b", "\x1b[2J"):
        with pytest.raises(UserError, match="Expected flags of printable"):
            given(name, text)
    for text in ("a ", "a\u3000"):
        with pytest.raises(UserError, match="do not end in a space"):
            given(name, text)


@pytest.fixture
def check():
    """A function that checks texts of flags, by their names."""

    def parse(**texts):
        values = flags.FlagValues()
        for name, text in texts.items():
            kind = "list" if name == "run_dirs" else "string"
            getattr(flags, f"DEFINE_{kind}")(name, text, "", flag_values=values)
        values(["test"])
        paths.make_local(values)

    return parse


@pytest.fixture
def run(tmp_path):
    """The directory of a run that was never trained."""
    for folder in ("run/checkpoints", "run/inspection", "run/permutation-1032"):
        (tmp_path / folder).mkdir(parents=True)
    for folder in ("run", "run/permutation-1032"):
        (tmp_path / folder / "flags.txt").touch()
    (tmp_path / "run/permutation-1032/model.keras").touch()
    return tmp_path / "run"


def test_nothing_is_written_in_the_place_of_what_a_run_keeps(check, run):
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
    # Elsewhere these are names like others.
    check(output=f"{run.parent}/flags.txt", export_dir=f"{run.parent}/train")


def test_what_is_read_is_not_replaced(check, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    for flag in ("npz", "claims", "init_from", "run_dirs"):
        with pytest.raises(UserError, match=f"--output apart from --{flag}"):
            check(**{flag: f"{tmp_path}/a", "output": f"{tmp_path}/link/a"})
        check(**{flag: f"{tmp_path}/a", "output": f"{tmp_path}/b"})


def test_of_several_paths_each_comes_once(check, tmp_path):
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

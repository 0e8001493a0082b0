"""Flags that name paths mean the local file system, in every command."""

import importlib
import os
import pathlib

import pytest
from absl import flags

import dlgn_tf
from dlgn_tf import export
from dlgn_tf.command import fields
from dlgn_tf.command import flagfiles
from dlgn_tf.command import paths
from dlgn_tf.errors import UserError

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
            if module is importlib.import_module("dlgn_tf.train"):
                module.training_flags.define_flags(values)
            else:
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


@pytest.mark.parametrize("name", ["m[1]", "m*", "m?", "a\\b"])
def test_an_export_that_could_not_be_loaded_is_refused(name, tmp_path):
    with pytest.raises(UserError, match="Expected an --export_dir without"):
        export.check_export_dir(tmp_path / name)
    assert not list(tmp_path.iterdir())

"""Command lines that documents show are taken by the commands they name."""

import functools
import importlib
import pathlib
import re
import shlex

import pytest

from dlgn_tf import __main__ as listed
from dlgn_tf.command import fields
from dlgn_tf.errors import UserError

ROOT = pathlib.Path(__file__).parents[2]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
COMMAND = re.compile(r"python(?:3)? (?:-m (dlgn_tf[\w.]*)|tools/(\w+)\.py)(.*)")
FENCED = re.compile(r"^ *```(\S*).*?\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
# Of pytest, pip, Sphinx and other programs.
FOREIGN = {"help", "keep", "logdir", "outdir", "wheel", "file_format"}


def lines(path):
    """Lines of the listings of a document, continued ones as one.

    Of a loop, those of its first turn.
    """
    text = re.sub(r"\\\n\s*", " ", path.read_text())
    # Those of other languages too, or their ends would be taken for beginnings.
    for language, listing in FENCED.findall(text):
        if language not in ("", "bash", "console"):
            continue
        for name, first in re.findall(r"\bfor (\w+) in (\S+)", listing):
            listing = listing.replace(f"${name}", first)
        yield from listing.splitlines()


def shown():
    """Each command line once: the module or tool, and its words."""
    found = {}
    for path in DOCUMENTS:
        for line in lines(path):
            for module, tool, rest in COMMAND.findall(line):
                words = tuple(shlex.split(rest, comments=True))
                found.setdefault((module or tool, words), path)
    return [pytest.param(*key, id=" ".join([key[0], *key[1]])) for key in found]


@functools.cache
def command_of(name, load_tool):
    """The dataclass of a command, or of a tool of this repository."""
    if not name.startswith("dlgn_tf"):
        return load_tool(name).Command
    module = importlib.import_module(name)
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"{name}.__main__")
    return getattr(module, "command", module).Command


@pytest.mark.parametrize(("name", "words"), shown())
def test_command_line(name, words, load_tool, monkeypatch):
    if name == "dlgn_tf":
        assert not words
        return
    monkeypatch.chdir(ROOT)
    # Help is no flag, and a run's own flags are where the reader has it.
    words = [x for x in words if x != "--help" and "=RUN_DIR/flags" not in x]
    try:
        fields.parse(command_of(name, load_tool), words)
    except UserError as error:
        # What the shortest of lines leave out.
        assert re.search(r"Received: no --\w+$", str(error)), error


def test_flags_that_texts_name_are_flags(load_tool):
    known = {"flagfile", "plugin", *FOREIGN}
    tools = [
        path.stem
        for path in (ROOT / "tools").glob("*.py")
        # One that runs without the package has flags of argparse.
        if "class Command" in path.read_text()
    ]
    for name in (*(f"dlgn_tf.{x}" for x in listed.COMMANDS), *tools):
        known |= {x.rstrip("_") for x in fields.of(command_of(name, load_tool))}
    named = {}
    for path in DOCUMENTS:
        text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
        for code in re.findall(r"`([^`]*)`", text):
            for name in re.findall(r"(?<![\w-])--(\w+)", code):
                if name not in known and name.removeprefix("no") not in known:
                    named[name] = path.name
    assert not named

"""Writes results/README.md: what each folder holds and how it was made.

  python tools/index_results.py

The title of a folder is the first heading of its results.md or benchmark.md.
Commands, commits, versions and machines are what the commands themselves left
in commands.json (and tools/reproduce.py in results.csv). Of a folder that
tools/make_results measured this is the one command that is named.
"""

import csv
import dataclasses
import pathlib

from dlgn_tf.command import cli, fields
from dlgn_tf.command.fields import flag
from dlgn_tf.errors import UserError
from dlgn_tf.output import elsewhere, files, origin

_HEAD = """# Results

Each folder holds what one or several commands left, their figures as CSV or
JSON; `tools/make_results FOLDER` measures it again, and lists the commands.
Written by `python tools/index_results.py`.
"""
_WHOLE = "`tools/make_results"
# What python -m dlgn_tf.claims.page writes, with commit and machine.
CLAIMS = "CLAIMS.md"
_FIELDS = ("commit", "versions", "machine")


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this tool."""

    results_dir: str = flag("results", "The folder of folders.", path=True)


def run(command):
    root = pathlib.Path(command.results_dir)
    if not root.is_dir():
        raise UserError(f"Expected a folder of results. Received: {root}")
    path = root / "README.md"
    with files.write_errors(path):
        files.write_atomically(path, index(root))
    print(f"{path} is written")


def index(root):
    """The page as Markdown.

    Args:
        root: `pathlib.Path` of a folder whose folders hold results.

    Returns:
        String.
    """
    parts = [_HEAD]
    if (root / CLAIMS).is_file():
        parts.append(f"## [{_heading(root / CLAIMS)}]({CLAIMS})\n")
        parts.append(
            "- `tools/make_results claims`; its origin is on the page\n"
        )
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        parts.append(f"## {_title(folder)}\n")
        parts.append(_made(folder))
    return "\n".join(parts)


def _title(folder):
    """The first heading of a folder's page, as a link; or the folder's name."""
    for name in ("results.md", "report.md", "benchmark.md"):
        if (folder / name).is_file():
            heading = _heading(folder / name) or folder.name
            return f"[{heading}]({folder.name}/{name})"
    return folder.name


def _heading(page):
    return next((x[2:] for x in _lines(page) if x.startswith("# ")), None)


def _made(folder):
    """Commands by what they were made with, as a list."""
    by_origin = {}
    for command, made in _commands(folder):
        by_origin.setdefault(made, []).append(f"`{command}`")
    if not by_origin:
        return "- command and machine are on the page, no commit was noted\n"
    lines = []
    for made, commands in by_origin.items():
        whole = [x for x in commands if x.startswith(_WHOLE)]
        lines += [
            f"- {command}" for command in dict.fromkeys(whole or commands)
        ]
        fields = zip(_FIELDS, made, strict=True)
        lines.append("  - " + "; ".join(f"{k} {v}" for k, v in fields))
    return "\n".join(lines) + "\n"


def _commands(folder):
    """Pairs of a command and what it was made with, folders inside included."""
    for noted in sorted(folder.rglob(origin.COMMANDS)):
        for command, made in origin.read_commands(noted).items():
            yield command, tuple(getattr(made, field) for field in _FIELDS)
    table = folder / "results.csv"
    if table.is_file():
        for row in csv.DictReader(_lines(table)):
            if set(_FIELDS) <= set(row):
                name, _, scale = folder.name.rpartition("-")
                command = f"--table={name} --scale={scale}"
                made = tuple(row[field] for field in _FIELDS)
                yield f"python tools/reproduce.py {command}", made


def _lines(path):
    """Lines of a file of text; a `UserError` if it is none."""
    try:
        return elsewhere.read_text(path).splitlines()
    except ValueError as error:
        raise UserError(
            f"Expected a file of text. Received: {path}, {error}"
        ) from error


if __name__ == "__main__":
    cli.run(run, "tools/index_results.py", __doc__, Command)

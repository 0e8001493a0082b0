"""Commands and their flags, from what the commands themselves know.

`{commands}` lists what `python -m dlgn_tf` lists. `{flags} MODULE` describes
the flags of `python -m MODULE`, the fields of the command's dataclass, and
`{flags} tools/FILE.py` those of a tool of the repository.
"""

import dataclasses
import importlib
import importlib.util
import pathlib
import re
import sys

from sphinx.util.docutils import SphinxDirective

from dlgn_tf import __main__ as listed
from dlgn_tf.command import fields

ROOT = pathlib.Path(__file__).resolve().parents[2]
MOST_CHOICES = 12
_FLAG = r"--\w+(?:=[\w./:]*\w)?"
CODE = re.compile(
    rf"(?<![\w-])({_FLAG}|(?:python -m )?dlgn_tf\.[\w.]*\w(?: {_FLAG})*)"
)


def command_of(name):
    """The dataclass of the command that `python -m NAME` runs."""
    found = importlib.import_module(name)
    if hasattr(found, "__path__"):
        found = importlib.import_module(f"{name}.__main__")
    return getattr(found, "command", found).Command


def tool(path):
    """A module of tools/, which is no package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


def groups(command):
    """Pairs of a group of flags and its fields, as --help has them."""
    known, found = fields.of(command), {None: []}
    found |= {group: [] for group in getattr(command, "groups", ())}
    for field in dataclasses.fields(command):
        if field.name in known:
            found.setdefault(known[field.name].group, []).append(field)
    return [(group, some) for group, some in found.items() if some]


def option(field):
    """Text of one flag, in reStructuredText."""
    known = field.metadata["flag"]
    kind, several = fields._kind(field, known)
    name = fields._name(field)
    what = {bool: "", int: "INTEGER", float: "NUMBER", str: "TEXT"}[kind]
    if known.path or known.required:
        what = known.required or "PATH"
    if several:
        what = f"{what},..."
    head = f"--{name}={what}" if what else f"--{name}, --no{name}"
    said = [escaped(known.help), *limits(known), default(field)]
    return [f".. option:: {head}", "", f"   {' '.join(filter(None, said))}", ""]


def escaped(text):
    """Plain text as reStructuredText, flags and modules in it as code."""
    parts = CODE.split(text)
    parts[::2] = [re.sub(r"([*`|_\\])", r"\\\1", x) for x in parts[::2]]
    parts[1::2] = [f"``{x}``" for x in parts[1::2]]
    return "".join(parts)


def limits(known):
    """Sentences on which values are allowed."""
    if known.choices and len(known.choices) <= MOST_CHOICES:
        yield f"One of {', '.join(f'``{x}``' for x in known.choices)}."
    if known.least is not None and known.most is not None:
        yield f"From {known.least} to {known.most}."
    elif known.least is not None:
        yield f"At least {known.least}."
    if known.positive:
        yield "Larger than 0."


def default(field):
    """A sentence on the value without the flag; the help may say it."""
    value = field.default
    if value in (None, "", ()) or "Default:" in field.metadata["flag"].help:
        return ""
    return f"Default: ``{fields.text(value)}``."


class Flags(SphinxDirective):
    """`{flags} MODULE`: the flags of a command, group by group."""

    required_arguments = 1

    def run(self):
        name, lines = self.arguments[0], []
        if name.startswith("tools/"):
            found = tool(ROOT / name)
            command = found.Command
            lines += [escaped(found.__doc__.partition("\n")[0]), ""]
            lines += [f".. program:: python {name}", ""]
        else:
            command = command_of(name)
            lines += [f".. program:: python -m {name}", ""]
        for group, some in groups(command):
            if group:
                lines += [f".. rubric:: Flags of {group}", ""]
            for field in some:
                lines += option(field)
        text = "\n".join(["````{eval-rst}", *lines, "````"])
        return self.parse_text_to_nodes(text, allow_section_headings=True)


class Commands(SphinxDirective):
    """`{commands}`: each command with what it does."""

    def run(self):
        # dual.theorems stands on the page of dual.
        rows = [
            f"| [`dlgn_tf.{name}`](/commands/{name.partition('.')[0]}.md) "
            f"| {what} |"
            for name, what in listed.COMMANDS.items()
        ]
        text = "\n".join(["| command | what it does |", "|---|---|", *rows])
        return self.parse_text_to_nodes(text)


def setup(app):
    app.add_directive("flags", Flags)
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

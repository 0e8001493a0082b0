"""Commands and their flags, from what the commands themselves know.

`{commands}` lists what `python -m dlgn_tf` lists, `{flags} MODULE` describes
the flags of `python -m MODULE`: the fields of the command's dataclass.
"""

import dataclasses
import importlib

from sphinx.util.docutils import SphinxDirective

from dlgn_tf import __main__ as listed
from dlgn_tf.command import fields

MOST_CHOICES = 12


def command_of(module):
    """The dataclass of the command that `python -m MODULE` runs."""
    found = importlib.import_module(module)
    if hasattr(found, "__path__"):
        found = importlib.import_module(f"{module}.__main__")
    return getattr(found, "command", found).Command


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
    """Plain text as reStructuredText."""
    return "".join(f"\\{x}" if x in "*`|_\\" else x for x in text)


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
        module = self.arguments[0]
        lines = [f".. program:: python -m {module}", ""]
        for group, some in groups(command_of(module)):
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

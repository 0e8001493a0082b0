"""Flagfiles in a command line: where they are found, and who wins.

absl reads them too, but looks for what a file includes in the current folder
alone, and knows no flags that stand for one another. Imports nothing heavy.
"""

import os
import pathlib
import re

from dlgn_tf.errors import UserError
from dlgn_tf.output import elsewhere, run_names

# Characters.
_LONGEST = 2**20
# Flags that a flag takes the place of where a flagfile before it has them.
_DISPLACED = {
    "epochs": ("train_steps",),
    "train_steps": ("epochs",),
    "data_dir": ("npz",),
    "optimizer=adam": ("momentum", "nesterov", "nonesterov"),
    "gate=hard": ("gate_beta", "gate_epsilon"),
}


def expand(words):
    """Puts what flagfiles say in their place.

    A file that a file includes is looked for in the folder of the latter, in
    those above it, and in the current one. Flags after a --flagfile win over
    those in it, and over those that stand in their way there: --epochs over
    --train_steps, --learning_rates over boundaries that do not fit. The
    flags.txt of a run that was moved or copied is of the run where it lies.

    Raises:
        UserError: if a file cannot be read or includes itself, or a word does
            not fit into a line of text, whose end a file does not keep.
    """
    expanded = _expand(words, ())
    for word in expanded:
        if re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", word):
            raise UserError(
                "Expected flags of printable text in the locale's encoding "
                f"(LC_ALL=C.UTF-8 takes all). Received: {ascii(word)}"
            )
        if word.rstrip() != word:
            raise UserError(
                "Expected flags that do not end in a space, which flagfiles "
                f"do not keep. Received: {ascii(word)}"
            )
    return expanded


def _expand(words, including):
    """As `expand`, of the words of the last of the files `including`."""
    # Each with whether it comes from a file.
    found, rest = [], list(words)
    while rest and rest[0] != "--":
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        name = name.lstrip("-") if word.startswith("-") else None
        if not equals and rest:
            value = rest[0]
        if name != "flagfile":
            found = [
                (before, from_file)
                for before, from_file in found
                if not (from_file and _displaces(name, value, before))
            ]
            found.append((word, False))
            continue
        if not equals and not rest:
            raise UserError("Expected --flagfile=FILE. Received: no file")
        if not equals:
            rest.pop(0)
        found += [(each, True) for each in _of_file(value, including)]
    return [word for word, _ in found] + rest


def _displaces(name, value, before):
    """Whether a flag takes the place of another one, a word of a file."""
    other, _, other_value = before.lstrip("-").partition("=")
    if name == "learning_rates" and other == "boundaries":
        return value.count(",") != other_value.count(",") + 1
    displaced = _DISPLACED.get(name) or _DISPLACED.get(f"{name}={value}")
    return other in (displaced or ())


def _of_file(name, including):
    """The words of a flagfile, with those that it includes."""
    path = _find(name, including)
    if path in including:
        raise UserError(
            "Expected flagfiles that do not include themselves. Received: "
            f"{path}"
        )
    try:
        of_a_run = path.name == run_names.FLAGS and run_names.is_run(
            path.parent
        )
        # A pipe that is typed is read, one in a run's folder is not. Some
        # editors begin with a byte order mark.
        read = elsewhere.read_text if of_a_run else _read_typed
        lines = read(path, "utf-8-sig").split("\n")
    except OSError as error:
        raise UserError(
            "Expected a flagfile that can be read. Received: "
            f"{name}, {error.strerror}"
        ) from error
    except ValueError as error:
        raise UserError(
            f"Expected a flagfile of text. Received: {name}, {error}"
        ) from error
    words = [line.strip() for line in lines]
    words = [x for x in words if x and not x.startswith(("#", "//"))]
    if of_a_run:
        # As it was typed, but for a file that another file names.
        typed = os.path.dirname(os.path.expanduser(name)) or os.curdir
        words.append(f"--run_dir={path.parent if including else typed}")
    return _expand(words, (*including, path))


def _read_typed(path, encoding):
    with open(path, encoding=encoding) as file:
        text = file.read(_LONGEST + 1)
    # Such as /dev/zero, which has no end.
    if len(text) > _LONGEST:
        raise ValueError(f"more than {_LONGEST:,} characters")
    return text


def _find(name, including):
    path = pathlib.Path(os.path.expanduser(name))
    folders = including[-1].parents if including else ()
    places = (folder / path for folder in folders)
    return next(filter(os.path.isfile, places), path).absolute()

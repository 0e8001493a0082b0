"""Flags that name files and folders."""

import os
import re

from dlgn_tf import presets
from dlgn_tf.errors import UserError
from dlgn_tf.output import run_names

# Flags that name what commands write.
_WRITTEN = ("export_dir", "output", "output_dir", "runs_dir")
# Bytes; the file system may allow fewer.
_MOST = {"name": 255, "path": 4000}


def check_together(given):
    """Checks the paths of one command beside one another and on the disk.

    They are given by flags: strings, several, or None.

    Raises:
        UserError: if one of several comes twice, or what is written would take
            the place of what is read or of what a run keeps.
    """
    real = {}
    for name, value in given.items():
        several = [value] if isinstance(value, str) else value or ()
        real[name] = [os.path.realpath(path) for path in several if path]
        if len(set(real[name])) < len(real[name]):
            raise UserError(
                f"Expected each of --{name} once. Received: {','.join(value)}"
            )
    for name, found in real.items():
        if name != "output" and set(found) & set(real.get("output", ())):
            raise UserError(
                f"Expected --output apart from --{name}, which it would "
                f"replace. Received: {given['output']} for both"
            )
    for name in _WRITTEN:
        if given.get(name) and _of_preset(given[name]):
            raise UserError(
                f"Expected --{name} outside the package's presets. Received: "
                f"{given[name]}"
            )
        run = given.get(name) and run_names.owner(given[name])
        if run:
            raise UserError(
                f"Expected --{name} to be none of the files and folders that a "
                f"run keeps in its directory. Received: {given[name]}, of the "
                f"run in {run}"
            )


def _of_preset(path):
    return presets.is_one(path) or presets.holds(path)


def local(text, flag):
    """The path that is the value of a flag, with `~` replaced.

    Raises:
        UserError: if it is none of the local file system.
    """
    path = os.path.expanduser(text)
    expected = None
    if len(text.splitlines()) > 1 or text != text.strip():
        # A flagfile could not name it.
        expected = "a path of one line, without spaces at its ends"
    elif re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
        expected = "a path of this machine's file system"
    elif len(os.fsencode(path)) > _MOST["path"]:
        expected = f"a path of at most {_MOST['path']} bytes"
    elif any(len(os.fsencode(x)) > _MOST["name"] for x in path.split(os.sep)):
        expected = f"names of at most {_MOST['name']} bytes"
    if expected:
        raise UserError(
            f"Invalid --{flag}. Expected {expected}. Received: {text}"
        )
    return path

"""Flags that name files and folders."""

import os
import re

from dlgn_tf.errors import UserError

# Of all commands.
FLAGS = (
    "claims",
    "data_dir",
    "export_dir",
    "folder",
    "gates_from",
    "init_from",
    "model_path",
    "networks",
    "npz",
    "npz_dir",
    "output",
    "output_dir",
    "results_dir",
    "run_dir",
    "run_dirs",
    "runs_dir",
    "saved_model",
)
# Bytes; the file system may allow fewer.
_MOST = {"name": 255, "path": 4000}


def make_local(values):
    """Replaces `~` in the flags of a command that name paths.

    Args:
        values: `absl.flags.FlagValues`, parsed.

    Raises:
        UserError: if a path is none of the local file system.
    """
    for name in set(FLAGS) & set(values):
        value = values[name].value
        if isinstance(value, list):
            values[name].value = [local(path, name) for path in value]
        elif value:
            values[name].value = local(value, name)


def local(text, flag):
    """A path with `~` replaced.

    Args:
        text: String.
        flag: String, the name of the flag that it is the value of.

    Raises:
        UserError: if it is none of the local file system.
    """
    path = os.path.expanduser(text)
    expected = None
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text):
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

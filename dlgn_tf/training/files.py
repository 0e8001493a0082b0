"""Writing files so that a kill at any moment leaves the old or the new one."""

import contextlib
import hashlib
import json
import os
import pathlib

from dlgn_tf.errors import UserError


def write_atomically(path, text):
    """Writes `text` to `path`, or leaves what was there untouched."""
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.name}.partial")
    with temporary.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def sha256(path):
    """Digest of a file's bytes, as a hexadecimal string."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextlib.contextmanager
def write_errors(path, other=()):
    """Turns failures to write, such as a full disk, into a `UserError`.

    Args:
        path: What is being written, for the message.
        other: Tuple of exception types besides `OSError` that mean the same.
    """
    try:
        yield
    except (OSError, *other) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"Expected to be able to write {path}. Received: {reason}"
        ) from error


def read_json(path):
    """A JSON file's content, or None if it is missing or damaged."""
    try:
        return json.loads(pathlib.Path(path).read_text())
    except (OSError, ValueError):
        return None

"""Writing files so that a kill at any moment leaves the old or the new one."""

import contextlib
import csv
import hashlib
import io
import json
import os
import pathlib

from dlgn_tf.errors import UserError


def write_atomically(path, content):
    """Writes text or bytes to `path`, or leaves what was there untouched."""
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    try:
        with temporary.open("wb" if isinstance(content, bytes) else "w") as f:
            f.write(content)
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def csv_text(columns, lines):
    """A CSV file as text.

    Args:
        columns: Names, the first line.
        lines: Iterable of sequences of as many fields.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *lines])
    return text.getvalue()


def replace_synced(temporary, path):
    """Moves a complete file into place once its bytes are on disk."""
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def sha256(path):
    """Digest of a file's bytes, as a hexadecimal string."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_writable(path, flag):
    """Raises a `UserError` unless a directory can be made or written here.

    Args:
        path: Path-like, a directory that may not exist yet.
        flag: String, the flag that named it, for the message.
    """
    try:
        nearest, reason = _nearest_existing(path), None
        if not nearest.is_dir():
            reason = f"{nearest} is a file"
        elif not os.access(nearest, os.W_OK | os.X_OK):
            reason = f"{nearest} is read-only"
    except OSError as error:
        reason = error.strerror
    if reason:
        raise UserError(
            f"Expected --{flag} to be a directory that can be written. "
            f"Received: {path}, {reason}"
        )


def _nearest_existing(path):
    path = pathlib.Path(path).absolute()
    return next(p for p in (path, *path.parents) if p.exists())


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
        raise UserError(
            f"Expected to be able to write {path}. Received: "
            f"{why_not_written(error)}"
        ) from error


def why_not_written(error):
    """What an exception says of a file that could not be written, as text."""
    if isinstance(error, FileExistsError | NotADirectoryError):
        nearest = _nearest_existing(error.filename)
        if not nearest.is_dir():
            return f"{nearest} is a file"
    return getattr(error, "strerror", None) or str(error)


def read_json(path):
    """A JSON file's content, or None if it is missing or damaged."""
    try:
        return json.loads(pathlib.Path(path).read_text())
    except (OSError, ValueError):
        return None

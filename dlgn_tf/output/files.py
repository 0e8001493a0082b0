"""Writing files so that a kill at any moment leaves the old or the new one."""

import contextlib
import csv
import hashlib
import io
import os
import pathlib
import re
import shutil
import tempfile

from dlgn_tf.errors import UserError
from dlgn_tf.output import elsewhere


def write_atomically(path, content):
    """Writes text or bytes to `path`, or leaves what was there untouched."""
    if isinstance(content, str):
        # Names of files need not be of any encoding.
        content = content.encode(errors="backslashreplace")
    with replacing(path) as temporary:
        temporary.write_bytes(content)


@contextlib.contextmanager
def replacing(path):
    """Gives the path of a new file that replaces `path` when it is written.

    A symbolic link at either path is replaced, and what it points to is not
    touched. Where it cannot be written, an `OSError`, what was at `path` is
    still there.
    """
    path = pathlib.Path(path)
    if path.exists() and not (path.is_dir() and path.is_symlink()):
        # A device or a pipe, or a link to one, would be replaced by a file.
        # Some folders have no name that another one could lie beside.
        elsewhere.regular(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".partial.{path.name}")
    temporary.unlink(missing_ok=True)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def temporary_folder(path):
    """Makes an empty folder that goes afterwards; a killed one's goes first."""
    with contextlib.suppress(FileNotFoundError):
        if path.is_symlink():
            path.unlink()
        shutil.rmtree(path)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def as_tensorflow_reads_it(path):
    """Gives a path by which TensorFlow finds the folder at `path`.

    TensorFlow takes `*`, `?`, `[` and a backslash for parts of a pattern, and
    names for UTF-8. Where that goes wrong the path that it gets is a link in a
    folder of its own.
    """
    if is_plain(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="dlgn_tf_") as folder:
        link = pathlib.Path(folder) / "link"
        link.symlink_to(path.absolute())
        yield link


def is_plain(path):
    """Whether TensorFlow takes a path for what the system takes it for."""
    encoded = os.fsencode(path)
    named_in_utf8 = encoded == str(path).encode(errors="replace")
    return named_in_utf8 and not re.search(rb"[*?\[\\]", encoded)


def check_no_link(path):
    """Raises a `UserError` if `path`, within a folder, leads out of it."""
    if pathlib.Path(path).is_symlink():
        raise UserError(
            f"Expected {path} to lie in its folder itself. Received: a link "
            f"to {os.readlink(path)}"
        )


def csv_text(columns, lines):
    """A CSV file as text: names of columns, and lines of as many fields."""
    text = io.StringIO()
    rows = (map(_csv_field, line) for line in (columns, *lines))
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _csv_field(value):
    """A field; words that a spreadsheet would compute begin with a quote."""
    if not isinstance(value, str) or not re.match(r"[=+@\t\r]|-[^-]", value):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def sha256(path):
    """Digest of a file's bytes, as a hexadecimal string."""
    with open(elsewhere.regular(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_writable(path, flag):
    """Raises a `UserError` unless a directory can be made or written here.

    The message names the flag that named it.
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

    Other exception types than `OSError` may mean the same.
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

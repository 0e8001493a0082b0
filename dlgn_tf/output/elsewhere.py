"""Files from elsewhere, which are looked at before they are believed."""

import contextlib
import csv
import dataclasses
import errno
import io
import json
import os
import pathlib
import stat
import typing
import zipfile

from dlgn_tf.errors import UserError

# Bytes. No text is longer, and an archive of more is as dense as files are.
_MOST = 2**30
_DENSEST = 100


@dataclasses.dataclass(frozen=True)
class Optional:
    """The kind of what a dict may lack, see `parse_json`."""

    kind: object


def regular(path, most=None):
    """A path, if a file lies there that holds at most so many bytes.

    A pipe would be waited for, and a device has no end. What is in place of the
    file is an `OSError`.
    """
    status, number = os.stat(path), None
    if stat.S_ISDIR(status.st_mode):
        number = errno.EISDIR
    elif most is not None and status.st_size > most:
        number = errno.EFBIG
    elif not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "no regular file", str(path))
    if number:
        raise OSError(number, os.strerror(number), str(path))
    return path


def read_bytes(path):
    """A file's content; see `regular`."""
    return pathlib.Path(regular(path, _MOST)).read_bytes()


def read_text(path, encoding="utf-8"):
    """A file's content as text; a `ValueError` if it is none."""
    return read_bytes(path).decode(encoding)


def parse_json(text, kind=object):
    """What a JSON text says, checked.

    Args:
        text: String or bytes.
        kind: What it must be: a type, or a union; a list of one kind, for a
            list of such; a dict from names to kinds, for a dict that has at
            least these, but for those whose kind is `Optional`. In such a dict
            `str` stands for all other names.

    Raises:
        ValueError: if it is something else, or nested too deep.
    """
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError("brackets nested too deep") from error
    check_kind(content, kind)
    return content


def check_kind(content, kind, name="all"):
    """Raises a `ValueError` unless content is of a kind, see `parse_json`."""
    parts = []
    if isinstance(kind, list):
        fits = isinstance(content, list)
        parts = [(each, kind[0], name) for each in content] if fits else []
    elif isinstance(kind, dict):
        fits = isinstance(content, dict)
        names = [x for x in kind if x is not str] if fits else []
        names += content if fits and str in kind else []
        for key in names:
            wanted = kind.get(key, kind.get(str))
            may_lack = isinstance(wanted, Optional)
            if key in content:
                wanted = wanted.kind if may_lack else wanted
                parts.append((content[key], wanted, key))
            elif not may_lack:
                raise ValueError(f"nothing for {key!r}")
    elif kind is object:
        fits = True
    else:
        # Python takes true for 1; no number of ours has more than 64 bits.
        booleans = bool in (typing.get_args(kind) or (kind,))
        fits = isinstance(content, kind)
        fits = fits and (booleans or type(content) is not bool)
        fits = fits and not (type(content) is int and abs(content) >= 2**64)
    if not fits:
        raise ValueError(f"{content!r:.40} for {name!r}")
    for part in parts:
        check_kind(*part)


def read_json(path, kind=object):
    """As `parse_json`, of a file; None if it is missing or damaged."""
    try:
        return parse_json(read_text(path), kind)
    except (OSError, ValueError):
        return None


def read_csv(path, delimiters=","):
    """Rows of a CSV file with a header, as dicts of strings.

    Args:
        path: Path-like.
        delimiters: Characters, of which the one that the header has most of
            separates fields. If it is no comma, those of numbers become points.

    Raises:
        OSError: if it cannot be read.
        ValueError: if a row has not as many fields as there are columns.
    """
    # Some begin with a byte order mark.
    text = read_text(path, "utf-8-sig")
    delimiter = max(delimiters, key=text.partition("\n")[0].count)
    lines = io.StringIO(text, newline="")
    try:
        rows = list(csv.DictReader(lines, delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ValueError(str(error)) from error
    for number, row in enumerate(rows, 1):
        # Fields too many stand under None, fields too few are None.
        if None in row or None in row.values():
            raise ValueError(f"rows of several lengths, as row {number}")
    if delimiter == ",":
        return rows
    return [{k: v.replace(",", ".") for k, v in x.items()} for x in rows]


def is_archive(path):
    """Whether a zip file lies at a path."""
    # A pipe would be waited for.
    return os.path.isfile(path) and zipfile.is_zipfile(path)


@contextlib.contextmanager
def archive(path):
    """Opens a zip file from elsewhere to be read.

    Raises:
        OSError: if there is no file that can be read.
        zipfile.BadZipFile: if it is damaged, also where it is read then; or
            encrypted; or says that it holds far more than can be in it, or
            links.
    """
    try:
        with zipfile.ZipFile(regular(path)) as opened:
            _check_entries(opened.infolist(), os.path.getsize(path))
            yield opened
    except (OSError, zipfile.BadZipFile, UserError):
        raise
    # A damaged one raises nearly anything: zlib.error, LZMAError, EOFError, ...
    except Exception as error:
        raise zipfile.BadZipFile(str(error) or type(error).__name__) from error


def _check_entries(entries, size):
    declared = sum(entry.file_size for entry in entries)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if declared > min(max(_DENSEST * size, _MOST), memory):
        raise zipfile.BadZipFile(f"{declared:,} bytes in a file of {size:,}")
    for entry in entries:
        if entry.flag_bits & 1:
            raise zipfile.BadZipFile(f"{entry.filename} is encrypted")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise zipfile.BadZipFile(f"{entry.filename} is a link")

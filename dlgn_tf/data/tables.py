"""Rows of a CSV or Parquet table as vectors."""

import codecs
import collections
import dataclasses
import os
import typing
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.data.stored import Split, Stored
from dlgn_tf.errors import UserError
from dlgn_tf.output import elsewhere

# Of a column of words; one with more is hardly of categories.
_MOST_CATEGORIES = 1000
_MOST_ENTRIES = 2**16
# Bytes, of the header.
_LONGEST_LINE = 2**24
# Stands for a gap in a column of words.
_GAP = ""
# What Arrow calls the types of such columns.
_TEXTS = ("string", "large_string", "string_view")


class Column(typing.NamedTuple):
    """A column of a table as the network was trained on it.

    Attributes:
        name: String.
        categories: Strings, of words; each is an entry that is 1 or 0. None of
            a column of numbers.
        fill: Float, what a gap in a column of numbers becomes.
    """

    name: str
    categories: tuple[str, ...] | None
    fill: float = 0.0


def read(own: Any) -> Stored:
    """Reads a table, or those of training and of test rows.

    Args:
        own: Its path is a .csv, .tsv or .parquet file, or a folder with
            train.* and test.* of these.

    Raises:
        UserError: if they cannot be read, lack a column, or have gaps that
            nobody has said what becomes of.
    """
    if not own.how.label:
        raise UserError(
            "Expected --label=COLUMN with --dataset=table, the column of the "
            "classes. Received: none"
        )
    paths = _paths(str(own.path))
    return Stored(*(_rows(path, own.how) for path in paths))


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a table, which are vectors once its columns are learned.

    Attributes:
        path: String, of the table.
        columns: Dict from name to strings, or to floats that are NaN where
            there is a gap.
        count: Integer, how many rows there are.
    """

    path: str
    columns: dict[str, Array]
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, indices: Array) -> "Rows":
        columns = {k: v[indices] for k, v in self.columns.items()}
        return Rows(self.path, columns, len(indices))

    def learned(self) -> list[Column]:
        """What is learned of the columns of training rows.

        Raises:
            UserError: if there are no entries, or too many of them.
        """
        columns = [_column(name, x) for name, x in self.columns.items()]
        entries = sum(len(x.categories or " ") for x in columns)
        _check_entries(entries, self.path)
        return columns


def _check_entries(count, path):
    if not 1 <= count <= _MOST_ENTRIES:
        raise UserError(
            f"Expected a table of 1 to {_MOST_ENTRIES:,} entries a row besides "
            f"--label. Received: {path} with {count:,}"
        )


def _paths(path):
    if not os.path.isdir(path):
        return [path]
    found = {
        name: [
            x
            for x in sorted(os.listdir(path))
            if os.path.splitext(x)[0] == name
        ]
        for name in ("train", "test")
    }
    if [len(x) for x in found.values()] != [1, 1]:
        raise UserError(
            "Expected a table, or a folder with one train.* and one test.*. "
            f"Received: {path}"
        )
    return [os.path.join(path, names[0]) for names in found.values()]


def _rows(path, how):
    """The rows of a file, without those that are dropped."""
    table = _table(path)
    names = table.column_names
    _check_entries(len(names), path)
    for name, count in collections.Counter(names).items():
        if count > 1:
            raise UserError(
                f"Expected each column once in {path}. Received: {count} named "
                f"{name!r}"
            )
    if how.label not in names:
        shown = ", ".join(names[:10]) + ", ..." * (len(names) > 10)
        raise UserError(
            f"Expected --label to be a column of {path}: {shown}. Received: "
            f"--label={how.label}"
        )
    # By name each would be looked for among all.
    columns = {
        name: _values(name, column, path)
        for name, column in zip(names, table.columns, strict=True)
    }
    labels, gap = _labels(table[how.label])
    columns.pop(how.label)
    if how.missing == "drop":
        gap = np.logical_or.reduce([gap, *map(_gaps, columns.values())])
    elif how.missing == "fill":
        gap = np.zeros(len(labels), bool) if not gap.any() else gap
    else:
        for name, of_column in {**columns, how.label: labels}.items():
            at = np.flatnonzero(gap if name == how.label else _gaps(of_column))
            if len(at):
                raise UserError(
                    f"Expected no gaps in {path}, or --missing=drop or fill. "
                    f"Received: none in row {at[0] + 1} of {name!r}"
                )
    if gap.any():
        print(f"left out {gap.sum():,} rows of {path} that have gaps")
    rows = Rows(path, columns, len(gap))[np.flatnonzero(~gap)]
    return Split(rows, labels[~gap], path)


def _table(path):
    from pyarrow import ArrowException, parquet

    elsewhere.regular(path)
    try:
        if path.lower().endswith((".parquet", ".pq")):
            table = parquet.read_table(path)
        else:
            table = _csv(path)
        # Here it finds names that are no text.
        table.column_names  # noqa: B018
        return table
    # Of what is cut off or no table.
    except (ArrowException, ValueError, TypeError) as error:
        words = " ".join(str(error).split())[:160]
        raise UserError(
            f"Expected a table in CSV or Parquet. Received: {path}, {words}"
        ) from error


def _csv(path):
    from pyarrow import csv, types

    with open(path, "rb") as file:
        first = file.readline(_LONGEST_LINE)
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError("text in UTF-16 and not in UTF-8")
    # Of tables in much of Europe, and of those of tabs.
    delimiter = max(",;\t", key=lambda x: first.count(x.encode()))
    # Before so many columns are made.
    _check_entries(1 + first.count(delimiter.encode()), path)
    gaps = [*csv.ConvertOptions().null_values, "?"]
    options = {
        "parse_options": csv.ParseOptions(delimiter=delimiter),
        "convert_options": csv.ConvertOptions(
            strings_can_be_null=True,
            null_values=gaps,
            # There a comma may stand within a number.
            decimal_point="," if delimiter == ";" else ".",
        ),
    }
    table = csv.read_csv(path, **options)
    if delimiter != ";":
        return table
    options["convert_options"].decimal_point = "."
    other = csv.read_csv(path, **options)
    for index, name in enumerate(other.column_names):
        if types.is_floating(other[index].type):
            table = table.set_column(index, name, other[index])
    return table


def _values(name, column, path):
    """A column as strings or as floats, a gap as "" or NaN."""
    import pyarrow.types as kinds

    if kinds.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if str(kind) in _TEXTS:
        try:
            words = [_GAP if x is None else x for x in column.to_pylist()]
        except UnicodeDecodeError as error:
            raise UserError(
                f"Expected words in UTF-8 in {path}. Received: column "
                f"{name!r}, {error}"
            ) from error
        _note_numbers(name, words, path)
        return np.array(words, str)
    if kinds.is_null(kind) or kinds.is_boolean(kind):
        column = column.cast("int8")
    elif kinds.is_decimal(kind):
        column = column.cast("float64")
    elif not (kinds.is_integer(kind) or kinds.is_floating(kind)):
        raise UserError(
            f"Expected columns of numbers or words in {path}. Received: "
            f"{name!r} of {kind}"
            f"{', which is no text in UTF-8' * kinds.is_binary(kind)}"
        )
    values = np.asarray(column.to_numpy(), np.float64)
    infinite = np.flatnonzero(np.isinf(values))
    if len(infinite):
        raise UserError(
            f"Expected finite numbers in {path}. Received: "
            f"{values[infinite[0]]} in row {infinite[0] + 1} of {name!r}"
        )
    return values


def _note_numbers(name, words, path):
    """Says of a column which word makes its numbers words."""
    numbers = [_is_number(x) for x in words if x != _GAP]
    if 2 * sum(numbers) > len(numbers) > sum(numbers):
        row, word = next(
            (row, x)
            for row, x in enumerate(words)
            if x != _GAP and not _is_number(x)
        )
        print(
            f"{name!r} of {path} is taken for words: {word!r} in row {row + 1} "
            "is no number"
        )


def _is_number(word):
    try:
        return float(word) == float(word)
    except ValueError:
        return False


def _labels(column):
    """Labels as they are stored, and which of them are missing."""
    words = column.to_pylist()
    gap = np.array([x is None or x != x or x == _GAP for x in words], bool)
    present = next((x for x in words if x is not None), _GAP)
    filled = [present if g else x for x, g in zip(words, gap, strict=True)]
    try:
        return np.array(filled), gap
    except ValueError:
        return np.array(filled, object), gap


def _gaps(values):
    return np.isnan(values) if values.dtype.kind == "f" else values == _GAP


def _column(name, values):
    """What is learned of a column of the training rows."""
    if values.dtype.kind == "f":
        known = values[~np.isnan(values)]
        return Column(name, None, float(known.mean()) if len(known) else 0.0)
    categories = tuple(map(str, np.unique(values)))
    if len(categories) > _MOST_CATEGORIES:
        raise UserError(
            f"Expected at most {_MOST_CATEGORIES:,} different words in a "
            f"column of the table. Received: {len(categories):,} in {name!r}; "
            "leave it out of the file"
        )
    return Column(name, categories)


def vectors(table: Rows, columns: Sequence[Column]) -> Array:
    """Rows as vectors.

    Args:
        table: `Rows`.
        columns: As learned of the training rows.

    Returns:
        float64 array `(rows, entries)`.

    Raises:
        UserError: if a column is lacking, or is of another kind.
    """
    parts = [np.zeros((len(table), 0))]
    for column in columns:
        values = table.columns.get(column.name)
        words = column.categories is not None
        if values is None or (values.dtype.kind == "U") != words:
            if values is None or words or (values != _GAP).any():
                raise UserError(
                    f"Expected a column {column.name!r} of "
                    f"{'words' if words else 'numbers'} in {table.path}, as in "
                    "the training rows. Received: "
                    f"{'none' if values is None else values.dtype}"
                )
            values = np.full(len(values), np.nan)
        if words:
            # A word that training lacks is none of its categories.
            entries = values[:, None] == np.array(column.categories)
            if other := np.count_nonzero(~entries.any(axis=1)):
                print(
                    f"{other:,} rows of {table.path} have words in "
                    f"{column.name!r} that no training row has"
                )
            parts.append(entries)
        else:
            filled = np.where(np.isnan(values), column.fill, values)
            parts.append(filled[:, None])
    return np.concatenate(parts, axis=1)

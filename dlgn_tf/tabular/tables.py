"""The tables that the command takes: scikit-learn's, and files."""

import typing

import numpy as np

from dlgn_tf.data import own
from dlgn_tf.data import tables as files
from dlgn_tf.data.reading import Reading
from dlgn_tf.errors import UserError
from dlgn_tf.tabular.sources import OF_SCIKIT_LEARN


class Table(typing.NamedTuple):
    """Rows and what is to be predicted of them.

    Attributes:
        name: String.
        x: float64 array `(n, columns)`, NaN where a gap is to be filled.
        y: n labels or numbers.
        columns: Strings, names of the columns; of a column of words, one for
            each of them.
        regression: Boolean.
        filled: x with the mean of a column in the place of its gaps.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    columns: list[str]
    regression: bool
    filled: np.ndarray


def read(name: str, label: str | None, missing: str, regression: bool) -> Table:
    """Reads a table.

    Args:
        name: One of `OF_SCIKIT_LEARN`, or a path of a .csv, .tsv or .parquet.
        label: The column of a file that is to be predicted.
        missing: See `dlgn_tf.data.tables`.
        regression: Whether a file's labels are numbers that are predicted.

    Raises:
        UserError: if there is no such table, or it cannot be learned from.
    """
    if name in OF_SCIKIT_LEARN:
        return _of_scikit_learn(name)
    how = Reading(label=label, missing=missing)
    rows, y, _ = files.read(own.OwnData("table", name, how=how)).train
    learned = rows.learned()
    # What learns of some rows fills gaps by the means of these.
    gaps = [column._replace(fill=np.nan) for column in learned]
    x = files.vectors(rows, gaps)
    columns = []
    for column, words, _ in learned:
        columns += (
            [column] if words is None else [f"{column}={w}" for w in words]
        )
    if regression:
        y = _numbers(y, label)
    elif len(np.unique(y)) < 2 or np.unique(y, return_counts=True)[1].max() < 5:
        raise UserError(
            f"Expected two classes or more, of several rows, in column {label}"
            f", or --regression. Received: {len(np.unique(y))} values in "
            f"{len(y)} rows"
        )
    else:
        y = y.astype(str)
    filled = files.vectors(rows, learned)
    return Table(name, x, y, columns, regression, filled)


def _numbers(labels, label):
    """Labels of a column as finite float64 numbers."""
    wrong = labels[:1]
    try:
        numbers = labels.astype("float64")
        wrong = numbers[~np.isfinite(numbers)]
    except (TypeError, ValueError):
        pass
    if len(wrong):
        raise UserError(
            f"Expected finite numbers in column {label} with --regression. "
            f"Received: {wrong[0]}"
        )
    return numbers


def check_folds(table: Table, folds: int) -> None:
    """Raises a `UserError` if there are too few rows for this many folds."""
    counts = np.array([len(table.x)])
    if not table.regression:
        counts = np.unique(table.y, return_counts=True)[1]
    if counts.max() < folds or counts.min() < 3:
        of_class = "" if table.regression else " of a class"
        raise UserError(
            f"Expected as many rows{of_class} as --folds={folds}, and no fewer "
            f"than 3 of any. Received: {counts.max()} at most, {counts.min()} "
            "at least"
        )


def _of_scikit_learn(name):
    from sklearn import datasets

    found = getattr(datasets, f"load_{name}")()
    y, regression = found.target, name == "diabetes"
    if not regression:
        y = np.array([str(x) for x in found.target_names])[y]
    x, names = found.data, [*map(str, found.feature_names)]
    return Table(name, x, y, names, regression, x)

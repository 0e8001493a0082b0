"""Tables that `python -m dlgn_tf.rainbow` has left, as claims read them."""

import math

from dlgn_tf.claims.verdicts import NotMeasured
from dlgn_tf.output import elsewhere


def read(path, columns, made_by):
    """Rows of a CSV file, each with all of these columns.

    Raises:
        NotMeasured: if it is not there, or not whole; `made_by` says what
            makes it.
    """
    try:
        rows = elsewhere.read_csv(path)
    except (OSError, ValueError):
        rows = []
    if not rows or not all(row.get(name) for row in rows for name in columns):
        raise NotMeasured(f"no whole {path}; {made_by} makes it")
    return rows


def values(rows, column, **of):
    """Floats of a column in those rows that have some values.

    Raises:
        NotMeasured: if there are none, or one is no finite number.
    """
    found = [
        row[column]
        for row in rows
        if all(row.get(name) == str(value) for name, value in of.items())
    ]
    if not found:
        raise NotMeasured(f"no row with {of}")
    try:
        numbers = [float(text) for text in found]
    except ValueError:
        numbers = [math.nan]
    if not all(map(math.isfinite, numbers)):
        raise NotMeasured(f"no finite {column} in each row with {of}")
    return numbers

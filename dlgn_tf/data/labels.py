"""Labels of data of one's own, whatever they are stored as."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.errors import UserError

MOST_CLASSES = 2**16


def plain(values: Any, place: str) -> tuple[Array, tuple[str, ...] | None]:
    """Labels as one value each.

    Args:
        values: Array-like of n labels: integers from any start, booleans,
            strings, whole numbers as floats; also of shape (n, 1), or one-hot
            of shape (n, classes).
        place: Where they are from, for the message.

    Returns:
        `(labels, names)`: array `(n,)` of strings or of int64, and the names
        of all classes where their number is known: of one-hot labels.

    Raises:
        UserError: if they are anything else, or some are missing.
    """
    values = refuse_gaps(values, place)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    # Of NumPy's strings of any length too.
    if values.dtype.kind in "OT":
        values = _of_objects(values.astype(object), place)
    if values.dtype.kind == "f":
        values = _whole(values, place)
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    if values.dtype.kind not in "iubU" or values.ndim not in (1, 2):
        raise _refused(place, f"{values.dtype} of shape {values.shape}")
    if values.dtype.kind in "iub":
        # Of more than 63 bits there are none.
        if values.size and values.max() > np.iinfo(np.int64).max:
            raise _refused(place, f"{values.max()}")
        values = values.astype(np.int64)
    if values.ndim == 1:
        return values, None
    one_hot = values.dtype.kind == "i" and np.isin(values, (0, 1)).all()
    if not one_hot or (values.sum(axis=1) != 1).any():
        raise _refused(place, f"{values.shape} that are not one-hot")
    return values.argmax(axis=1), tuple(map(str, range(values.shape[1])))


def numbers(values: Any, place: str) -> Array:
    """Labels that are numbers, the targets of a regression.

    Args:
        values: Array-like of n numbers, or of shape (n, targets).
        place: Where they are from, for the message.

    Returns:
        float32 array `(n, targets)`.

    Raises:
        UserError: if they are anything else, or not finite.
    """
    values = refuse_gaps(values, place)
    try:
        with np.errstate(over="ignore"):
            found = values.astype(np.float64).astype(np.float32)
    except (TypeError, ValueError) as error:
        raise _not_numbers(place, " ".join(str(error).split())[:160]) from error
    if values.ndim not in (1, 2) or values.dtype.kind in "cmM":
        raise _not_numbers(place, f"{values.dtype} of shape {values.shape}")
    found = found.reshape(len(found), -1 if len(found) else 1)
    finite = np.isfinite(found).all(axis=1)
    if not finite.all() or not found.shape[1]:
        raise _not_numbers(place, f"others in row {np.argmin(finite) + 1}")
    return found


def _not_numbers(place, received):
    return UserError(
        f"Expected labels that are finite numbers, as of a regression, in "
        f"{place}. Received: {received}"
    )


def refuse_gaps(values: Any, place: str) -> Array:
    """An array-like as an array; a `UserError` if entries are masked."""
    if np.ma.is_masked(values):
        raise UserError(
            f"Expected arrays without gaps in {place}. Received: "
            f"{int(np.ma.getmaskarray(values).sum()):,} masked entries"
        )
    return np.asarray(values)


def names_of(labels: Array) -> tuple[str, ...]:
    """Names of the classes that there are, in the order of their numbers.

    Args:
        labels: Array `(n,)` that `plain` gave.
    """
    return tuple(map(str, np.unique(labels)))


def check_count(names: Sequence[str], place: str) -> None:
    """Raises a `UserError` of one class, or of more than there can be.

    Args:
        names: Of the classes.
        place: Where they are from, for the message.
    """
    if not 2 <= len(names) <= MOST_CLASSES:
        only = f", {names[0]!r}" if len(names) == 1 else ""
        raise UserError(
            f"Expected 2 to {MOST_CLASSES:,} classes in {place}. Received: "
            f"{len(names):,}{only}"
        )


def is_integer(name: str) -> bool:
    """Whether the name of a class is a number in itself."""
    return name.removeprefix("-").isdigit()


def numbered(
    labels: Array,
    names: Sequence[str],
    place: str,
    named: Sequence[str] | None = None,
) -> Array:
    """Numbers of classes.

    Args:
        labels: Array `(n,)` that `plain` gave.
        names: Of the classes that there may be.
        place: Where they are from, for the message.
        named: What the integers 0, 1, ... are called there. By default they are
            names themselves.

    Returns:
        int32 array of the same shape.

    Raises:
        UserError: if one is none of these.
    """
    known = {name: number for number, name in enumerate(names)}
    if named and labels.dtype.kind == "i":
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(named):
            raise UserError(
                f"Expected labels from 0 to {len(named) - 1} in {place}. "
                f"Received: {labels.min()} to {labels.max()}"
            )
        labels = np.array(named)[labels]
    found, inverse = np.unique(labels, return_inverse=True)
    lacking = [str(x) for x in found if str(x) not in known]
    if lacking:
        shown = ", ".join(map(repr, names[:10])) + ", ..." * (len(names) > 10)
        raise UserError(
            f"Expected in {place} only classes of the training data: {shown}. "
            f"Received: {', '.join(map(repr, lacking[:5]))}"
        )
    numbers = np.array([known[str(x)] for x in found], np.int32)
    return numbers[inverse] if len(labels) else np.zeros(0, np.int32)


def _of_objects(values, place):
    """Objects that are all words, or all numbers, as an array of these."""
    flat = values.ravel()
    for row, each in enumerate(flat):
        if each is None or each != each:
            raise _refused(place, f"none in row {row + 1}")
    kinds = {type(each) for each in flat}
    if kinds <= {str, np.str_, bytes}:
        words = [
            x.decode("utf-8", "replace") if isinstance(x, bytes) else x
            for x in flat
        ]
        return np.array(words, str).reshape(values.shape)
    if all(issubclass(kind, (int, float, np.number)) for kind in kinds):
        try:
            return np.array(flat.tolist()).reshape(values.shape)
        except (ValueError, OverflowError):
            pass
    names = ", ".join(sorted(kind.__name__ for kind in kinds)[:4])
    raise _refused(place, f"objects of type {names}")


def _whole(values, place):
    """Whole numbers that are stored as floats, as integers."""
    bad = ~np.isfinite(values) | (values != np.floor(values))
    bad |= np.abs(np.where(bad, 0, values)) >= 2**62
    if bad.any():
        row = int(np.argwhere(bad)[0][0])
        raise _refused(
            place,
            f"{values[bad].flat[0]:g} in row {row + 1}; --regression "
            "(regression=True) is for numbers",
        )
    return values.astype(np.int64)


def _refused(place, received):
    return UserError(
        "Expected labels that are integers, words, or one-hot, one for each "
        f"example, in {place}. Received: {received}"
    )

"""Second and cross moments of activations, summed over a data set.

Moments are not centred, and are means over all samples and all positions of
maps. Sums are kept in float64.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.command.memory import check_memory
from dlgn_tf.errors import UserError
from dlgn_tf.models.evaluation import at_a_time, batches

# Rows that are held in float64 at a time.
_ROWS = 2**12


class JointMoments:
    """Running moments of two representations of the same samples.

    Args:
        first: Integer, channels of the first.
        second: Integer, channels of the second.
        squares: Whether the moments of either are summed beside the cross
            moment, which takes twice its time. Defaults to `True`.

    Attributes:
        count: Integer, how many samples and positions were added.
    """

    def __init__(self, first: int, second: int, squares: bool = True) -> None:
        self.count = 0
        self._squares = squares
        self._first = np.zeros((first, first))
        self._second = np.zeros((second, second))
        self._cross = np.zeros((first, second))

    @staticmethod
    def bytes(first: int, second: int) -> int:
        """What the sums take, and a block of rows to add to them."""
        sums = first**2 + second**2 + first * second
        return 8 * (2 * sums + _ROWS * (first + second))

    def add(self, first: Array, second: Array) -> None:
        """Adds samples, arrays `(..., channels)` of the same leading shape.

        Raises:
            ValueError: if they have not.
        """
        if np.shape(first)[:-1] != np.shape(second)[:-1]:
            raise ValueError(
                "Expected as many samples and positions of both. Received: "
                f"shapes {np.shape(first)} and {np.shape(second)}"
            )
        for x, y in zip(_blocks(first), _blocks(second), strict=True):
            self._cross += x.T @ y
            if self._squares:
                self._first += x.T @ x
                self._second += y.T @ y
            self.count += len(x)

    @property
    def first(self) -> Array:
        """E[x x^T], `(first, first)`."""
        return self._first / max(self.count, 1)

    @property
    def second(self) -> Array:
        """E[y y^T], `(second, second)`."""
        return self._second / max(self.count, 1)

    @property
    def cross(self) -> Array:
        """E[x y^T], `(first, second)`."""
        return self._cross / max(self.count, 1)


def joint_moments(
    pairs: Iterable[tuple[Array, Array]],
    memory_gib: float = 1.0,
    squares: bool = True,
) -> JointMoments:
    """`JointMoments` of two representations over a data set.

    Args:
        pairs: Pairs of arrays `(..., channels)`, batch by batch.
        memory_gib: Float > 0. Bound on the memory used beside a batch.
        squares: See `JointMoments`.

    Raises:
        UserError: if they do not fit, there is nothing, or it is not finite.
    """
    moments: Any = None
    for first, second in pairs:
        if moments is None:
            channels = np.shape(first)[-1], np.shape(second)[-1]
            check_memory(
                JointMoments.bytes(*channels),
                memory_gib,
                f"Moments of {channels[0]} and {channels[1]} channels",
            )
            moments = JointMoments(*channels, squares)
        moments.add(first, second)
    check_moment(*((moments.cross, moments.count) if moments else (0, 0)))
    return moments


def second_moment(arrays: Iterable[Array], memory_gib: float = 1.0) -> Array:
    """E[x x^T], float64 `(channels, channels)`, over a data set.

    Arguments and exceptions are as those of `joint_moments`, of single arrays.
    """
    total, count = np.zeros((0, 0)), 0
    for activations in arrays:
        if not count:
            channels = np.shape(activations)[-1]
            check_memory(
                second_moment_bytes(channels),
                memory_gib,
                f"The second moment of {channels} channels",
            )
            total = np.zeros((channels, channels))
        for x in _blocks(activations):
            total += x.T @ x
            count += len(x)
    check_moment(total, count)
    return total / count


def second_moment_bytes(channels: int) -> int:
    """What the sum takes, and a block of rows to add to it."""
    return 8 * (2 * channels**2 + _ROWS * channels)


def _blocks(activations):
    """Samples `(..., channels)` as some rows in float64 at a time."""
    rows = np.reshape(activations, (-1, np.shape(activations)[-1]))
    for start in range(0, len(rows), _ROWS):
        yield rows[start : start + _ROWS].astype(np.float64)


def check_moment(moment: Array, count: int) -> None:
    """Raises a `UserError` where no sample was seen, or one that is not finite.

    The moment of no samples is 0. A generator that was gone through already has
    none left either.
    """
    if not count:
        raise UserError(
            "Expected batches of at least one sample to take moments of, which "
            "can be gone through again. Received: none"
        )
    if not np.isfinite(moment).all():
        raise UserError(
            "Expected images of finite pixels, and finite activations. "
            "Received: some that are not"
        )


def in_batches(images: Array, size: int = 1000) -> list[Array]:
    """Views of an array `(samples, ...)`, one batch of a size each.

    Of samples larger than images of 32x32x3 a batch has fewer. Unlike a
    generator they can be gone through again.
    """
    size = at_a_time(images, size)
    return [images[batch] for batch in batches(len(images), size)]

"""Matrices over pairs of images, block by block within a memory bound."""

import bisect
import contextlib
import dataclasses
import os
from collections.abc import Callable, Sequence

import numpy as np
from numpy import ndarray as Array
from threadpoolctl import threadpool_limits

from dlgn_tf.command import memory, scheduler
from dlgn_tf.command.memory import GIB
from dlgn_tf.command.progress import Progress


@dataclasses.dataclass(frozen=True)
class Block:
    """A part of the matrix.

    Attributes:
        rows: Slice of the images.
        columns: Slice of the others.
        diagonal: Boolean. Whether both are the same images, so that the block
            is symmetric.
    """

    rows: slice
    columns: slice
    diagonal: bool


def fill_within(
    function: Callable,
    shape: tuple[int, int],
    symmetric: bool,
    block_bytes: Callable,
    memory_gib: float = 1.0,
    progress: bool = False,
    held: int = 0,
    most: int = 512,
    workers: int | None = None,
) -> Array:
    """Computes a matrix in the largest blocks that a memory bound allows.

    Each thread computes a block of its own, with a BLAS of one thread: so what
    is done to each number keeps all processors busy as matrix products do.
    Within `dlgn_tf.command.scheduler.using` the threads are those of workers
    of a cluster; blocks, and so the bytes, are the same.

    Args:
        function: Function `Block -> (rows, columns)` array.
        shape: Tuple `(n, m)`.
        symmetric: Boolean. Whether the matrix is, so that blocks below the
            diagonal are those above it.
        block_bytes: Function from the side of a block to the memory that
            computing it takes.
        memory_gib: Float > 0. Bound on what is held, all blocks at work and the
            result.
        progress: Boolean. Whether to show it, and the estimate of the memory.
        held: Integer, bytes of what the function works on.
        most: Integer, rows and columns of a block beyond which nothing is
            gained.
        workers: Integer, threads that compute blocks, at most; one per
            processor by default.

    Returns:
        float64 array `(n, m)`.

    Raises:
        UserError: if the memory does not suffice.
    """
    side, workers, needed = fitting(
        shape, block_bytes, memory_gib, held, most, workers
    )
    title = f"kernel, {needed / GIB:.2g} of {memory_gib:g} GiB"
    count = _block_count(shape, side, symmetric)
    show = Progress(title, 0, count, "block", silent=not progress)
    with threadpool_limits(1, user_api="blas"):
        return _fill(function, shape, side, symmetric, workers, show)


def fitting(
    shape: tuple[int, int],
    block_bytes: Callable,
    memory_gib: float,
    held: int,
    most: int,
    workers: int | None = None,
) -> tuple[int, int, int]:
    """Side of the largest blocks that fit, threads, and bytes of them all.

    As many threads as can hold a number each. Arguments and errors are those of
    `fill_within`.
    """
    held += 8 * shape[0] * shape[1]
    least = max(1, block_bytes(1))
    check_memory(held + least, shape, memory_gib)
    able = int((memory_gib * GIB - held) // least)
    threads = min(workers or processors(), able)

    def needed(side):
        return held + threads * block_bytes(side)

    side = bisect.bisect_left(
        range(1, max(1, min(most, max(shape))) + 1),
        True,
        key=lambda side: needed(side) > memory_gib * GIB,
    )
    return side, threads, needed(side)


def check_memory(needed: int, shape: Sequence[int], memory_gib: float) -> None:
    """Raises a `UserError` if a kernel `(n, m)` or `(n,)` needs more bytes."""
    kernel = f"A kernel of {shape[0]} x {shape[-1]} images"
    memory.check_memory(needed, memory_gib, kernel)


def pairs(shape: tuple[int, int], symmetric: bool) -> float:
    """How many numbers of a matrix are computed, each symmetric one once."""
    rows, columns = shape
    return rows * (rows + 1) / 2 if symmetric else rows * columns


def processors() -> int:
    """How many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def _fill(function, shape, side, symmetric, workers, show):
    matrix = np.empty(shape)
    count = _block_count(shape, side, symmetric)
    blocks = _blocks(shape, side, symmetric)
    finished = scheduler.unordered(function, blocks, workers)
    with contextlib.closing(finished):
        for done, (block, part) in enumerate(finished, 1):
            if block.diagonal:
                # Symmetric to the last bit, as the rest is.
                part = (part + part.T) / 2
            matrix[block.rows, block.columns] = part
            if symmetric:
                matrix[block.columns, block.rows] = part.T
            show.update(done, line=done == count)
    return matrix


def _block_count(shape, side, symmetric):
    rows, columns = (len(_slices(count, side)) for count in shape)
    return rows * (rows + 1) // 2 if symmetric else rows * columns


def _blocks(shape, side, symmetric):
    """Blocks one by one; of a symmetric matrix those above the diagonal."""
    rows, columns = (_slices(count, side) for count in shape)
    for index, row in enumerate(rows):
        for column in columns[index if symmetric else 0 :]:
            yield Block(row, column, symmetric and row == column)


def _slices(count, side):
    """Parts of almost equal length, none longer than `side`."""
    parts = max(1, -(-count // side))
    edges = [count * part // parts for part in range(parts + 1)]
    return [slice(a, b) for a, b in zip(edges, edges[1:], strict=False)]

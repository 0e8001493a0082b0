"""Bounds on memory, in GiB."""

import math

from dlgn_tf.errors import UserError

GIB = 2**30


def least_gib(needed):
    """GiB that hold so many bytes, rounded up: text, to give as memory_gib."""
    return f"{math.ceil(needed / GIB * 1000) / 1000:g}"


def check_memory(needed, memory_gib, what):
    """Raises a `UserError` where the bytes that `what` takes exceed a bound."""
    if not needed <= memory_gib * GIB:
        raise UserError(
            f"{what}: {needed:,} bytes. Expected memory_gib of at least "
            f"{least_gib(needed)}. Received: memory_gib={memory_gib}"
        )

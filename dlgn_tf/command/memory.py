"""Bounds on memory, in GiB."""

import math
import pathlib
import sys

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


def peak_gib():
    """The most memory that this process has held, in GiB.

    Linux hands `ru_maxrss` down from the process that started this one, so
    that of this one alone is preferred.
    """
    try:
        status = pathlib.Path("/proc/self/status").read_text()
        (line,) = (x for x in status.splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 2**20
    except (OSError, ValueError):
        # There is none but on Linux.
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / GIB

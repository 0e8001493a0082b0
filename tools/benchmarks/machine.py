"""What the machine is, what it reaches, and what a process holds."""

import contextlib
import os
import pathlib
import platform
import re

from benchmarks.turns import timed
from dlgn_tf.command import memory


def described():
    """Dict of what it was measured on."""
    import keras
    import tensorflow as tf

    from dlgn_tf.output import origin

    return {
        "processor": origin.processor(),
        "cores": os.cpu_count(),
        "gpus": len(tf.config.list_physical_devices("GPU")),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "load_before": round(os.getloadavg()[0], 2),
    }


def matrix_product_rate(dtype="float64", side=2000):
    """Floating point operations a second of a product, best of 3."""
    import numpy as np

    a = np.random.default_rng(0).random((side, side)).astype(dtype)
    b = a.copy()
    return 2 * side**3 / min(timed(lambda: a @ b) for _ in range(3))


def resident_gib():
    """Memory of this process now, in GiB; 0 where it cannot be known."""
    return _of_status("VmRSS") or 0.0


def forget_peak():
    """Lets the peak of this process' memory begin anew, where Linux can."""
    with contextlib.suppress(OSError):
        pathlib.Path("/proc/self/clear_refs").write_text("5")


def peak_gib(process="self"):
    """Most memory of a process since `forget_peak`, in GiB.

    Both sides of a comparison count together where they run in this one.
    """
    if process == "self":
        return memory.peak_gib()
    return _of_status("VmHWM", process)


def _of_status(name, process="self"):
    """A figure that Linux keeps of a process, in GiB, or None."""
    try:
        status = pathlib.Path(f"/proc/{process}/status").read_text()
        return int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) / 2**20
    except (OSError, TypeError):
        return None

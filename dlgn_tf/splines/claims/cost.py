"""smaso.17: what orthogonal filters cost, beside the loop of the paper.

All methods are timed with their gradients, as they stand and as graphs. A loop
in a graph takes less than one product of matrices a step, so that there is no
tenth of it; step by step is how the paper's authors met its cost. They are
timed by turns, so that what else the machine does slows all of them; memory is
told of a process for each.
"""

import multiprocessing
import os
import pathlib
import platform
import resource
import time

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.command import startup

# Filters and inputs; the largest last, whose peak of memory is told.
SHAPES = ((192, 192), (96, 864), (192, 1728))
METHODS = ("ours", "tf.linalg.qr", "loop")
MODES = ("step by step", "compiled")
FASTER = 10
_REPEATS = 3


def measure(rng, shapes=SHAPES, repeats=_REPEATS):
    seconds = {_label(shape): timings(shape, repeats, rng) for shape in shapes}
    peaks = {method: peak_memory(method, shapes[-1]) for method in METHODS}
    factors = {
        mode: {
            shape: min(modes[mode]["loop"]) / min(modes[mode]["ours"])
            for shape, modes in seconds.items()
        }
        for mode in MODES
    }
    # Of two runs of one method: what the clock makes of no difference.
    spread = max(
        max(modes[MODES[0]]["loop"]) / min(modes[MODES[0]]["loop"])
        for modes in seconds.values()
    )
    shown = "; ".join(
        f"{mode} "
        + ", ".join(f"{shape} {x:.1f}" for shape, x in of_mode.items())
        for mode, of_mode in factors.items()
    )
    times = "; ".join(_times(*item) for item in seconds.items())
    memory = ", ".join(f"{method} {mb:.0f}" for method, mb in peaks.items())
    return Measurement(
        holds=verdict(factors[MODES[0]].values(), spread),
        measured=(
            f"loop / ours, with gradient: {shown}; slowest / fastest run of "
            f"the loop {spread:.2f}; ms of {' / '.join(METHODS)}: {times}; "
            f"peak MB at {_label(shapes[-1])}, compiled: {memory}; {hardware()}"
        ),
        values={
            "seconds": seconds,
            "peak_mb": peaks,
            "factors": factors,
            "spread": spread,
        },
    )


def verdict(factors, spread):
    """Whether the loop takes ten times as long everywhere.

    Args:
        factors: Floats, loop / ours, neither compiled.
        spread: Float, slowest / fastest run of the loop. Where it is as large
            nothing is decided.
    """
    if spread >= FASTER:
        return None
    return all(factor >= FASTER for factor in factors)


def _times(shape, modes):
    parts = (
        f"{mode} "
        + " / ".join(f"{min(of_methods[m]) * 1e3:.3g}" for m in METHODS)
        for mode, of_methods in modes.items()
    )
    return f"{shape} {', '.join(parts)}"


def _label(shape):
    return "x".join(map(str, shape))


def hardware():
    """What it was measured on, one phrase."""
    tf = startup.tensorflow()
    gpus = tf.config.list_physical_devices("GPU")
    device = f"{len(gpus)} GPU" if gpus else f"{os.cpu_count()} CPU cores"
    return f"{device}, {platform.machine()}, TensorFlow {tf.__version__}"


def timings(shape, repeats, rng):
    """Seconds that each method takes with its gradient.

    Args:
        shape: Filters and inputs.
        repeats: Integer.
        rng: `numpy.random.Generator`, of the kernel.

    Returns:
        Dict from each of `MODES` to a dict from method to a list of floats.
    """
    arguments = _draw(shape, rng)
    found = {}
    for mode in MODES:
        functions = {method: _with_gradient(method) for method in METHODS}
        if mode == "compiled":
            functions = {k: _compiled(v) for k, v in functions.items()}
        rounds = [
            {
                method: _timed(function, arguments)
                for method, function in functions.items()
            }
            # The first one traces.
            for _ in range(repeats + 1)
        ][1:]
        found[mode] = {
            method: [one[method] for one in rounds] for method in METHODS
        }
    return found


def _draw(shape, rng):
    """A kernel and a gradient in what is made of it."""
    tf = startup.tensorflow()
    filters, inputs = shape
    drawn = rng.uniform(-1, 1, size=(2, inputs, filters)).astype("float32")
    return tuple(map(tf.constant, drawn))


def _with_gradient(method):
    """A function of a matrix and the derivative in what is made of it."""
    tf = startup.tensorflow()
    from dlgn_tf.layers import orthogonalization

    function = {
        "ours": orthogonalization.gram_schmidt,
        "tf.linalg.qr": lambda matrix: tf.linalg.qr(matrix)[0],
        "loop": orthogonalization.gram_schmidt_loop,
    }[method]

    def with_gradient(matrix, upstream):
        with tf.GradientTape() as tape:
            tape.watch(matrix)
            found = function(matrix)
        return tape.gradient(found, matrix, upstream)

    return with_gradient


def _compiled(function):
    return startup.tensorflow().function(function)


def _timed(function, arguments):
    began = time.perf_counter()
    function(*arguments).numpy()
    return time.perf_counter() - began


def peak_memory(method, shape):
    """MB that a process of its own takes for a method with its gradient."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_grown, (method, shape))


def _grown(method, shape):
    arguments = _draw(shape, np.random.default_rng(0))
    with_gradient = _compiled(_with_gradient(method))
    before = _peak()
    with_gradient(*arguments)
    return _peak() - before


def _peak():
    """The most memory that this process has held, in MB.

    Linux hands `ru_maxrss` down from the process that started this one, so
    that of this one alone is preferred.
    """
    try:
        status = pathlib.Path("/proc/self/status").read_text()
        (line,) = (x for x in status.splitlines() if x.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    except (OSError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

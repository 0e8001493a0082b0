"""smaso.17: what orthogonal filters cost, beside the loop of the paper.

All methods are graphs. They are timed by turns, so that what else the machine
does slows all of them; memory is told of a process for each.
"""

import multiprocessing
import os
import pathlib
import platform
import resource
import time

import numpy as np

from dlgn_tf import startup
from dlgn_tf.claims.registry import Measurement

# Filters and inputs; the largest last, whose peak of memory is told.
SHAPES = ((192, 192), (96, 864), (192, 1728))
METHODS = ("ours", "tf.linalg.qr", "loop")
FASTER = 10
_REPEATS = 7


def measure(rng, shapes=SHAPES, repeats=_REPEATS):
    seconds = {_label(shape): timings(shape, repeats, rng) for shape in shapes}
    peaks = {method: peak_memory(method, shapes[-1]) for method in METHODS}
    factors = {
        f"{shape} {direction}": of_methods["loop"] / of_methods["ours"]
        for shape, directions in seconds.items()
        for direction, of_methods in directions.items()
    }
    shown = ", ".join(f"{name} {x:.1f}" for name, x in factors.items())
    times = "; ".join(_times(*item) for item in seconds.items())
    memory = ", ".join(f"{method} {mb:.0f}" for method, mb in peaks.items())
    return Measurement(
        holds=verdict(factors.values()),
        measured=(
            f"loop / ours: {shown}; ms of {' / '.join(METHODS)}: {times}; "
            f"peak MB with gradient at {_label(shapes[-1])}: {memory}; "
            f"{hardware()}"
        ),
        values={"seconds": seconds, "peak_mb": peaks, "factors": factors},
    )


def verdict(factors):
    """Whether the loop takes ten times as long everywhere."""
    return all(factor >= FASTER for factor in factors)


def _times(shape, directions):
    parts = (
        f"{direction} "
        + " / ".join(f"{of_methods[m] * 1e3:.3g}" for m in METHODS)
        for direction, of_methods in directions.items()
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
    """Seconds of each method, the shortest of several.

    Args:
        shape: Filters and inputs.
        repeats: Integer.
        rng: `numpy.random.Generator`, of the kernel.

    Returns:
        Dict from `"forward"` and `"with gradient"` to a dict from method.
    """
    graphs = {method: _graphs(method) for method in METHODS}
    arguments = _draw(shape, rng)
    found = {}
    for index, direction in enumerate(("forward", "with gradient")):
        rounds = [
            {
                method: _timed(of_method[index], arguments)
                for method, of_method in graphs.items()
            }
            # The first one traces.
            for _ in range(repeats + 1)
        ][1:]
        found[direction] = {
            method: min(one[method] for one in rounds) for method in METHODS
        }
    return found


def _draw(shape, rng):
    """A kernel and a gradient in what is made of it."""
    tf = startup.tensorflow()
    filters, inputs = shape
    drawn = rng.uniform(-1, 1, size=(2, inputs, filters)).astype("float32")
    return tuple(map(tf.constant, drawn))


def _graphs(method):
    """A method as a graph, and another with its gradient."""
    tf = startup.tensorflow()
    from dlgn_tf.layers import orthogonalization

    function = {
        "ours": orthogonalization.gram_schmidt,
        "tf.linalg.qr": lambda matrix: tf.linalg.qr(matrix)[0],
        "loop": orthogonalization.gram_schmidt_loop,
    }[method]

    @tf.function
    def forward(matrix, upstream):
        del upstream
        return function(matrix)

    @tf.function
    def with_gradient(matrix, upstream):
        with tf.GradientTape() as tape:
            tape.watch(matrix)
            found = function(matrix)
        return tape.gradient(found, matrix, upstream)

    return forward, with_gradient


def _timed(graph, arguments):
    began = time.perf_counter()
    graph(*arguments).numpy()
    return time.perf_counter() - began


def peak_memory(method, shape):
    """MB that a process of its own takes for a method with its gradient."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_grown, (method, shape))


def _grown(method, shape):
    arguments = _draw(shape, np.random.default_rng(0))
    _, with_gradient = _graphs(method)
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

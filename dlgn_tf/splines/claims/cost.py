"""smaso.17: what orthogonal filters cost, beside the loop of the paper.

All methods are timed with their gradients, as they stand and as graphs. A loop
in a graph takes less than one product of matrices a step, so that there is no
tenth of it; step by step is how the paper's authors met its cost. They are
timed by turns, so that what else the machine does slows all of them; memory is
told of a process for each.
"""

import multiprocessing
import time

import numpy as np

from dlgn_tf.command import startup
from dlgn_tf.command.memory import peak_gib
from dlgn_tf.layers import orthogonalization
from dlgn_tf.output import origin

tf = startup.tensorflow()

# Filters and inputs; the largest last, whose peak of memory is told.
SHAPES = ((192, 192), (96, 864), (192, 1728))
METHODS = ("ours", "tf.linalg.qr", "loop")
MODES = ("step by step", "compiled")
REPEATS = 3


def measure(rng):
    seconds = {_label(shape): timings(shape, rng) for shape in SHAPES}
    step_by_step = MODES[0]
    return {
        "loop / ours": {
            mode: {
                shape: min(modes[mode]["loop"]) / min(modes[mode]["ours"])
                for shape, modes in seconds.items()
            }
            for mode in MODES
        },
        # Of two runs of one method: what the clock makes of no difference.
        "slowest / fastest run of the loop": {
            shape: max(modes[step_by_step]["loop"])
            / min(modes[step_by_step]["loop"])
            for shape, modes in seconds.items()
        },
        "least ms": {
            f"{method}, {mode}": [
                min(modes[mode][method]) * 1e3 for modes in seconds.values()
            ]
            for method in METHODS
            for mode in MODES
        },
        f"peak MB at {_label(SHAPES[-1])}, compiled": {
            method: peak_memory(method, SHAPES[-1]) for method in METHODS
        },
        "on": origin.here().machine,
        "details": {"seconds": seconds},
    }


def _label(shape):
    return "x".join(map(str, shape))


def timings(shape, rng):
    """Seconds that each method takes with its gradient, of a drawn kernel.

    Returns:
        Dict from each of `MODES` to a dict from method to a list of floats.
    """
    arguments = _draw(shape, rng)
    found = {}
    for mode in MODES:
        functions = {method: _with_gradient(method) for method in METHODS}
        if mode == "compiled":
            functions = {k: tf.function(v) for k, v in functions.items()}
        rounds = [
            {
                method: _timed(function, arguments)
                for method, function in functions.items()
            }
            # The first one traces.
            for _ in range(REPEATS + 1)
        ][1:]
        found[mode] = {
            method: [one[method] for one in rounds] for method in METHODS
        }
    return found


def _draw(shape, rng):
    """A kernel and a gradient in what is made of it."""
    filters, inputs = shape
    drawn = rng.uniform(-1, 1, size=(2, inputs, filters)).astype("float32")
    return tuple(map(tf.constant, drawn))


def _with_gradient(method):
    """A function of a matrix and the derivative in what is made of it."""
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
    with_gradient = tf.function(_with_gradient(method))
    before = peak_gib()
    with_gradient(*arguments)
    return 1024 * (peak_gib() - before)

"""smaso.17: what orthogonal filters cost, beside the loop of the paper.

Each method has a process of its own, so that the memory it takes at its peak
can be told.
"""

import multiprocessing
import os
import platform
import resource
import time

import numpy as np

from dlgn_tf.claims.registry import Measurement

# Filters and inputs; the largest last, whose peak of memory is told.
SHAPES = ((192, 192), (96, 864), (192, 1728))
METHODS = ("ours", "tf.linalg.qr", "loop")
FASTER = 10
_REPEATS = 5


def measure(rng, shapes=SHAPES, repeats=_REPEATS):
    seed = int(rng.integers(2**31))
    context = multiprocessing.get_context("spawn")
    found = {}
    for method in METHODS:
        with context.Pool(1) as pool:
            found[method] = pool.apply(timings, (method, shapes, repeats, seed))
    factors = [
        loop / ours
        for shape, seconds in found["loop"]["seconds"].items()
        for loop, ours in zip(
            seconds, found["ours"]["seconds"][shape], strict=True
        )
    ]
    return Measurement(
        holds=verdict(factors),
        measured=(
            f"loop / ours >= {min(factors):.0f}; forward / with gradient in "
            f"ms, peak MB at {_label(shapes[-1])}: {_shown(found)}; "
            f"{hardware()}"
        ),
        values={"found": found, "factors": factors},
    )


def verdict(factors):
    """Whether the loop takes ten times as long everywhere."""
    return all(factor >= FASTER for factor in factors)


def _shown(found):
    parts = []
    for method, figures in found.items():
        times = ", ".join(
            f"{shape} {forward * 1e3:.3g} / {both * 1e3:.3g}"
            for shape, (forward, both) in figures["seconds"].items()
        )
        parts.append(f"{method} {times}, {figures['peak_mb']:.0f} MB")
    return "; ".join(parts)


def _label(shape):
    return "x".join(map(str, shape))


def hardware():
    """What it was measured on, one phrase."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    device = f"{len(gpus)} GPU" if gpus else f"{os.cpu_count()} CPU cores"
    return f"{device}, {platform.machine()}, TensorFlow {tf.__version__}"


def timings(method, shapes, repeats, seed):
    """Seconds of a method, and the memory it added to this process.

    Args:
        method: One of `METHODS`.
        shapes: Tuples of filters and inputs.
        repeats: Integer; the shortest of so many is taken.
        seed: Integer, of the weights.

    Returns:
        Dict: seconds, from a shape's label to forward and with gradient, and
        peak_mb.
    """
    import tensorflow as tf

    from dlgn_tf.layers import orthogonalization

    functions = {
        "ours": orthogonalization.gram_schmidt,
        "tf.linalg.qr": lambda matrix: tf.linalg.qr(matrix)[0],
        "loop": orthogonalization.gram_schmidt_loop,
    }
    function = functions[method]
    rng = np.random.default_rng(seed)
    seconds, before = {}, _peak()
    for filters, inputs in shapes:
        draw = rng.uniform(-1, 1, size=(2, inputs, filters)).astype("float32")
        matrix, weights = map(tf.constant, draw)
        forward = tf.function(function)

        @tf.function
        def both(matrix, weights):
            with tf.GradientTape() as tape:
                tape.watch(matrix)
                total = tf.reduce_sum(function(matrix) * weights)
            return tape.gradient(total, matrix)

        seconds[_label((filters, inputs))] = (
            _shortest(lambda: forward(matrix), repeats),  # noqa: B023
            _shortest(lambda: both(matrix, weights), repeats),  # noqa: B023
        )
    return {"seconds": seconds, "peak_mb": _peak() - before}


def _peak():
    """The most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _shortest(function, repeats):
    function()  # Traces.
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        function().numpy()
        times.append(time.perf_counter() - began)
    return min(times)

"""A neural path kernel, and draws of gradients that lead to the same numbers.

For a network with hard gates the other way is to draw weights, +-sigma, and to
take the tangent kernel from gradients of each image: its mean over draws is the
kernel, and the error of one draw, which is measured, says how many lead to 1 %.
It is measured on fewer images and counted as proportional to them, and to the
draws.
"""

import statistics

from benchmarks import machine
from benchmarks.rows import Comparison
from benchmarks.turns import timed


def hard(name, shape, **options):
    """A network of one logit with hard gates."""
    from dlgn_tf.models.build import create_model

    return create_model(name, shape, 1, gate="hard", seed=0, **options)


def against_gradients(name, model, images, products, bound, rounds):
    """Kernel of all images, and draws of the tangent kernel of some.

    Args:
        model: A network of one logit without biases.
        products: Integer, multiplications of numbers for a pair of images.
        bound: Float, GiB that are granted.
    """
    import numpy as np

    from dlgn_tf.dual import neural_path_kernel

    some = images[:20]
    variances, draw = _tangent_kernels(model, some)
    limit = neural_path_kernel(model, some, variances=variances)
    errors = [
        np.linalg.norm(draw() - limit) / np.linalg.norm(limit) for _ in range(8)
    ]
    error = float(np.sqrt(np.mean(np.square(errors))))
    draws = max(1.0, (error / 0.01) ** 2)

    def ours():
        return neural_path_kernel(model, images, memory_gib=bound)

    machine.forget_peak()
    before = machine.resident_gib()
    seconds, rates = [], []
    for _ in range(rounds):
        rates.append(machine.matrix_product_rate())
        own = timed(ours)
        seconds.append((own, timed(draw) * draws * len(images) / len(some)))
    peak = machine.peak_gib() - before
    pairs = len(images) * (len(images) + 1) / 2
    spent = [own for own, _ in seconds]
    share = share_of_rate(2 * products * pairs, spent, max(rates))
    return Comparison(
        name,
        f"{draws:.0f} draws of gradients",
        "pairs/s",
        pairs,
        seconds,
        f"{statistics.median(spent):.3g} s; {share}; {peak:.2f} GiB of {bound} "
        f"granted; one draw of gradients is {error:.0%} off",
    )


def share_of_rate(operations, seconds, rate):
    """Text: the rate of the fastest round beside that of a matrix product."""
    achieved = operations / min(seconds)
    return (
        f"{achieved / 1e9:.0f} GFLOP/s of {rate / 1e9:.0f} that a float64 "
        f"matrix product reaches ({achieved / rate:.0%}; hard gates are "
        "multiplied in float32)"
    )


def _tangent_kernels(model, images):
    """Variances of the weights, and a function that draws a tangent kernel."""
    import numpy as np
    import tensorflow as tf

    gates = [tf.constant(g) for g in model.gates(images).values()]
    pixels = model.normalization(images)
    variables = model.value_network.trainable_variables
    weights = [x for x in variables if x.name == "kernel"]
    # 2 by the number of units that a unit sees.
    variances = [2 / np.prod(w.shape[:-1]) for w in weights]
    rng = np.random.default_rng(0)

    @tf.function
    def gradients(inputs):
        with tf.GradientTape() as tape:
            output = model.value_network([x[tf.newaxis] for x in inputs])
        found = tape.gradient(output, weights)
        return tf.concat([tf.reshape(g, [-1]) for g in found], 0)

    def draw():
        for weight, variance in zip(weights, variances, strict=True):
            signs = rng.choice([-1.0, 1.0], weight.shape)
            weight.assign(signs * variance**0.5)
        rows = tf.stack(
            [gradients(x) for x in zip(pixels, *gates, strict=True)]
        )
        return tf.matmul(rows, rows, transpose_b=True).numpy()

    return variances, draw

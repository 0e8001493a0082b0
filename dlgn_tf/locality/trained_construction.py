"""Whether training finds what the constructions show to be there."""

import keras
import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf.command import startup
from dlgn_tf.locality.teachers import all_inputs
from dlgn_tf.models.graphs import graph_of

tf = startup.tensorflow()

STEPS, LEARNING_RATE, TOP_BIAS = 3000, 3e-3, 0.1
# Of the top weights, relative to He's: all outputs start near 0.1, alive.
SMALL = 0.01


def trained_outputs(
    pixels: int,
    relu: bool,
    seeds: int,
    rng: Generator,
    top_scale: float = 1.0,
    steps: int = STEPS,
) -> Array:
    """Trains a hidden layer of 4 * 2^s nodes to tell all 2^s inputs apart.

    Full-batch Adam on |F - I|_F^2 of `seeds` networks side by side; the output
    has a ReLU too, whose bias starts at 0.1, the weights have He's initial
    values, those of the top times `top_scale`. Leaves are the s pixels,
    one-hot, as everywhere. Without `relu` there are no ReLUs at all. Sizes are
    assumed.

    Returns:
        Outputs F after the last step, `(seeds, 2 ** s inputs, 2 ** s)`.
    """
    count = 2**pixels
    inputs = np.eye(2)[all_inputs(pixels)].reshape(count, -1)
    inputs = tf.constant(inputs, tf.float32)
    activation = tf.nn.relu if relu else tf.identity
    widths = (2 * pixels, 4 * count, count)
    variables = [
        keras.Variable(start, dtype="float32")
        for start in _initial(widths, seeds, rng, top_scale)
    ]
    optimizer = keras.optimizers.Adam(LEARNING_RATE)
    optimizer.build(variables)

    def outputs():
        w1, b1, w2, b2 = (variable.value for variable in variables)
        hidden = activation(tf.matmul(inputs, w1) + b1)
        return activation(tf.matmul(hidden, w2) + b2)

    def run():
        for _ in tf.range(steps):
            with tf.GradientTape() as tape:
                # Adam works weight by weight: the networks stay apart.
                total = tf.reduce_sum((outputs() - tf.eye(count)) ** 2)
            values = [variable.value for variable in variables]
            optimizer.apply(tape.gradient(total, values), variables)
        return outputs()

    return graph_of(run)().numpy()


def _initial(widths, seeds, rng, top_scale):
    """Weights and biases of both layers, a row per network."""
    below, hidden, top = widths
    return [
        rng.normal(0, np.sqrt(2 / below), (seeds, below, hidden)),
        np.zeros((seeds, 1, hidden)),
        top_scale * rng.normal(0, np.sqrt(2 / hidden), (seeds, hidden, top)),
        np.full((seeds, 1, top), TOP_BIAS),
    ]

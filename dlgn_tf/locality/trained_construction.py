"""Whether training finds what the constructions show to be there."""

import keras
import numpy as np
import tensorflow as tf

from dlgn_tf.locality.teachers import all_inputs

STEPS, LEARNING_RATE, TOP_BIAS = 3000, 3e-3, 0.1


def least_loss(pixels, relu, seed, steps=STEPS):
    """Trains a hidden layer of 4 * 2^s nodes to tell all 2^s inputs apart.

    Full-batch Adam on |F - I|_F^2; the output has a ReLU too, whose bias starts
    at 0.1 so that no output is dead. Sizes are assumed.

    Args:
        pixels: Integer, s.
        relu: Boolean. Whether there are ReLUs at all.
        seed: Integer.
        steps: Integer.

    Returns:
        Loss after the last step, a float.
    """
    inputs = tf.constant(all_inputs(pixels), tf.float32)
    target = tf.eye(2**pixels)
    activation = "relu" if relu else None
    model = keras.Sequential(
        [
            keras.Input((pixels,)),
            keras.layers.Dense(
                4 * 2**pixels,
                activation,
                kernel_initializer=keras.initializers.HeNormal(seed),
            ),
            keras.layers.Dense(
                2**pixels,
                activation,
                kernel_initializer=keras.initializers.HeNormal(seed + 1),
                bias_initializer=keras.initializers.Constant(TOP_BIAS),
            ),
        ]
    )
    optimizer = keras.optimizers.Adam(LEARNING_RATE)
    optimizer.build(model.trainable_variables)

    def loss():
        return tf.reduce_sum((model(inputs) - target) ** 2)

    @tf.function
    def run():
        variables = model.trainable_variables
        for _ in tf.range(steps):
            with tf.GradientTape() as tape:
                value = loss()
            values = [variable.value for variable in variables]
            optimizer.apply(tape.gradient(value, values), variables)
        return loss()

    return float(np.asarray(run()))

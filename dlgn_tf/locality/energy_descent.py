"""Energies of a hidden layer under gradient descent, with and without BN."""

import dataclasses

import keras
import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf.command import startup
from dlgn_tf.layers import BatchNorm
from dlgn_tf.locality.teachers import all_inputs
from dlgn_tf.models.graphs import graph_of

tf = startup.tensorflow()

PIXELS, NODES, CLASSES = 8, 20, 3
# As good as 0, so that the projection is exact.
EPSILON = 1e-12


@dataclasses.dataclass(frozen=True)
class EnergyHistory:
    """What gradient descent did to the nodes of a hidden layer.

    Attributes:
        products: E[f_j g_j] before each step, `(steps, nodes)`.
        energies: Sum of squared incoming weights (bias included) before each
            step and after the last, `(steps + 1, nodes)`.
        losses: Before each step, `(steps,)`.
    """

    products: np.ndarray
    energies: np.ndarray
    losses: np.ndarray

    @property
    def drifts(self) -> Array:
        """|energy - first energy| / first energy, `(steps + 1, nodes)`."""
        return np.abs(self.energies / self.energies[0] - 1)


def descend(
    rng: Generator, batch_norm: bool, steps: int = 200, rate: float = 0.01
) -> EnergyHistory:
    """Full-batch descent of 1/2 E|y - f|^2 on random labels.

    A layer of 20 ReLUs of all 256 inputs of 8 binary pixels, `BatchNorm` or
    not, and a linear layer; in float64.
    """
    pixels = np.eye(2)[all_inputs(PIXELS)].reshape(2**PIXELS, -1)
    inputs = np.concatenate([pixels, np.ones((len(pixels), 1))], axis=1)
    labels = np.eye(CLASSES)[rng.integers(CLASSES, size=len(pixels))]
    scale = np.sqrt(2 / (2 * PIXELS))
    variables = [
        tf.Variable(rng.normal(0, scale, (inputs.shape[1], NODES))),
        tf.Variable(rng.normal(0, np.sqrt(1 / NODES), (NODES, CLASSES))),
        tf.Variable(np.zeros(CLASSES)),
    ]
    layer = BatchNorm(epsilon=EPSILON, dtype="float64") if batch_norm else None
    if layer:
        layer.build((None, NODES))
        variables += [v.value for v in layer.trainable_variables]
    step = _step(tf.constant(inputs), tf.constant(labels), variables, layer)
    products, energies, losses = [], [_energies(variables)], []
    for _ in range(steps):
        product, loss = step(tf.constant(rate, tf.float64))
        products.append(product.numpy())
        losses.append(float(loss))
        energies.append(_energies(variables))
    return EnergyHistory(*map(np.array, (products, energies, losses)))


def _energies(variables):
    return np.square(variables[0].numpy()).sum(axis=0)


def _step(inputs, labels, variables, layer):
    count = keras.ops.cast(len(inputs), "float64")

    def step(rate):
        with tf.GradientTape() as tape:
            f = tf.nn.relu(inputs @ variables[0])
            tape.watch(f)
            h = layer(f, training=True) if layer else f
            error = labels - (h @ variables[1] + variables[2])
            loss = tf.reduce_sum(error**2) / (2 * count)
        slope, *gradients = tape.gradient(loss, [f, *variables])
        for variable, gradient in zip(variables, gradients, strict=True):
            variable.assign_sub(rate * gradient)
        # The gradient of the mean carries the probability 1 / count.
        return -tf.reduce_sum(f * slope, axis=0), loss

    return graph_of(step)

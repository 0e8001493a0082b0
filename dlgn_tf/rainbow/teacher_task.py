"""A synthetic classification task on which networks of seconds can be trained.

Gaussian inputs whose variances fall as a power law, and the classes that a
random ReLU network gives them. Sizes are assumed: no paper has this task.
"""

import dataclasses

import keras
import numpy as np
from numpy.random import Generator

from dlgn_tf.models.standardization import standardize

DIMENSION, CLASSES = 64, 10
TRAIN, TEST = 20_000, 4_000
_TEACHER_WIDTH = 40
_TEACHER_INPUTS = 8


@dataclasses.dataclass(frozen=True)
class TeacherTask:
    """Float32 inputs `(samples, dimension)` and their classes `(samples,)`."""

    x: np.ndarray
    labels: np.ndarray
    test_x: np.ndarray
    test_labels: np.ndarray

    @classmethod
    def draw(
        cls, rng: Generator, train: int = TRAIN, test: int = TEST
    ) -> "TeacherTask":
        """Draws a teacher, and inputs of variance rank^(-1/2)."""
        scales = np.arange(1, DIMENSION + 1) ** -0.25
        x = rng.standard_normal((train + test, DIMENSION)) * scales
        labels = _teacher_labels(x, rng)
        x = x.astype(np.float32)
        return cls(x[:train], labels[:train], x[train:], labels[train:])


def _teacher_labels(x, rng):
    """Classes of a ReLU network 8-40-10 on random directions of the input."""
    directions = np.linalg.qr(rng.standard_normal((DIMENSION, _TEACHER_INPUTS)))
    hidden = rng.standard_normal((_TEACHER_INPUTS, _TEACHER_WIDTH))
    readout = rng.standard_normal((_TEACHER_WIDTH, CLASSES))
    logits = np.maximum(x @ directions[0] @ hidden, 0) @ readout
    return (logits - logits.mean(axis=0)).argmax(axis=1)


def mlp(width: int, seed: int, standardized: bool = False) -> keras.Model:
    """A network `dimension - width - width - classes` without biases.

    Initial weights are normal of variance 2 / inputs (assumed). Where it is
    `standardized` every channel is standardised behind its ReLU, as in the
    paper's ResNets. Layers are named dense1, dense2 and logits.
    """
    draws = iter(np.random.default_rng(seed).integers(2**31, size=3))

    def dense(units, name, activation=None):
        return keras.layers.Dense(
            units,
            activation=activation,
            use_bias=False,
            kernel_initializer=keras.initializers.HeNormal(int(next(draws))),
            name=name,
        )

    x = keras.Input((DIMENSION,), name="x")
    h = x
    for name in ("dense1", "dense2"):
        h = dense(width, name, "relu")(h)
        h = standardize(h, name) if standardized else h
    return keras.Model(x, dense(CLASSES, "logits")(h), name="mlp")

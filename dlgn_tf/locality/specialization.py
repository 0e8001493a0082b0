"""Which student nodes become which teacher nodes: fully connected networks.

A random teacher, a student of the same depth whose hidden layers are wider,
mean squared error on the outputs for Gaussian inputs. A teacher's node counts
as found by the student node of the same layer that correlates best with it;
"lucky" is one that did so from the start. Networks are lists of `(weights
(inputs, nodes), biases (nodes,))`, widths those of their hidden layers.

Source: "Luck Matters" (arXiv 1905.13405) with the code facebookresearch/
luckmatters; here batches are drawn afresh, 300 to an epoch (assumed; there
100,000 samples are drawn once).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf.command import startup
from dlgn_tf.locality.selectivity import correlations
from dlgn_tf.models.graphs import graph_of

tf = startup.tensorflow()

INPUTS, INPUT_STD = 20, 10.0
BATCH_SIZE, STEPS_PER_EPOCH, LEARNING_RATE = 64, 300, 0.05
EVALUATION_SAMPLES = 1024
_MEDIAN_SAMPLES = 4096
_WEIGHT_CHOICES = (-0.5, -0.25, 0.0, 0.25, 0.5)


@dataclasses.dataclass(frozen=True)
class Specialization:
    """A student's training, seen from the teacher.

    Attributes:
        best: For each teacher node the largest correlation with a student
            node of its layer, a list by layer of arrays `(epochs + 1, nodes)`.
        first: By layer, correlations `(teacher nodes, student nodes)` before
            training.
        last: The same after it.
        losses: Mean squared error on fresh inputs, `(epochs + 1,)`.
    """

    best: list
    first: list
    last: list
    losses: np.ndarray

    def means(self) -> Array:
        """Mean best correlation, `(epochs + 1, layers)`."""
        return np.stack([best.mean(axis=1) for best in self.best], axis=1)

    def winners_first_ranks(self) -> list[Array]:
        """Rank, before training, of the node that wins in the end (0: first).

        By layer, integer arrays `(teacher nodes,)`.
        """
        ranks = []
        for first, last in zip(self.first, self.last, strict=True):
            winner = last.argmax(axis=1)[:, None]
            of_winner = np.take_along_axis(first, winner, axis=1)
            ranks.append((first > of_winner).sum(axis=1))
        return ranks


def draw_teacher(
    widths: Sequence[int], outputs: int, rng: Generator
) -> list[tuple[Array, Array]]:
    """Weights and biases of a random teacher.

    Weights from -0.5, -0.25, 0, 0.25, 0.5, all nodes of a layer different and
    none 0; biases uniform in [-0.5, 0.5]; then each node is divided by the norm
    of its weights.
    """
    layers, below = [], INPUTS
    for nodes in (*widths, outputs):
        weights = _distinct_rows(nodes, below, rng)
        norms = np.linalg.norm(weights, axis=1)
        biases = rng.uniform(-0.5, 0.5, nodes) / norms
        layers.append(((weights / norms[:, None]).T, biases))
        below = nodes
    return layers


def _distinct_rows(count, length, rng):
    rows = {}
    while len(rows) < count:
        row = rng.choice(_WEIGHT_CHOICES, length)
        if row.any():
            rows[row.tobytes()] = row
    return np.array(list(rows.values()))


def half_open(
    layers: Sequence[tuple[Array, Array]], rng: Generator
) -> list[tuple[Array, Array]]:
    """The same teacher with the biases of its hidden nodes at the median.

    Each is then on for half of all inputs, which are drawn, as the teachers of
    "Student Specialization" (arXiv 1909.13458) are; with drawn biases many
    nodes above the first layer are always on, or never.
    """
    h, hidden = INPUT_STD * rng.normal(size=(_MEDIAN_SAMPLES, INPUTS)), []
    for weights, _ in layers[:-1]:
        raw = h @ weights
        biases = -np.median(raw, axis=0)
        hidden.append((weights, biases))
        h = np.maximum(raw + biases, 0)
    return [*hidden, layers[-1]]


def draw_student(widths: Sequence[int], outputs: int, rng: Generator) -> list:
    """Weights and biases uniform in +-1 / sqrt(inputs), as PyTorch draws."""
    layers, below = [], INPUTS
    for nodes in (*widths, outputs):
        bound = 1 / np.sqrt(below)
        layers.append(
            (
                rng.uniform(-bound, bound, (below, nodes)),
                rng.uniform(-bound, bound, nodes),
            )
        )
        below = nodes
    return layers


def activations(
    layers: Sequence[tuple[Array, Array]], inputs: Array
) -> list[Array]:
    """Hidden layers after their ReLU, and the linear output, as a list."""
    outputs, h = [], inputs
    for index, (weights, biases) in enumerate(layers):
        h = tf.matmul(h, weights) + biases
        if index + 1 < len(layers):
            h = tf.nn.relu(h)
        outputs.append(h)
    return outputs


def train(
    widths: Sequence[int],
    outputs: int,
    multiple: int,
    epochs: int,
    seed: int,
    half_open_teacher: bool = False,
) -> Specialization:
    """Trains a student whose hidden layers are `multiple` times as wide.

    Plain SGD with learning rate 0.05 on batches of 64, for epochs of 300 steps;
    the teacher has these widths, and may be that of `half_open`.
    """
    rng = np.random.default_rng(seed)
    teacher = draw_teacher(widths, outputs, rng)
    if half_open_teacher:
        teacher = half_open(teacher, rng)
    teacher = _constants(teacher)
    wider = [multiple * width for width in widths]
    student = [
        tuple(tf.Variable(x, dtype=tf.float32) for x in layer)
        for layer in draw_student(wider, outputs, rng)
    ]
    shape = (EVALUATION_SAMPLES, INPUTS)
    samples = tf.constant(INPUT_STD * rng.normal(size=shape), tf.float32)
    run_epoch = _epoch(teacher, student, int(rng.integers(2**31)))
    tables, losses = [], []
    for epoch in range(epochs + 1):
        if epoch:
            run_epoch(tf.constant(epoch))
        of_teacher, of_student = (
            activations(layers, samples) for layers in (teacher, student)
        )
        pairs = zip(of_teacher[:-1], of_student[:-1], strict=True)
        tables.append([correlations(t, s) for t, s in pairs])
        losses.append(np.mean((of_teacher[-1] - of_student[-1]) ** 2))
    best = [
        np.array([table[layer].max(axis=1) for table in tables])
        for layer in range(len(widths))
    ]
    return Specialization(best, tables[0], tables[-1], np.array(losses))


def _constants(layers):
    return [tuple(tf.constant(x, tf.float32) for x in each) for each in layers]


def _epoch(teacher, student, seed):
    variables = [variable for layer in student for variable in layer]

    def run(epoch):
        for step in tf.range(STEPS_PER_EPOCH):
            number = epoch * STEPS_PER_EPOCH + step
            drawn = tf.random.stateless_normal(
                (BATCH_SIZE, INPUTS), tf.stack([seed, number])
            )
            inputs = INPUT_STD * drawn
            wanted = activations(teacher, inputs)[-1]
            with tf.GradientTape() as tape:
                made = activations(student, inputs)[-1]
                loss = tf.reduce_mean((made - wanted) ** 2)
            gradients = tape.gradient(loss, variables)
            for variable, gradient in zip(variables, gradients, strict=True):
                variable.assign_sub(LEARNING_RATE * gradient)

    return graph_of(run)

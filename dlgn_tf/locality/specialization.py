"""Which student nodes become which teacher nodes: fully connected networks.

A random teacher, a student of the same depth whose hidden layers are wider,
mean squared error on the outputs for Gaussian inputs. A teacher's node counts
as found by the student node of the same layer that correlates best with it;
"lucky" is one that did so from the start. Networks are lists of `(weights
(inputs, nodes), biases (nodes,))`, widths those of their hidden layers.

Source: "Luck Matters" (arXiv 1905.13405) and "Student Specialization" (arXiv
1909.13458, ICML 2020) with the code facebookresearch/luckmatters; here batches
are drawn afresh, 300 to an epoch (assumed; there samples are drawn once).
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

STEPS_PER_EPOCH = 300
EVALUATION_SAMPLES = 1024
_MEDIAN_SAMPLES = 4096


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Inputs, teacher and training; by default those of "Luck Matters".

    Attributes:
        inputs: How many there are.
        input_std: Of each, normal with mean 0.
        choices: What the teacher's weights are drawn from.
        half_open: Whether the biases of the teacher's hidden nodes are at the
            median, see `half_open`.
        decay: p: weights from node i = 1, 2, ... of each hidden layer of the
            teacher are divided by i ** p before its nodes are normalised.
        batch_size: Samples of a step.
        rate: Of plain SGD.
    """

    inputs: int = 20
    input_std: float = 10.0
    choices: tuple[float, ...] = (-0.5, -0.25, 0.0, 0.25, 0.5)
    half_open: bool = False
    decay: float = 0.0
    batch_size: int = 64
    rate: float = 0.05


LUCK = Recipe()
HALF_OPEN = Recipe(half_open=True)
# The two-layer networks of "Student Specialization"; the rate is assumed.
TWO_LAYERS = Recipe(
    inputs=100,
    input_std=1.5,
    choices=(-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1),
    half_open=True,
    batch_size=16,
    rate=0.1,
)


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
    widths: Sequence[int], outputs: int, rng: Generator, recipe: Recipe = LUCK
) -> list[tuple[Array, Array]]:
    """Weights and biases of a random teacher, biases not at the median yet.

    Weights are drawn from the recipe's choices, all nodes of a layer different
    and none 0, and divided by i ** decay where they read node i of a hidden
    layer; biases are uniform in [-0.5, 0.5]. Then each node is divided by the
    norm of its weights.
    """
    below = recipe.inputs
    layers: list[tuple[Array, Array]] = []
    for nodes in (*widths, outputs):
        weights = _distinct_rows(nodes, below, rng, recipe.choices)
        if layers:
            weights = weights / np.arange(1, below + 1) ** recipe.decay
        norms = np.linalg.norm(weights, axis=1)
        biases = rng.uniform(-0.5, 0.5, nodes) / norms
        layers.append(((weights / norms[:, None]).T, biases))
        below = nodes
    return layers


def _distinct_rows(count, length, rng, choices):
    rows = {}
    while len(rows) < count:
        row = rng.choice(choices, length)
        if row.any():
            rows[row.tobytes()] = row
    return np.array(list(rows.values()))


def half_open(
    layers: Sequence[tuple[Array, Array]],
    rng: Generator,
    recipe: Recipe = LUCK,
) -> list[tuple[Array, Array]]:
    """The same teacher with the biases of its hidden nodes at the median.

    The median is that of drawn inputs. Each node is then on for half of all
    inputs, as those of the teachers of "Student Specialization" (arXiv
    1909.13458) are; with drawn biases many nodes above the first layer are
    always on, or never.
    """
    shape, hidden = (_MEDIAN_SAMPLES, recipe.inputs), []
    h = recipe.input_std * rng.normal(size=shape)
    for weights, _ in layers[:-1]:
        raw = h @ weights
        biases = -np.median(raw, axis=0)
        hidden.append((weights, biases))
        h = np.maximum(raw + biases, 0)
    return [*hidden, layers[-1]]


def draw_student(
    widths: Sequence[int],
    outputs: int,
    rng: Generator,
    inputs: int = LUCK.inputs,
) -> list:
    """Weights and biases uniform in +-1 / sqrt(inputs), as PyTorch draws."""
    layers, below = [], inputs
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
    recipe: Recipe = LUCK,
) -> Specialization:
    """Trains a student whose hidden layers are `multiple` times as wide.

    For epochs of 300 steps of SGD; the teacher has these widths.
    """
    rng = np.random.default_rng(seed)
    teacher = draw_teacher(widths, outputs, rng, recipe)
    if recipe.half_open:
        teacher = half_open(teacher, rng, recipe)
    teacher = _constants(teacher)
    wider = [multiple * width for width in widths]
    student = [
        tuple(tf.Variable(x, dtype=tf.float32) for x in layer)
        for layer in draw_student(wider, outputs, rng, recipe.inputs)
    ]
    drawn = rng.normal(size=(EVALUATION_SAMPLES, recipe.inputs))
    samples = tf.constant(recipe.input_std * drawn, tf.float32)
    run_epoch = _epoch(teacher, student, int(rng.integers(2**31)), recipe)
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


def _epoch(teacher, student, seed, recipe):
    variables = [variable for layer in student for variable in layer]

    def run(epoch):
        for step in tf.range(STEPS_PER_EPOCH):
            number = epoch * STEPS_PER_EPOCH + step
            drawn = tf.random.stateless_normal(
                (recipe.batch_size, recipe.inputs), tf.stack([seed, number])
            )
            inputs = recipe.input_std * drawn
            wanted = activations(teacher, inputs)[-1]
            with tf.GradientTape() as tape:
                made = activations(student, inputs)[-1]
                loss = tf.reduce_mean((made - wanted) ** 2)
            gradients = tape.gradient(loss, variables)
            for variable, gradient in zip(variables, gradients, strict=True):
                variable.assign_sub(recipe.rate * gradient)

    return graph_of(run)

"""The small networks that the claims on trained networks are measured on.

Claims of one run share them: all follow from the run's seed, and each is
trained once in a process.
"""

import dataclasses
import functools

import keras
import numpy as np

from dlgn_tf.models.evaluation import accuracy
from dlgn_tf.rainbow import teacher_task
from dlgn_tf.rainbow.covariance import weight_covariances
from dlgn_tf.rainbow.learned_layers import LayeredNetwork
from dlgn_tf.rainbow.moments import in_batches

# Width at scale 1, and scales that networks are trained at.
WIDTH, SCALES = 128, (0.5, 1, 2, 4)
EPOCHS, BATCH_SIZE, LEARNING_RATE, MOMENTUM = 12, 128, 0.05, 0.9
# Epochs after which weights are kept.
SNAPSHOTS = (0, 1, 2, 5, 10, 12)
LAYER1, LAYER2, LOGITS = "dense1", "dense2", "logits"


@dataclasses.dataclass(frozen=True)
class TrainedNetwork:
    """A network, and what it was.

    Attributes:
        model: See `teacher_task.mlp`.
        accuracy: On the test inputs.
        snapshots: Dict from label to a list of float64 arrays `(neurons,
            dimension)`, one for each of `SNAPSHOTS`.
    """

    model: keras.Model
    accuracy: float
    snapshots: dict[str, list[np.ndarray]]


def seed_of_run(rng):
    """The seed that a run's claims share, of a claim's own generator."""
    return int(np.atleast_1d(rng.bit_generator.seed_seq.entropy)[0])


@functools.cache
def task(seed):
    """The task of a run: `TeacherTask`."""
    return teacher_task.TeacherTask.draw(np.random.default_rng(seed))


def untrained(seed, scale, index, standardized=False):
    """Network `index` of a run as it was drawn, and what else draws for it."""
    draws = np.random.default_rng([seed, round(8 * scale), index])
    of_weights = int(draws.integers(2**31))
    width = round(WIDTH * scale)
    return teacher_task.mlp(width, of_weights, standardized), draws


@functools.cache
def trained(seed, scale, index, standardized=False):
    """Network `index` of a run at a width of 128 times `scale`.

    Stochastic gradient descent with momentum on the cross-entropy, without
    weight decay. `standardized` as in `teacher_task.mlp`.
    """
    data = task(seed)
    model, draws = untrained(seed, scale, index, standardized)
    model.compile(
        keras.optimizers.SGD(LEARNING_RATE, momentum=MOMENTUM),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        steps_per_execution=len(data.x) // BATCH_SIZE,
    )
    layers = LayeredNetwork(model).layers
    snapshots = {layer.label: [layer.matrix] for layer in layers}
    for epoch in range(1, EPOCHS + 1):
        order = draws.permutation(len(data.x))
        model.fit(
            data.x[order],
            data.labels[order],
            BATCH_SIZE,
            shuffle=False,
            verbose=0,
        )
        if epoch in SNAPSHOTS:
            for layer in layers:
                snapshots[layer.label].append(layer.matrix)
    return TrainedNetwork(
        model, accuracy(model, data.test_x, data.test_labels), snapshots
    )


def models(seed, scale, indices, **options):
    """Trained models of a run, a list."""
    return [trained(seed, scale, k, **options).model for k in indices]


def batches(seed):
    """The training inputs of a run, in batches."""
    return in_batches(task(seed).x, 5000)


@functools.cache
def covariances(seed, scale, indices):
    """`WeightCovariances` of some networks, in the basis of their mean."""
    return weight_covariances(models(seed, scale, indices), batches(seed))

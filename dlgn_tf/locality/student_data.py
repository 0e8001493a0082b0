"""Data sets for students: a teacher's training and test inputs."""

import dataclasses

import numpy as np
from numpy.random import Generator

from dlgn_tf.locality.latent_tree import LatentTree
from dlgn_tf.locality.receptive_fields import ReceptiveFields
from dlgn_tf.locality.teachers import Teacher, from_samples, lookup_teacher

TRAIN, TEST = 8000, 2000


@dataclasses.dataclass(frozen=True)
class StudentData:
    """Teachers of training and of test inputs.

    `best_accuracy` is that of the best possible guess on the test inputs.
    """

    train: Teacher
    test: Teacher
    best_accuracy: float


def latent_tree(
    depth: int, rng: Generator, train: int = TRAIN, test: int = TEST
) -> StudentData:
    """Samples of a tree that is drawn first."""
    tree = LatentTree.draw(depth, rng)
    training, tested = tree.sample(train, rng), tree.sample(test, rng)
    return StudentData(training, tested, tree.best_accuracy(tested))


def lookup_tables(
    depth: int,
    rng: Generator,
    events: int = 2,
    train: int = TRAIN,
    test: int = TEST,
) -> StudentData:
    """Uniform pixels, events from tables that are drawn first."""
    fields = ReceptiveFields.tree(depth)
    pixels = rng.integers(2, size=(train + test, fields.leaves))
    teacher = lookup_teacher(fields, events, rng, pixels)

    training, tested = (
        from_samples(teacher, rows)
        for rows in np.split(np.arange(train + test), [train])
    )
    # What the label is follows from the pixels.
    return StudentData(training, tested, 1.0)

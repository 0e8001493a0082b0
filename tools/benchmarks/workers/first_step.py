"""Seconds from building a model to the end of its first step."""

import keras  # noqa: F401, before the clock starts
import tensorflow  # noqa: F401

from benchmarks import trainings
from benchmarks.turns import timed


class _Options:
    steps, batch_size = 1, 128


def job(way, name):
    def first_step():
        trainings.of_zoo(getattr(trainings, way), name, _Options)()

    return lambda: timed(first_step)

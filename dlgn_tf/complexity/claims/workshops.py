"""What the claims on experiments train with: drawn shapes, two CPU cores."""

from dlgn_tf.complexity.experiments import data
from dlgn_tf.complexity.experiments.settings import SCALES
from dlgn_tf.complexity.experiments.workshop import Workshop


def of_shapes():
    """A `Workshop` at the scale of minutes that keeps nothing."""
    return Workshop(SCALES["minutes"], data.load(), progress=False)


def seeds(rng, count):
    """Seeds of trainings, integers, from a claim's generator."""
    return [int(seed) for seed in rng.integers(2**31, size=count)]

"""The networks on targets of one frequency that claims share.

Each is trained once in a process. All follow from the run's seed.
"""

import functools

import numpy as np

from dlgn_tf.dual.spectral import training

COUNT = 3


@functools.cache
def trained(setting, seed):
    """The network of a `training.Setting` before training and after it."""
    return tuple(training.train(setting, seed, (0,)).values())


def share(setting, seed):
    """What the trained network leaves unexplained."""
    network = trained(setting, seed)[-1]
    return training.held_out_share(network, setting.frequency, seed)


def seeds(rng, count=COUNT):
    """Seeds of the networks of a run, from a claim's own generator."""
    run = int(np.atleast_1d(rng.bit_generator.seed_seq.entropy)[0])
    return range(100 * run, 100 * run + count)

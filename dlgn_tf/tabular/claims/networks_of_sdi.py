"""The networks on oblique-tree labels that claims share.

Each is trained once in a process. All follow from the run's seed.
"""

import functools

import numpy as np

from dlgn_tf.tabular.trees import published

# Networks of a family.
COUNT = 3
EPOCHS = published.EPOCHS
# Often at first, when hyperplanes move.
WATCHED = (*range(1, 100, 2), *range(100, 200, 5))

task = published.task


@functools.cache
def trained(name, family, seed, permuted=False):
    """A published network: `published.Trained`."""
    return published.train(
        task(name),
        family,
        published.PUBLISHED[name, family],
        seed,
        EPOCHS,
        WATCHED if (name, family) == ("sdi", "dlgn") else (),
        permuted,
    )


def seeds(rng, count=None):
    """Seeds of the networks of a run, from a claim's own generator."""
    run = int(np.atleast_1d(rng.bit_generator.seed_seq.entropy)[0])
    return range(100 * run, 100 * run + (count or COUNT))

"""Over-fitting as the framework has it: correlations of few samples.

Training on events sees data only by way of P(z_beta | z_alpha). Estimated from
n samples, events that have nothing to do with the label differ between labels
by

    d_beta = P(z_beta = 1 | y = 1) - P(z_beta = 1 | y = 0)

of mean 0 and variance 1 / n (fair bits, labels equally often), and the gradient
cannot tell that from a correlation of the same size that is there. Here are
eight binary leaves below one label: the first agrees with it with probability
0.8, the others are fair bits. One linear layer on one-hot leaves, trained in
the matrix form from weights 0 to its end, has the least weights of loss 0 on
the events, whatever the labels: each leaf's is nearly in proportion to its d.

Source: the discussion of over-fitting in Tian, arXiv 1809.10829, which is in
words; the teacher, sizes and the variance are assumed or derived here.
"""

import dataclasses

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf import factorizations
from dlgn_tf.locality.constructions import identity_loss
from dlgn_tf.locality.receptive_fields import ReceptiveFields
from dlgn_tf.locality.teachers import Teacher

LEAVES, AGREEMENT = 8, 0.8
FRESH = 10_000
# Samples that are compared, four times as many from one to the next.
COUNTS = (24, 96, 384, 1536, 6144)


@dataclasses.dataclass(frozen=True)
class Fit:
    """What training on the events of a sample leaves.

    Attributes:
        contrasts: Of each leaf, what its value 1 adds to the lead of label 1
            over what 0 adds, `(8,)`; the first leaf is the one that matters.
        loss: |F - I|_F^2 on the events.
        accuracy: On the sample.
        fresh_accuracy: On fresh samples; 0.8 is the best possible.
    """

    contrasts: np.ndarray
    loss: float
    accuracy: float
    fresh_accuracy: float

    @property
    def irrelevant_share(self) -> float:
        """Root mean square contrast of irrelevant leaves over the first's."""
        rms = np.sqrt(np.mean(self.contrasts[1:] ** 2))
        return float(rms / abs(self.contrasts[0]))


def sample(count: int, rng: Generator) -> Teacher:
    """A teacher of an even number of samples, both labels equally often."""
    labels = rng.permutation(np.arange(count) % 2)
    leaves = rng.integers(2, size=(count, LEAVES))
    agrees = rng.random(count) < AGREEMENT
    leaves[:, 0] = np.where(agrees, labels, 1 - labels)
    fields = ReceptiveFields.windows(LEAVES, [(LEAVES, LEAVES)])
    events = (leaves, labels[:, None])
    return Teacher(fields, events, (2, 2), np.full(count, 1 / count))


def permuted(teacher: Teacher, rng: Generator) -> Teacher:
    """The same leaves with the labels of other samples."""
    leaves, labels = teacher.events
    return dataclasses.replace(
        teacher, events=(leaves, rng.permutation(labels))
    )


def differences(teacher: Teacher) -> Array:
    """d of each leaf, `(8,)`."""
    without, with_label = teacher.tables(1, 0)
    return (with_label - without)[1::2]


def fit(teacher: Teacher, rng: Generator) -> Fit:
    """Where descent from weights 0 ends on the events of a sample.

    Fresh samples, on which it is tried, are drawn.
    """
    P = teacher.tables(1, 0)
    W = factorizations.pinv(P)
    lead = (W[:, 1] - W[:, 0]).reshape(LEAVES, 2)
    return Fit(
        lead[:, 1] - lead[:, 0],
        identity_loss(P @ W),
        _accuracy(lead, teacher),
        _accuracy(lead, sample(FRESH, rng)),
    )


def _accuracy(lead, teacher):
    leads = lead[np.arange(LEAVES), teacher.events[0]].sum(axis=1)
    return float(np.mean((leads > 0) == teacher.labels))

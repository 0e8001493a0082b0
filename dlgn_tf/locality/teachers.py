"""Discrete teachers: an event z_alpha for every receptive field.

A `Teacher` is a table of inputs with their probabilities and the event of every
region on each; probabilities such as P(z_beta | z_alpha) are frequencies in it.
Where the table lists every input they are exact, where it holds samples they
are estimates.

Source: Tian, arXiv 1809.10829, section 3.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf.errors import UserError
from dlgn_tf.locality.receptive_fields import ReceptiveFields


@dataclasses.dataclass(frozen=True)
class Teacher:
    """Inputs and what the teacher sees in each of their regions.

    Attributes:
        fields: What the regions are.
        events: One integer array `(inputs, regions)` a level, leaves first.
        counts: How many events regions of a level have.
        probabilities: Float array `(inputs,)` of sum 1.
    """

    fields: ReceptiveFields
    events: tuple[np.ndarray, ...]
    counts: tuple[int, ...]
    probabilities: np.ndarray

    @property
    def labels(self) -> Array:
        """The event of the whole input, `(inputs,)`."""
        return self.events[-1][:, 0]

    def one_hot_leaves(self) -> Array:
        """What a student sees, float64 `(inputs, leaves, events)`."""
        return np.eye(self.counts[0])[self.events[0]]

    def prior(self, level: int, region: int) -> Array:
        """P(z_alpha), `(events,)`."""
        return np.bincount(
            self.events[level][:, region],
            self.probabilities,
            minlength=self.counts[level],
        )

    def joint(self, level: int, region: int, child: int) -> Array:
        """P(z_alpha, z_beta) of a region and its child, `(m_a, m_b)`."""
        above, below = self.counts[level], self.counts[level - 1]
        pairs = self.events[level][:, region] * below
        pairs = pairs + self.events[level - 1][:, child]
        flat = np.bincount(pairs, self.probabilities, minlength=above * below)
        return flat.reshape(above, below)

    def conditional(self, level: int, region: int, child: int) -> Array:
        """P_ab: entry P(z_beta | z_alpha), `(m_a, m_b)`.

        Rows sum to 1; those of events that never happen are 0.
        """
        joint = self.joint(level, region, child)
        prior = joint.sum(axis=1, keepdims=True)
        return np.divide(
            joint, prior, out=np.zeros_like(joint), where=prior > 0
        )

    def tables(self, level: int, region: int) -> Array:
        """[P_ab] of a region, side by side over its children."""
        children = self.fields.children[level - 1][region]
        return np.hstack([self.conditional(level, region, c) for c in children])


def all_inputs(leaves: int) -> Array:
    """Every input of binary pixels, integers `(2 ** leaves, leaves)`.

    The last pixel changes fastest.
    """
    return np.indices((2,) * leaves).reshape(leaves, -1).T


def content(fields: ReceptiveFields, pixels: Array) -> tuple[tuple, tuple]:
    """z of each region = all that it contains: the delta regime.

    Of binary pixels `(inputs, leaves)`: events and counts, as `Teacher` has
    them. A region's event is its pixels read as digits.
    """
    events, counts = [], []
    for level, regions in enumerate(fields.regions):
        inside = [fields.leaves_of(level, region) for region in range(regions)]
        (size,) = {len(leaves) for leaves in inside}
        weights = 2 ** np.arange(size)[::-1]
        codes = [pixels[:, list(leaves)] @ weights for leaves in inside]
        events.append(np.stack(codes, axis=1))
        counts.append(2**size)
    return tuple(events), tuple(counts)


def content_teacher(
    fields: ReceptiveFields, rng: Generator, uniform: bool = False
) -> Teacher:
    """Every input of binary pixels; z is all that a region contains.

    Inputs, of at most 12 leaves or so, are equally likely where that is
    `uniform`; otherwise P(x) is drawn from a Dirichlet distribution of
    parameter 0.5, and pixels are correlated (assumed).
    """
    pixels = all_inputs(fields.leaves)
    events, counts = content(fields, pixels)
    count = len(pixels)
    probabilities = (
        np.full(count, 1 / count)
        if uniform
        else rng.dirichlet(np.full(count, 0.5))
    )
    return Teacher(fields, events, counts, probabilities)


def coarsened(
    teacher: Teacher, level: int, codes: int, order: Array
) -> Teacher:
    """The same inputs with fewer events at one level: `codes` are left.

    For each region the order `(regions, events)` has the rank of each event;
    neighbours in rank are merged. Codes of the same order are nested: those of
    4 split those of 2.

    Raises:
        UserError: if the level has fewer events than that.
    """
    events, counts = list(teacher.events), list(teacher.counts)
    if not 1 <= codes <= counts[level]:
        raise UserError(
            f"Expected 1 to {counts[level]} codes, the events of level "
            f"{level}. Received: codes={codes}"
        )
    ranks = np.stack(
        [row[z] for row, z in zip(order, events[level].T, strict=True)], axis=1
    )
    events[level] = ranks * codes // counts[level]
    counts[level] = codes
    return dataclasses.replace(
        teacher, events=tuple(events), counts=tuple(counts)
    )


def shuffled(
    teacher: Teacher, levels: Sequence[int], rng: Generator
) -> Teacher:
    """The same teacher with some levels' events those of other inputs.

    Each level is shuffled on its own.
    """
    events = list(teacher.events)
    for level in levels:
        events[level] = rng.permutation(events[level])
    return dataclasses.replace(teacher, events=tuple(events))


def random_order(teacher: Teacher, level: int, rng: Generator) -> Array:
    """Ranks for `coarsened`: each region's own permutation of its events."""
    regions, count = teacher.fields.regions[level], teacher.counts[level]
    return np.stack([rng.permutation(count) for _ in range(regions)])


def lookup_teacher(
    fields: ReceptiveFields, count: int, rng: Generator, pixels: Array
) -> Teacher:
    """Events from the bottom up: z_alpha = phi_alpha(z of its children).

    Each phi is a random table in which all `count` events come equally often
    (as far as their number allows), so none is left out. Level 1 keeps all
    that a pair contains where that is `count` events. Pixels are integers
    `(inputs, leaves)` of 0 and 1; each input has the same probability.
    """
    events, counts = [pixels], [2]
    for level in range(1, fields.depth + 1):
        below, base = events[-1], counts[-1]
        rows = fields.children[level - 1]
        weights = base ** np.arange(rows.shape[1])[::-1]
        size = base ** rows.shape[1]
        balanced = np.arange(size) % count
        tables = [
            balanced if size == count else rng.permutation(balanced)
            for _ in rows
        ]
        events.append(
            np.stack(
                [
                    t[below[:, r] @ weights]
                    for t, r in zip(tables, rows, strict=True)
                ],
                axis=1,
            )
        )
        counts.append(count)
    probabilities = np.full(len(pixels), 1 / len(pixels))
    return Teacher(fields, tuple(events), tuple(counts), probabilities)


def from_samples(teacher: Teacher, samples: Array) -> Teacher:
    """The teacher as a sample of its inputs, by their indices, shows it."""
    return dataclasses.replace(
        teacher,
        events=tuple(events[samples] for events in teacher.events),
        probabilities=np.full(len(samples), 1 / len(samples)),
    )

"""A binary tree of latent variables, sampled from its root downwards.

Each child copies its parent, or its parent's opposite, with some noise: P(child
| parent) = 1/2 [[1 + d, 1 - d], [1 - d, 1 + d]], d drawn once for every edge,
of random sign and of size in [least, 1]. The root is the label, the leaves are
the pixels.

Source: the hierarchical latent tree model of facebookresearch/luckmatters
(ssl/hltm), there with a contrastive loss; the supervised label and the least
strength 0.8 are assumed.
"""

import dataclasses

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf.locality.receptive_fields import ReceptiveFields
from dlgn_tf.locality.teachers import Teacher

LEAST_STRENGTH = 0.8


@dataclasses.dataclass(frozen=True)
class LatentTree:
    """A tree with its noise: d of the edge to each latent's parent.

    Strengths are one array `(2 ** k,)` a level below the root, k = 1, ...
    """

    strengths: tuple[np.ndarray, ...]

    @classmethod
    def draw(
        cls, depth: int, rng: Generator, least: float = LEAST_STRENGTH
    ) -> "LatentTree":
        """A tree of `2 ** depth` leaves."""
        strengths = []
        for level in range(1, depth + 1):
            size = rng.uniform(least, 1, 2**level)
            strengths.append(size * rng.choice([-1, 1], 2**level))
        return cls(tuple(strengths))

    @property
    def depth(self) -> int:
        return len(self.strengths)

    def transition(self, level: int, node: int) -> Array:
        """P(child | parent), `(2, 2)`, for the edge above a latent.

        Levels count from 1, the root's children, to `depth`, the leaves.
        """
        d = self.strengths[level - 1][node]
        return np.array([[1 + d, 1 - d], [1 - d, 1 + d]]) / 2

    def root_posterior(self, leaves: Array) -> Array:
        """P(root | leaves), exactly, by messages from the leaves upwards.

        Of integers `(n, 2 ** depth)` of 0 and 1: array `(n, 2)`.
        """
        beliefs = np.eye(2)[leaves]
        for level in range(self.depth, 0, -1):
            tables = np.stack(
                [self.transition(level, k) for k in range(2**level)]
            )
            messages = np.einsum("kpc,nkc->nkp", tables, beliefs)
            beliefs = messages[:, ::2] * messages[:, 1::2]
            beliefs /= beliefs.sum(axis=2, keepdims=True)
        return beliefs[:, 0]

    def best_accuracy(self, teacher: Teacher) -> float:
        """Of the best possible guess of the root from the leaves."""
        posterior = self.root_posterior(teacher.events[0])
        return float(np.mean(posterior.argmax(axis=1) == teacher.labels))

    def sample(self, count: int, rng: Generator) -> Teacher:
        """Independent samples as a `Teacher` of `count` inputs."""
        latents = [rng.integers(2, size=(count, 1))]
        for strength in self.strengths:
            parents = np.repeat(latents[-1], 2, axis=1)
            same = rng.random(parents.shape) < (1 + strength) / 2
            latents.append(np.where(same, parents, 1 - parents))
        fields = ReceptiveFields.tree(self.depth)
        events = tuple(reversed(latents))
        counts = (2,) * (self.depth + 1)
        return Teacher(fields, events, counts, np.full(count, 1 / count))

"""The small worlds on which exact statements are measured.

Eight binary pixels whose 256 inputs have drawn probabilities, so that pixels
are correlated, and random labels; four pairs of neighbours, two disjoint or
three overlapping windows of four pixels, and the whole. Sizes are assumed.
"""

import dataclasses

import numpy as np
from numpy.random import Generator

from dlgn_tf.locality import passes, teachers
from dlgn_tf.locality.passes import Passes
from dlgn_tf.locality.receptive_fields import ReceptiveFields

GRAPHS = {
    "tree": ReceptiveFields.tree(3),
    "overlapping": ReceptiveFields.windows(8, [(2, 2), (2, 1), (3, 1)]),
}
# Nodes of a region by level; one-hot leaves, three classes.
NODES = (2, 4, 5, 3)


@dataclasses.dataclass(frozen=True)
class World:
    """A teacher of every input, labels and a network of random weights.

    Attributes:
        teacher: In the delta regime: z is all of a region.
        pixels: Integer array `(256, 8)`.
        targets: One-hot labels `(256, 3)`.
        network: Of random weights.
    """

    teacher: teachers.Teacher
    pixels: np.ndarray
    targets: np.ndarray
    network: passes.LocalNetwork

    @classmethod
    def draw(cls, graph: str, rng: Generator) -> "World":
        """A world on one of `GRAPHS`."""
        fields = GRAPHS[graph]
        teacher = teachers.content_teacher(fields, rng)
        pixels = teachers.all_inputs(fields.leaves)
        labels = rng.integers(NODES[-1], size=len(pixels))
        network = passes.LocalNetwork.draw(fields, NODES, rng)
        return cls(teacher, pixels, np.eye(NODES[-1])[labels], network)

    def passes(self) -> Passes:
        """Both passes of the network, `dlgn_tf.locality.passes.Passes`."""
        return passes.run(
            self.network,
            self.teacher.one_hot_leaves(),
            self.targets,
            self.teacher.probabilities,
        )

"""What the matrix form loses as the teacher forgets more."""

import dataclasses

import numpy as np

from dlgn_tf.locality import conditions
from dlgn_tf.locality import matrix_form
from dlgn_tf.locality import teachers
from dlgn_tf.locality.worlds import World

CODES = (2, 4, 8, 16)
# Of the regions of four pixels, which have 16 contents.
LEVEL = 2


@dataclasses.dataclass(frozen=True)
class Lossy:
    """Teachers with ever more events in the middle.

    Attributes:
        gaps: |DW of the matrix form - DW of back-propagation| relative to the
            latter, `(worlds, len(CODES))`.
        violations: Dict from a condition, see `dlgn_tf.locality.conditions`, to
            an array of the same shape.
    """

    gaps: np.ndarray
    violations: dict


def measure(graph, worlds, rng, codes=CODES):
    """Refines the middle level over nested codes; pairs and top keep all.

    Args:
        graph: One of `dlgn_tf.locality.worlds.GRAPHS`.
        worlds: Integer, how many are drawn.
        rng: `numpy.random.Generator`.
        codes: Integers, growing.

    Returns:
        `Lossy`.
    """
    gaps, found = [], []
    for _ in range(worlds):
        world = World.draw(graph, rng)
        passes = world.passes()
        order = teachers.random_order(world.teacher, LEVEL, rng)
        for count in codes:
            teacher = teachers.coarsened(world.teacher, LEVEL, count, order)
            matrix = matrix_form.run(world.network, teacher, world.targets)
            gaps.append(
                matrix_form.relative_gap(matrix.updates, passes.updates)
            )
            found.append(conditions.violations(teacher, passes, world.pixels))
    shape = (worlds, len(codes))
    return Lossy(
        np.reshape(gaps, shape),
        {n: np.reshape([x[n] for x in found], shape) for n in found[0]},
    )

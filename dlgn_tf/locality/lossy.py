"""What the matrix form loses as the teacher forgets more."""

import dataclasses

import numpy as np
from numpy.random import Generator

from dlgn_tf.locality import conditions, matrix_form, teachers
from dlgn_tf.locality.worlds import World

# Events of each pair of pixels and of each region of four, which have 4 and 16
# contents: two neighbouring levels forget, or activations and gradients could
# not vary together within their events. The last teacher keeps all.
CODES = ((2, 2), (3, 4), (3, 8), (4, 16))


@dataclasses.dataclass(frozen=True)
class Lossy:
    """Teachers with ever more events at two neighbouring levels.

    Attributes:
        gaps: |DW of the matrix form - DW of back-propagation| relative to the
            latter, `(worlds, len(CODES))`.
        violations: Dict from a condition, see `dlgn_tf.locality.conditions`, to
            an array of the same shape.
    """

    gaps: np.ndarray
    violations: dict


def measure(
    graph: str, worlds: int, rng: Generator, informed: bool = True
) -> Lossy:
    """Refines pairs and regions of four over nested codes; the top keeps all.

    Of some worlds that are drawn on one of `worlds.GRAPHS`. Where teachers are
    not `informed`, each level has the events of inputs drawn at random: the
    control, which keeps no more with more events.
    """
    gaps, violated = [], []
    for _ in range(worlds):
        world = World.draw(graph, rng)
        passes = world.passes()
        orders = [
            teachers.random_order(world.teacher, level, rng) for level in (1, 2)
        ]
        for codes in CODES:
            teacher = world.teacher
            for level, (count, order) in enumerate(
                zip(codes, orders, strict=True), start=1
            ):
                teacher = teachers.coarsened(teacher, level, count, order)
            if not informed:
                teacher = teachers.shuffled(teacher, (1, 2), rng)
            matrix = matrix_form.run(world.network, teacher, world.targets)
            gaps.append(
                matrix_form.relative_gap(matrix.updates, passes.updates)
            )
            violated.append(
                conditions.violations(teacher, passes, world.pixels)
            )
    shape = (worlds, len(CODES))
    return Lossy(
        np.reshape(gaps, shape),
        {n: np.reshape([x[n] for x in violated], shape) for n in violated[0]},
    )

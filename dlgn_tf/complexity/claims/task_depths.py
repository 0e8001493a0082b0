"""complexity.11 and complexity.12: tasks of known depth, taken apart."""

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.complexity import tables
from dlgn_tf.complexity.claims import workshops
from dlgn_tf.complexity.components import total_variation
from dlgn_tf.complexity.experiments import tasks

SEEDS, SHALLOW, DEEP, MIDDLE = 2, 0, 80, 26
LEAST_SHALLOW, LEAST_DIFFERENCE = 0.9, 0.1
WIDTHS, MOST_VARIATION = (1 / 16, 1 / 8), 0.15


def measure_depths(rng):
    workshop, found = workshops.of_shapes(), []
    for seed in workshops.seeds(rng, SEEDS):
        found.append(
            [
                tasks.measure(workshop, tasks.fitted(workshop, depth, seed))
                for depth in (SHALLOW, DEEP)
            ]
        )
    shown = "; ".join(
        f"Task-{SHALLOW} {tables.shown(shallow)}, Task-{DEEP} "
        f"{tables.shown(deep)}"
        for shallow, deep in found
    )
    pairs = [
        [(each.significance[0], each.remainders[0]) for each in pair]
        for pair in found
    ]
    return Measurement(
        holds=all(depths_hold(*pair) for pair in pairs),
        measured=f"{shown}; authors, order 4: {tasks.AUTHORS}",
        values={"order_4": np.array(pairs)},
    )


def depths_hold(shallow, deep):
    """Whether claim 11 holds of `(rho_c, rho_rem)` of order 4 of two tasks."""
    return bool(
        shallow[0] > LEAST_SHALLOW
        and shallow[0] - deep[0] > LEAST_DIFFERENCE
        and deep[1] > shallow[1]
    )


def measure_widths(rng):
    workshop = workshops.of_shapes()
    (seed,) = workshops.seeds(rng, 1)
    subject = tasks.fitted(workshop, MIDDLE, seed)
    found = [tasks.measure(workshop, subject, width) for width in WIDTHS]
    variation = total_variation(*(each.profile for each in found))
    shown = "; ".join(
        f"r = {width:g}: {tables.shown(each)}"
        for width, each in zip(WIDTHS, found, strict=True)
    )
    return Measurement(
        holds=variation < MOST_VARIATION,
        measured=f"total variation {variation:.3f}; {shown}",
        values={"variation": variation},
    )

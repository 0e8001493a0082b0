"""Two-layer students of teachers with strong and weak nodes."""

import dataclasses

import numpy as np

from dlgn_tf.locality import figures, specialization
from dlgn_tf.locality.experiments.specialization import MULTIPLES, trained
from dlgn_tf.output.spread import listed

FOUND = 0.9
# Nodes of the teacher and its decays, each with every width of students.
SWEEP = (
    *((10, decay) for decay in (0.0, 0.5, 1.0, 1.5, 2.0, 2.5)),
    (5, 1.0),
    (20, 1.0),
)
# The picture has all decays of teachers of 10 nodes, students 5 times as wide.
_DRAWN = 10, 5


def run(command, output):
    cases = {}
    for nodes, decay in SWEEP:
        recipe = dataclasses.replace(specialization.TWO_LAYERS, decay=decay)
        for multiple in MULTIPLES:
            cases[nodes, decay, multiple] = (nodes,), multiple, recipe
    found = trained(command, cases)
    output.table("strength", _rows(found))
    nodes, multiple = _DRAWN
    drawn = {
        decay: np.array([run.best[0] for run in found[nodes, decay, multiple]])
        for of_nodes, decay in SWEEP
        if of_nodes == nodes
    }
    title = f"teacher of {nodes} nodes, student {multiple} times as wide"
    output.picture("strength", figures.strength(drawn, title))
    for (nodes, decay, multiple), runs in found.items():
        best = np.mean([run.best[0][-1] for run in runs], axis=0)
        print(
            f"{nodes} nodes, decay {decay}, {multiple} x: {listed(best, '.2f')}"
        )
    return ("strength",)


def first_epochs(best):
    """The first epoch at which each node is found, -1 if at none.

    Of best correlations `(epochs + 1, nodes)`: integers `(nodes,)`.
    """
    is_found = best >= FOUND
    return np.where(is_found.any(axis=0), is_found.argmax(axis=0), -1)


def _rows(found):
    """A line a teacher node, 1 the strongest."""
    return [
        {
            "teacher_nodes": nodes,
            "decay": decay,
            "multiple": multiple,
            "seed": seed,
            "node": node,
            "first_epoch": int(epoch),
            "best": f"{last:.4f}",
        }
        for (nodes, decay, multiple), runs in found.items()
        for seed, run in enumerate(runs)
        for node, (epoch, last) in enumerate(
            zip(first_epochs(run.best[0]), run.best[0][-1], strict=True), 1
        )
    ]

"""complexity.11 and complexity.12: tasks of known depth, taken apart."""

import numpy as np

from dlgn_tf.claims.check import by_figure
from dlgn_tf.complexity.claims import studies
from dlgn_tf.complexity.components import total_variation
from dlgn_tf.complexity.experiments import tasks, widths

SEEDS, SHALLOW, DEEP = 2, 0, 80


def measure_depths(rng):
    workshop = studies.workshop()
    pairs = [
        [
            tasks.measure(workshop, tasks.fitted(workshop, depth, seed))
            for depth in (SHALLOW, DEEP)
        ]
        for seed in studies.seeds(rng, SEEDS)
    ]
    low = np.array([[each.significance[0] for each in pair] for pair in pairs])
    left = np.array([[each.remainders[0] for each in pair] for pair in pairs])
    shares = {
        f"Task-{depth}, seed {number}": studies.shares(each)
        for number, pair in enumerate(pairs, 1)
        for depth, each in zip((SHALLOW, DEEP), pair, strict=True)
    }
    return {
        f"rho_c of Task-{SHALLOW}": low[:, 0],
        f"rho_c of Task-{SHALLOW} - of Task-{DEEP}": low[:, 0] - low[:, 1],
        f"rho_rem of Task-{DEEP} - of Task-{SHALLOW}": left[:, 1] - left[:, 0],
        **by_figure(shares),
        "authors' rho_c of order 4 by task": tasks.AUTHORS,
    }


def measure_widths(rng):
    (seed,) = studies.seeds(rng, 1)
    found = widths.measure(studies.workshop(), seed)
    shares = {f"r = {width:g}": each for width, each in found.items()}
    return {
        "total variation": total_variation(
            *(each.profile for each in shares.values())
        ),
        **by_figure({r: studies.shares(each) for r, each in shares.items()}),
    }

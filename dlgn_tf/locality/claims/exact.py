"""tian.1, tian.3 and tian.4: identities on worlds that are enumerated."""

import numpy as np

from dlgn_tf.locality import lossy, marginal_gradients, matrix_form
from dlgn_tf.locality.worlds import GRAPHS, World

SEEDS = 5
TABLES = 20


def measure_marginal_gradients(rng):
    errors, controls = {}, []
    for graph in GRAPHS:
        found = []
        for _ in range(SEEDS):
            world = World.draw(graph, rng)
            p = world.teacher.probabilities
            setting = world.network, world.pixels, world.targets, p
            found.append(marginal_gradients.identity_errors(*setting))
            uniform = np.full_like(p, 1 / len(p))
            wrong = marginal_gradients.identity_errors(*setting, uniform)
            controls.append(wrong["update"])
        errors[graph] = {n: max(x[n] for x in found) for n in found[0]}
    return {
        "max |difference|": errors,
        "update under another P(x)": controls,
        "seeds": SEEDS,
    }


def measure_matrix_form(rng):
    ways = {
        "|DW - DW of back-propagation| / |DW|": True,
        "without the prior": False,
    }
    gaps = {name: [] for name in ways}
    for graph in GRAPHS:
        for _ in range(SEEDS):
            world = World.draw(graph, rng)
            true = world.passes().updates
            for name, prior in ways.items():
                found = matrix_form.run(
                    world.network, world.teacher, world.targets, prior
                )
                gaps[name].append(matrix_form.relative_gap(found.updates, true))
    return {**gaps, "seeds of tree and overlapping windows": SEEDS}


def measure_lossy_teachers(rng):
    found, controls = (
        {graph: lossy.measure(graph, TABLES, rng, own) for graph in GRAPHS}
        for own in (True, False)
    )
    gaps, uninformed = (
        {graph: each.gaps.mean(axis=0) for graph, each in of.items()}
        for of in (found, controls)
    )
    alone = [np.all(np.diff(each.gaps) < 0, axis=1) for each in found.values()]
    return {
        "gap": gaps,
        "last but one over first": {g: x[-2] / x[0] for g, x in gaps.items()},
        "last over first with events of other inputs": {
            graph: x[-1] / x[0] for graph, x in uninformed.items()
        },
        "gap with events of other inputs": uninformed,
        "violations": {
            graph: {
                name.replace("_", " "): values.mean(axis=0)
                for name, values in each.violations.items()
            }
            for graph, each in found.items()
        },
        "events of pairs and of four pixels": [
            f"{pairs}+{fours}" for pairs, fours in lossy.CODES
        ],
        "tables": TABLES,
        "share of tables whose gap falls": np.mean(alone),
        "details": {
            graph: {
                "gaps": each.gaps,
                **each.violations,
                "gaps_of_other_inputs": controls[graph].gaps,
            }
            for graph, each in found.items()
        },
    }

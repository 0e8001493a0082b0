"""tian.1, tian.3 and tian.4: identities on worlds that are enumerated."""

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.locality import lossy
from dlgn_tf.locality import marginal_gradients
from dlgn_tf.locality import matrix_form
from dlgn_tf.locality.worlds import GRAPHS
from dlgn_tf.locality.worlds import World
from dlgn_tf.output.spread import listed

TOLERANCE = 1e-10
LEAST_CONTROL = 1e-2
SEEDS = 5
TABLES = 20
# Of the gap of the teacher that forgets most.
MOST_LEFT = 0.8


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
    worst = {graph: max(of.values()) for graph, of in errors.items()}
    shown = ", ".join(f"{graph} {e:.1e}" for graph, e in worst.items())
    return Measurement(
        holds=exact_holds(worst.values(), controls),
        measured=(
            f"{shown}; largest of three identities, {SEEDS} seeds; update at "
            f"least {min(controls):.2g} apart where averages take all inputs "
            "to be equally likely"
        ),
        values={**errors, "controls": controls},
    )


def measure_matrix_form(rng):
    gaps = {"with": [], "without": []}
    for graph in GRAPHS:
        for _ in range(SEEDS):
            world = World.draw(graph, rng)
            true = world.passes().updates
            for name, prior in (("with", True), ("without", False)):
                found = matrix_form.run(
                    world.network, world.teacher, world.targets, prior
                )
                gaps[name].append(matrix_form.relative_gap(found.updates, true))
    return Measurement(
        holds=exact_holds(gaps["with"], gaps["without"]),
        measured=(
            f"largest gap {max(gaps['with']):.1e}, least without the prior "
            f"(every event the same weight) {min(gaps['without']):.2f}; tree "
            f"and overlapping windows, {SEEDS} seeds each"
        ),
        values=gaps,
    )


def exact_holds(errors, controls):
    """Whether all errors are small and all of the controls are not."""
    small = all(error < TOLERANCE for error in errors)
    return small and all(control > LEAST_CONTROL for control in controls)


def measure_lossy_teachers(rng):
    found, controls = (
        {graph: lossy.measure(graph, TABLES, rng, own) for graph in GRAPHS}
        for own in (True, False)
    )
    gaps, uninformed = (
        {graph: each.gaps.mean(axis=0) for graph, each in of.items()}
        for of in (found, controls)
    )
    shown = "; ".join(
        f"{graph}: gap {listed(gaps[graph], '.2g')}, "
        + ", ".join(
            f"{name.replace('_', ' ')} {listed(values.mean(axis=0), '.2g')}"
            for name, values in each.violations.items()
        )
        for graph, each in found.items()
    )
    alone = np.mean([falls(of) for each in found.values() for of in each.gaps])
    of_others = ", ".join(
        f"{graph} {listed(means, '.2g')}" for graph, means in uninformed.items()
    )
    codes = ", ".join(f"{pairs} and {fours}" for pairs, fours in lossy.CODES)
    return Measurement(
        holds=lossy_teachers_hold(gaps.values(), uninformed.values()),
        measured=(
            f"{shown} ({codes} events; {TABLES} tables, {alone:.0%} of them "
            f"fall on their own); with events of other inputs gap {of_others}"
        ),
        values={
            graph: {
                "gaps": each.gaps,
                **each.violations,
                "gaps_of_other_inputs": controls[graph].gaps,
            }
            for graph, each in found.items()
        },
    )


def lossy_teachers_hold(gaps, controls):
    """Whether claim 4 holds.

    Args:
        gaps: Arrays of mean gaps, from the teacher that forgets most to the
            lossless one.
        controls: The same of teachers whose events are those of other inputs.
    """
    better = all(falls(g) and g[-2] < MOST_LEFT * g[0] for g in gaps)
    return better and all(g[-1] >= MOST_LEFT * g[0] for g in controls)


def falls(means):
    """Whether each is smaller than the one before."""
    return bool(np.all(np.diff(means) < 0))

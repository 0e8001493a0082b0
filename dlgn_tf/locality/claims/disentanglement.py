"""tian.8 and tian.9: disentangled representations, forward and update."""

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.locality import disentangled

# Three factors over five, as (S_1, S_2, S_3); and one that leaves a factor out.
SETS = (((0, 1), (2,), (3, 4)), ((0, 3), (1,), (4,)))
FACTORS_BELOW = 5
DRAWS = 10
FORWARD_TOLERANCE, UPDATE_TOLERANCE, WEIGHT_TOLERANCE = 1e-12, 1e-12, 1e-10
LEAST_CONTROL = 1e-2


def measure_forward(rng):
    found = [_forward_errors(sets, rng) for sets in SETS for _ in range(DRAWS)]
    kept = {name: max(x[0][name] for x in found) for name in found[0][0]}
    weights = [errors for _, errors, _ in found]
    controls = {
        # A weight on a factor that P_ab hardly depends on breaks nothing.
        "weight": [max(errors) for errors in weights],
        "table": [error for _, _, error in found],
    }
    places = np.concatenate(weights)
    shown = ", ".join(f"{name} {error:.1e}" for name, error in kept.items())
    return Measurement(
        holds=forward_holds(kept.values(), controls),
        measured=(
            f"error at most: {shown}; with one weight outside of the sets at "
            f"least {min(controls['weight']):.2g} at the place where it tells "
            f"most ({np.mean(places > LEAST_CONTROL):.0%} of all places above "
            f"{LEAST_CONTROL:g}), with another P_ab at least "
            f"{min(controls['table']):.2g}; {len(found)} draws"
        ),
        values={"kept": kept, "controls": controls, "places": weights},
    )


def forward_holds(kept, controls):
    """Whether claim 8 holds: of errors, and of the controls of every draw."""
    return all(error < FORWARD_TOLERANCE for error in kept) and all(
        error > LEAST_CONTROL
        for errors in controls.values()
        for error in errors
    )


def _forward_errors(sets, rng):
    """Of a draw: errors by kind, of every place outside, of another table."""
    table = disentangled.FactorisedTable.draw(sets, FACTORS_BELOW, rng)
    P, W = table.matrix(), table.separable_weights(rng)
    F = disentangled.disentangled(rng.normal(size=(FACTORS_BELOW, 2)))
    prior = disentangled.product_prior(rng.dirichlet(np.ones(2), len(sets)))

    def error(P, W, relu=False, norm=None):
        return disentangled.disentanglement_error(
            disentangled.forward(P, F, W, relu, norm)
        )

    kept = {
        "linear": error(P, W),
        "ReLU": error(P, W, relu=True),
        "batch norm": error(P, W, norm=prior),
        "both": error(P, W, relu=True, norm=prior),
    }
    leaking = []
    for place in np.argwhere(~table.mask()):
        one = np.zeros_like(W)
        # Of the size of the weights themselves.
        one[tuple(place)] = 1.0
        leaking.append(error(P, W + one))
    any_table = rng.dirichlet(np.ones(P.shape[1]), len(P))
    return kept, leaking, error(any_table, W)


def measure_update(rng):
    found = [_update_figures(sets, rng) for sets in SETS for _ in range(DRAWS)]
    figures = {name: [x[name] for x in found] for name in found[0]}
    return Measurement(
        holds=update_holds(figures),
        measured=(
            f"DW outside of the sets at most {max(figures['centred']):.1e} "
            f"centred, at least {min(figures['uncentred']):.2g} not centred; "
            f"weights over 300 steps at most "
            f"{max(figures['weights']):.1e} and "
            f"{min(figures['uncentred_weights']):.2g} to "
            f"{max(figures['uncentred_weights']):.2g}; {len(found)} draws"
        ),
        values=figures,
    )


def update_holds(figures):
    """Whether claim 9 holds; see `measure_update`."""
    return (
        all(x < UPDATE_TOLERANCE for x in figures["centred"])
        and all(x > LEAST_CONTROL for x in figures["uncentred"])
        and all(x < WEIGHT_TOLERANCE for x in figures["weights"])
        and all(x > LEAST_CONTROL for x in figures["uncentred_weights"])
    )


def _update_figures(sets, rng):
    setting = disentangled.draw_setting(sets, FACTORS_BELOW, rng)
    table, marginals, F, _, _ = setting
    P, outside = table.matrix(), ~table.mask()
    columns = rng.normal(size=(len(sets), 2))
    figures = {}
    for prefix, centred in (("", True), ("un", False)):
        G = disentangled.weighted_gradient(marginals, columns, centred)
        update = disentangled.update(P, F, G)
        figures[f"{prefix}centred"] = float(np.abs(update[outside]).max())
        history = disentangled.descend(*setting, centred)
        name = "weights" if centred else "uncentred_weights"
        figures[name] = float(history.max())
    return figures

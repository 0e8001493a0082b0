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
    kept, controls = [], []
    for sets in SETS:
        for _ in range(DRAWS):
            found, broken = _forward_errors(sets, rng)
            kept.extend(found)
            controls.append(broken)
    controls = {
        name: [broken[name] for broken in controls] for name in controls[0]
    }
    return Measurement(
        holds=forward_holds(kept, controls),
        measured=(
            f"error at most {max(kept):.1e} (linear, ReLU, batch norm, both); "
            f"with a weight outside of the sets {_spread(controls['weight'])}, "
            f"with another P_ab {_spread(controls['table'])}; "
            f"{len(kept) // 4} draws"
        ),
        values={"kept": kept, "controls": controls},
    )


def _spread(errors):
    return f"{np.median(errors):.2g} (median; least {min(errors):.2g})"


def forward_holds(kept, controls):
    """Whether claim 8 holds; see `measure_forward`.

    Of the controls the median counts: a single draw may come with factors that
    hardly matter.
    """
    small = all(error < FORWARD_TOLERANCE for error in kept)
    medians = [np.median(errors) for errors in controls.values()]
    return small and all(error > LEAST_CONTROL for error in medians)


def _forward_errors(sets, rng):
    table = disentangled.FactorisedTable.draw(sets, FACTORS_BELOW, rng)
    P, W = table.matrix(), table.separable_weights(rng)
    F = disentangled.disentangled(rng.normal(size=(FACTORS_BELOW, 2)))
    prior = disentangled.product_prior(rng.dirichlet(np.ones(2), len(sets)))

    def error(P, W, relu=False, norm=None):
        return disentangled.disentanglement_error(
            disentangled.forward(P, F, W, relu, norm)
        )

    kept = [
        error(P, W, relu, norm)
        for relu in (False, True)
        for norm in (None, prior)
    ]
    # An entry of another set, of the size of the weights themselves.
    leaking = W.copy()
    leaking[sets[1][0], 0] = 1.0
    any_table = rng.dirichlet(np.ones(P.shape[1]), len(P))
    return kept, {"weight": error(P, leaking), "table": error(any_table, W)}


def measure_update(rng):
    found = [_update_figures(sets, rng) for sets in SETS for _ in range(DRAWS)]
    figures = {name: [x[name] for x in found] for name in found[0]}
    return Measurement(
        holds=update_holds(figures),
        measured=(
            f"DW outside of the sets at most {max(figures['centred']):.1e} "
            f"centred, at least {min(figures['uncentred']):.2g} not centred; "
            f"weights after 300 steps at most "
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

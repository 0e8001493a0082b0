"""tian.8 and tian.9: disentangled representations, forward and update."""

import numpy as np

from dlgn_tf.locality import disentangled

# Three factors over five, as (S_1, S_2, S_3); and one that leaves a factor out.
SETS = (((0, 1), (2,), (3, 4)), ((0, 3), (1,), (4,)))
FACTORS_BELOW = 5
DRAWS = 10


def measure_forward(rng):
    found = [_forward_errors(sets, rng) for sets in SETS for _ in range(DRAWS)]
    kept, leaking, any_table = zip(*found, strict=True)
    return {
        "disentanglement error": {
            name: max(errors[name] for errors in kept) for name in kept[0]
        },
        # A weight on a factor that P_ab hardly depends on breaks nothing.
        "one weight outside of the sets": [max(errors) for errors in leaking],
        "P_ab that does not decompose": any_table,
        "quartiles of places outside": np.percentile(
            np.concatenate(leaking), (0, 25, 50, 75, 100)
        ),
        "draws": len(found),
        "details": {"places": leaking},
    }


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
    return {**figures, "draws": len(found)}


def _update_figures(sets, rng):
    setting = disentangled.draw_setting(sets, FACTORS_BELOW, rng)
    table, marginals, F, _, _ = setting
    P, outside = table.matrix(), ~table.mask()
    columns = rng.normal(size=(len(sets), 2))
    figures = {}
    for centred, words in ((True, ""), (False, ", not centred")):
        G = disentangled.weighted_gradient(marginals, columns, centred)
        update = disentangled.update(P, F, G)
        name = f"DW outside{words or ' of the sets'}"
        figures[name] = float(np.abs(update[outside]).max())
        history = disentangled.descend(*setting, centred)
        figures[f"weights outside{words}"] = float(history.max())
    return figures

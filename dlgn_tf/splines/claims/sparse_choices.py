"""smaso.23: Tsallis' entropy in place of Shannon's, of choices and layers."""

import keras
import numpy as np

from dlgn_tf.claims.small_networks import floating_point
from dlgn_tf.layers import BetaVQ
from dlgn_tf.splines import nonlinearities, parameters, selection
from dlgn_tf.splines.claims import beta_layers, identities, variational

KINDS = ("relu", "leaky", "abs")
BETAS = (0.1, 0.5, 0.9)
# Largest gap to the hard function, times eta: (n - 1) / (4 n) of n regions.
GAPS = {"relu": 1 / 8, "leaky": 1 / 8, "abs": 1 / 8, "2x2": 3 / 16}
BEST = "steps to the best grid point"


def measure(rng):
    with floating_point("float64"):
        differences = {
            "hard swish": hard_swish(rng),
            "layers": [
                difference
                for of_layer in (
                    identities.beta_vq_layer,
                    identities.pooling_layer,
                )
                for beta in (*identities.LIMITS, *BETAS)
                for difference in of_layer(rng, beta, "tsallis")
            ],
            "hard far from the kink": from_hard("tsallis"),
        }
    gradients = {
        kind: beta_layers.dense_differences(kind, rng, entropy="tsallis")
        for kind in KINDS
    }
    gradients["pooling"] = beta_layers.pooling_differences(
        rng, entropy="tsallis"
    )
    sparse, others = grid_search(rng)
    return {
        **sparse,
        "|difference|": differences,
        "gradients": gradients,
        "relative error": {
            kind: [
                abs(identities.gap(kind, beta, "tsallis") / expected - 1)
                for beta in BETAS
            ]
            for kind, expected in GAPS.items()
        },
        **others,
        "Shannon's, as far from the kink": from_hard("shannon"),
        "betas": BETAS,
    }


def hard_swish(rng):
    z = 4 * rng.normal(size=1000)
    found = BetaVQ("relu", 0.25, entropy="tsallis", dtype="float64")(z)
    expected = keras.activations.hard_silu(z)
    return float(np.abs(np.asarray(found) - np.asarray(expected)).max())


def from_hard(entropy):
    """Largest gap where scores differ by 1 / eta to 1.1 / eta, by 1 / eta."""
    gaps = []
    for kind in KINDS:
        slopes = parameters.slopes_of(kind)
        for beta in BETAS:
            reach = 1 / (selection.odds(beta) * (slopes[1] - slopes[0]))
            z = reach * np.linspace(1, 1.1, 11)
            z = np.concatenate([z, -z])
            hard, soft = (
                nonlinearities.beta_vq_nonlinearity(z, slopes, b, entropy)
                for b in (1.0, beta)
            )
            gaps.append(np.abs(hard - soft).max() * selection.odds(beta))
    return gaps


def grid_search(rng):
    """Figures of sparsemax(eta v), and those of two other choices by name."""
    found = {"sparse": [], "softmax(eta v)": [], "sparsemax(beta v)": []}
    excess = []
    for regions in (2, 3):
        grid = variational.simplex(regions)
        for beta in variational.BETAS:
            for _ in range(variational.DRAWS):
                scores = 2 * rng.normal(size=regions)
                values = selection.objective(grid, scores, beta, "tsallis")
                best = np.argmax(values)
                chosen = {
                    "sparse": selection.beta_vq(
                        scores, beta, entropy="tsallis"
                    ),
                    "softmax(eta v)": selection.beta_vq(scores, beta),
                    "sparsemax(beta v)": selection.sparsemax(beta * scores),
                }
                for name, weights in chosen.items():
                    steps = np.abs(grid[best] - weights).max()
                    found[name].append(steps / variational.STEP)
                reached = selection.objective(
                    chosen["sparse"], scores, beta, "tsallis"
                )
                excess.append(values[best] - reached)
    figures = {BEST: found.pop("sparse"), "its excess": excess}
    return figures, {name: {BEST: steps} for name, steps in found.items()}

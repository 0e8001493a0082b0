"""rainbow.8 to rainbow.10: what training adds to random weights."""

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.models.evaluation import accuracy
from dlgn_tf.rainbow import low_rank
from dlgn_tf.rainbow import spectra
from dlgn_tf.rainbow.claims import trained_networks as networks
from dlgn_tf.rainbow.claims.trained_networks import LAYER1
from dlgn_tf.rainbow.claims.trained_networks import LAYER2
from dlgn_tf.rainbow.claims.trained_networks import LOGITS
from dlgn_tf.rainbow.covariance import covariance
from dlgn_tf.rainbow.covariance import weight_covariances
from dlgn_tf.rainbow.learned_layers import LayeredNetwork
from dlgn_tf.threads import one_blas_thread

# The network that is looked at, and the others.
OWN, OTHERS = 0, (1, 2, 3, 4, 5)
# Of activations, through all of which the power law is fitted.
ACTIVATION_RANKS = 64
TOP = 20
# Kolmogorov-Smirnov tests count from this rank on, and pass above the level.
FIRST_RANK, LEVEL = 6, 0.01
HIDDEN = (LAYER1, LAYER2)


@one_blas_thread
def measure_spectra(rng):
    seed = networks.seed_of_run(rng)
    own = networks.trained(seed, 1, OWN)
    moments = networks.covariances(seed, 1, (OWN,)).activations[0]
    slopes = [
        spectra.power_law_fit(
            spectra.eigen(moments[label])[0], last=ACTIVATION_RANKS
        ).slope
        for label in (LAYER2, LOGITS)
    ]
    weights = {
        label: weight_spectrum(
            own.snapshots[label][0], own.snapshots[label][-1]
        )
        for label in HIDDEN
    }
    shown = "; ".join(
        f"{label}: R^2 {w['r_squared']:.3f}, e-folding {w['e_folding']:.1f}, "
        f"top x {w['top']:.1f}, median of the last half x {w['bulk']:.2f}"
        for label, w in weights.items()
    )
    return Measurement(
        holds=spectra_hold(slopes, weights.values()),
        measured=(
            f"activations: slopes {slopes[0]:.2f} and {slopes[1]:.2f}; {shown}"
        ),
        values={"slopes": slopes, "weights": weights},
    )


def weight_spectrum(initial, final):
    """How the spectrum of a layer's weights changed.

    Args:
        initial: Array `(neurons, dimension)`, before training.
        final: The same after it.

    Returns:
        Dict of `r_squared` and `e_folding` of the exponential fit, and of `top`
        and `bulk`, the first eigenvalue and the median of the last half over
        those at initialisation.
    """
    before, after = (
        spectra.eigen(covariance([rows]))[0] for rows in (initial, final)
    )
    fit = spectra.exponential_fit(after, TOP)
    # Those beyond the rank are zero.
    after, before = (each[: min(final.shape)] for each in (after, before))
    half = len(after) // 2
    return {
        "r_squared": fit.r_squared,
        "e_folding": -1 / fit.slope,
        "top": float(after[0] / before[0]),
        "bulk": float(np.median(after[half:]) / np.median(before[half:])),
    }


def spectra_hold(slopes, weights):
    """Slopes in [-1.8, -0.6]; of each layer's weights the claim's bounds."""
    decay = all(-1.8 <= slope <= -0.6 for slope in slopes)
    return decay and all(
        w["r_squared"] > 0.85 and w["top"] > 5 and 0.7 <= w["bulk"] <= 1.5
        for w in weights
    )


@one_blas_thread
def measure_clipping(rng):
    seed = networks.seed_of_run(rng)
    data, own = networks.task(seed), networks.trained(seed, 1, OWN)
    network = LayeredNetwork(own.model)
    layer = network[LAYER2]
    found = networks.covariances(seed, 1, (OWN, *OTHERS))
    turn = found.reference.alignments[0][LAYER2]
    bases = {
        "weights": low_rank.weight_basis(found.matrices[LAYER2], layer, turn),
        "activations": low_rank.activation_basis(
            network, layer, networks.batches(seed)
        ),
        "random": low_rank.random_basis(layer.dimension, rng),
    }
    rank = round(0.1 * layer.dimension)

    def measure():
        return accuracy(own.model, data.test_x, data.test_labels)

    kept = {
        name: float(low_rank.clipping_curve(layer, basis, [rank], measure)[0])
        for name, basis in bases.items()
    }
    shown = ", ".join(f"{name} {value:.1%}" for name, value in kept.items())
    return Measurement(
        holds=clipping_holds(own.accuracy, kept),
        measured=(
            f"accuracy {own.accuracy:.1%}; layer 2 at rank {rank} of "
            f"{layer.dimension}: {shown}"
        ),
        values={"accuracy": own.accuracy, "rank": rank, "kept": kept},
    )


def clipping_holds(full, kept):
    loss = {name: full - value for name, value in kept.items()}
    return bool(
        loss["weights"] <= 0.06
        and loss["activations"] <= 0.08
        and loss["random"] > 0.25
    )


@one_blas_thread
def measure_whitening(rng):
    seed = networks.seed_of_run(rng)
    others = networks.covariances(seed, 1, OTHERS)
    found = weight_covariances(
        networks.models(seed, 1, (OWN,)),
        networks.batches(seed),
        others.reference,
    )
    (rows,) = found.weights[LAYER2]
    whitened = spectra.whiten(rows, others.matrices[LAYER2])
    outside = [
        spectra.fraction_outside(
            spectra.eigen(covariance([each]))[0], each.shape[1] / len(each)
        )
        for each in (rows, whitened)
    ]
    p_values = spectra.gaussianity(whitened)
    passing = float(np.mean(p_values[FIRST_RANK - 1 :] > LEVEL))
    return Measurement(
        holds=whitening_holds(*outside, passing),
        measured=(
            f"outside the Marchenko-Pastur edges {outside[0]:.1%}, whitened by "
            f"{len(OTHERS)} other networks {outside[1]:.1%}; KS p > {LEVEL} on "
            f"{passing:.0%} of ranks >= {FIRST_RANK}, p of ranks 1 to 3: "
            f"{', '.join(f'{p:.1g}' for p in p_values[:3])}; layer 2"
        ),
        values={"outside": outside, "p_values": p_values, "passing": passing},
    )


def whitening_holds(before, after, passing):
    return bool(before > 0 and after <= before / 2 and passing > 0.5)

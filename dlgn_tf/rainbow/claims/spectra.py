"""rainbow.8 to .10 and .12: what training adds to random weights."""

import numpy as np

from dlgn_tf.claims.check import by_figure
from dlgn_tf.command.threads import one_blas_thread
from dlgn_tf.models.evaluation import accuracy
from dlgn_tf.rainbow import comparison, low_rank, spectra, teacher_task
from dlgn_tf.rainbow.claims import trained_networks as networks
from dlgn_tf.rainbow.claims.trained_networks import LAYER1, LAYER2, LOGITS
from dlgn_tf.rainbow.covariance import covariance, weight_covariances
from dlgn_tf.rainbow.dynamics import along_eigenvectors
from dlgn_tf.rainbow.learned_layers import LayeredNetwork

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
    other = LayeredNetwork(teacher_task.mlp(networks.WIDTH, seed))
    weights, control = {}, {}
    for label in HIDDEN:
        first, *_, last = own.snapshots[label]
        weights[label] = weight_spectrum(first, last)
        control[label] = weight_spectrum(first, other[label].matrix)
    return {
        "slopes of activations": slopes,
        **by_figure(weights),
        "weights before training": control,
    }


def weight_spectrum(initial, final):
    """A layer's weights beside the start, rescaled to the same tail.

    Training lifts the bulk together with the top; as in the authors' figures
    the spectrum of the start is scaled to end where the trained one ends, here
    in the median of the last half. Weights are arrays `(neurons, dimension)`.

    Returns:
        Dict of the R^2 and the e-folding of the exponential fit, the latter
        over the start's too; `top`, the first eigenvalue over the
        Marchenko-Pastur edge of the rescaled start; and `bulk`, the largest
        factor between medians of the second, third and last quarter of ranks
        and those of the rescaled start.
    """
    before, after = (
        spectra.eigen(covariance([rows]))[0] for rows in (initial, final)
    )
    fits = [spectra.exponential_fit(each, TOP) for each in (before, after)]
    neurons, dimension = final.shape
    edge = spectra.marchenko_pastur_edges(dimension / neurons)[1]
    edge *= before.mean()
    # Those beyond the rank are zero.
    after, before = (each[: min(final.shape)] for each in (after, before))
    half = len(after) // 2
    lift = np.median(after[half:]) / np.median(before[half:])
    ratios = [
        np.median(ranks_after) / (lift * np.median(ranks_before))
        for ranks_after, ranks_before in zip(
            np.array_split(after, 4)[1:],
            np.array_split(before, 4)[1:],
            strict=True,
        )
    ]
    return {
        "R^2": fits[1].r_squared,
        "e-folding over the start's": fits[0].slope / fits[1].slope,
        "e-folding": -1 / fits[1].slope,
        "e-folding at the start": -1 / fits[0].slope,
        "top": float(after[0] / (lift * edge)),
        "bulk": float(max(max(r, 1 / r) for r in ratios)),
    }


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
    return {
        "loss": {name: own.accuracy - value for name, value in kept.items()},
        "accuracy": own.accuracy,
        "kept": kept,
        "rank": f"{rank} of {layer.dimension}",
    }


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
    raw, white = map(comparison.outside, (rows, whitened))
    p_values = spectra.gaussianity(whitened)
    passing = p_values[FIRST_RANK - 1 :] > LEVEL
    return {
        "outside the edges": {"raw": raw, "whitened": white},
        # Without any outside there is nothing to take away.
        "whitened over raw": white / raw if raw else np.nan,
        "share of Gaussian ranks": np.mean(passing),
        "tested": f"ranks >= {FIRST_RANK}, p > {LEVEL}",
        "p of ranks 1 to 3": p_values[:3],
        "other networks": len(OTHERS),
        "details": {"p_values": p_values},
    }


@one_blas_thread
def measure_dynamics(rng):
    seed = networks.seed_of_run(rng)
    snapshots = networks.trained(seed, 1, OWN).snapshots[LAYER2]
    found = along_eigenvectors(snapshots)
    amplification = found.amplification
    return {
        "a_1 over the median a_r": (
            amplification[-1, 0] / np.median(amplification[-1])
        ),
        "median c_r": np.median(found.cosine[-1]),
        "median a_r": np.median(amplification[-1]),
        "a_1 after epochs": dict(
            zip(networks.SNAPSHOTS, amplification[:, 0], strict=True)
        ),
        "details": {
            "amplification": found.amplification,
            "cosine": found.cosine,
        },
    }

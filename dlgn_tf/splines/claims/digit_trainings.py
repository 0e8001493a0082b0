"""smaso.18 and smaso.21: filters and betas after short trainings on digits."""

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.layers import BetaVQ
from dlgn_tf.splines import digits_network
from dlgn_tf.splines import gram
from dlgn_tf.splines import network_prior

SEEDS = 2
EPOCHS = 10
ORTHOGONAL = 1e-6


def measure_cosines(rng, epochs=EPOCHS):
    found = {kind: [] for kind in digits_network.KINDS}
    accuracies = {kind: [] for kind in digits_network.KINDS}
    for _ in range(SEEDS):
        seed = int(rng.integers(2**31))
        for kind in digits_network.KINDS:
            network = digits_network.create_kind(kind, seed)
            accuracies[kind].append(digits_network.train(network, seed, epochs))
            found[kind].append(mean_cosine(network))
    shown = "; ".join(
        f"{kind} {', '.join(f'{x:.2g}' for x in found[kind])} (accuracy "
        f"{np.mean(accuracies[kind]):.1%})"
        for kind in digits_network.KINDS
    )
    return Measurement(
        holds=cosines_verdict(found),
        measured=(
            f"{shown}; c4gap of width {digits_network.WIDTH}, {epochs} passes "
            f"over the digits, {SEEDS} seeds"
        ),
        values={"mean_cosines": found, "accuracies": accuracies},
    )


def cosines_verdict(found):
    """Whether all seeds are in order; `found` has a list for each kind."""
    return all(
        plain > penalty > exact and exact <= ORTHOGONAL
        for plain, penalty, exact in zip(*found.values(), strict=True)
    )


def mean_cosine(network):
    """Of different filters, over layers that can have orthogonal ones."""
    values = []
    for rows, _ in network_prior.network_filters(network).values():
        if len(rows) <= rows.shape[1]:
            values.append(gram.off_diagonal(gram.cosines(rows)))
    return float(np.concatenate(values).mean())


def measure_betas(rng, epochs=EPOCHS):
    runs = [train_betas(int(rng.integers(2**31)), epochs) for _ in range(SEEDS)]
    shown = "; ".join(
        f"{name} {', '.join(_quartiles(run['eta'][name]) for run in runs)}"
        for name in runs[0]["eta"]
    )
    accuracies = ", ".join(f"{run['accuracy']:.1%}" for run in runs)
    return Measurement(
        holds=all(betas_verdict(run["eta"]) for run in runs),
        measured=(
            f"quartiles of eta: {shown}; accuracy {accuracies}; c4gap of width "
            f"{digits_network.WIDTH}, a beta for each filter, {epochs} passes "
            f"over the digits, {SEEDS} seeds"
        ),
        values={"runs": runs},
    )


def train_betas(seed, epochs):
    """Dict of accuracy, and of eta after training, by layer."""
    network = digits_network.create(
        seed, activation="beta_vq", activation_beta_mode="per_channel"
    )
    accuracy = digits_network.train(network, seed, epochs)
    eta = {
        layer.name: np.exp(np.asarray(layer.u, "float64"))
        for layer in network.layers
        if isinstance(layer, BetaVQ)
    }
    return {"accuracy": accuracy, "eta": eta}


def betas_verdict(eta):
    """Whether every beta moved from 1/2, and medians are near it.

    Args:
        eta: Dict from layer to an array.
    """
    moved = all(
        np.all((x != 1) & (x > 0) & np.isfinite(x)) for x in eta.values()
    )
    near = all(0.5 <= np.median(x) <= 2 for x in eta.values())
    return bool(eta) and moved and near


def _quartiles(values):
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"

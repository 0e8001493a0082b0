"""smaso.18 and smaso.21: filters and betas after short trainings on digits."""

import keras
import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.layers import BetaVQ
from dlgn_tf.splines import digits_network
from dlgn_tf.splines import gram
from dlgn_tf.splines import network_prior

SEEDS = 2
EPOCHS = 10
ORTHOGONAL = 1e-6
# Chance is 10 %.
LEAST_ACCURACY = 0.6
# Of eta that is near 1.
NEAR = 0.5, 2.0
# So that Adam could take u out of it several times over.
BETA_RATE = 8e-3
# What eta is to become in the control.
AWAY = 8.0


def measure_cosines(rng, epochs=EPOCHS):
    seeds = [int(rng.integers(2**31)) for _ in range(SEEDS)]
    runs = {
        kind: [_train_kind(kind, seed, epochs) for seed in seeds]
        for kind in digits_network.KINDS
    }
    # The penalty outweighs the loss: nothing is learned, and nothing counts.
    drawn = {
        **runs,
        "penalty": [
            _train_kind("penalty", seed, epochs, orthogonal_start=False)
            for seed in seeds
        ],
    }
    control = cosines_verdict(drawn)
    shown = "; ".join(
        f"{kind} {_shown(of_kind)}" for kind, of_kind in runs.items()
    )
    return Measurement(
        holds=cosines_verdict(runs) and control is False,
        measured=(
            f"{shown}; not counted, as it learns too little: penalty from "
            f"kernels as drawn, {_shown(drawn['penalty'])}; c4gap of width "
            f"{digits_network.WIDTH}, {epochs} passes over the digits, {SEEDS} "
            "seeds"
        ),
        values={"runs": runs, "penalty_from_drawn": drawn["penalty"]},
    )


def _train_kind(kind, seed, epochs, **options):
    network = digits_network.create_kind(kind, seed, **options)
    accuracy = digits_network.train(network, seed, epochs)
    return {"accuracy": accuracy, "cosine": mean_cosine(network)}


def _shown(runs):
    cosines = ", ".join(f"{run['cosine']:.2g}" for run in runs)
    accuracies = ", ".join(f"{run['accuracy']:.1%}" for run in runs)
    return f"{cosines} (accuracy {accuracies})"


def cosines_verdict(runs):
    """Whether all seeds are in order, of networks that have learned.

    Args:
        runs: Dict from kind, in the order of `digits_network.KINDS`, to a dict
            of cosine and accuracy for each seed.
    """
    learned = all(
        run["accuracy"] >= LEAST_ACCURACY
        for of_kind in runs.values()
        for run in of_kind
    )
    in_order = all(
        plain["cosine"] > penalty["cosine"] > exact["cosine"]
        and exact["cosine"] <= ORTHOGONAL
        for plain, penalty, exact in zip(*runs.values(), strict=True)
    )
    return learned and in_order


def mean_cosine(network):
    """Of different filters, over layers that can have orthogonal ones."""
    values = []
    for rows, _ in network_prior.network_filters(network).values():
        if len(rows) <= rows.shape[1]:
            values.append(gram.off_diagonal(gram.cosines(rows)))
    return float(np.concatenate(values).mean())


def measure_betas(rng, epochs=EPOCHS):
    runs = [train_betas(int(rng.integers(2**31)), epochs) for _ in range(SEEDS)]
    shown, away = (
        "; ".join(
            f"{name} {', '.join(_quartiles(run[eta][name]) for run in runs)}"
            for name in runs[0][eta]
        )
        for eta in ("eta", "eta_away")
    )
    accuracies = ", ".join(f"{run['accuracy']:.1%}" for run in runs)
    return Measurement(
        holds=(
            all(betas_verdict(run["eta"]) for run in runs)
            and not any(betas_verdict(run["eta_away"]) for run in runs)
        ),
        measured=(
            f"quartiles of eta: {shown}; accuracy {accuracies}; where "
            f"activations are to be those at eta {AWAY:g}: {away}; c4gap of "
            f"width {digits_network.WIDTH}, a beta for each filter, {epochs} "
            f"passes over the digits (there {3 * epochs}) at learning rate "
            f"{BETA_RATE}, {SEEDS} seeds"
        ),
        values={"runs": runs},
    )


def train_betas(seed, epochs):
    """Dict of accuracy, and of eta by layer, after training and the control.

    In the control the weights found are kept, eta of the first layer starts at
    1 again, and what that layer puts out is to be what it does at `AWAY`.
    """
    network = digits_network.create(
        seed, activation="beta_vq", activation_beta_mode="per_channel"
    )
    accuracy = digits_network.train(network, seed, epochs, BETA_RATE)
    found = {"accuracy": accuracy, "eta": _etas(network)}
    first = next(x for x in network.layers if isinstance(x, BetaVQ))
    outputs = keras.layers.Flatten()(first.output)
    activations = keras.Model(network.inputs, outputs)
    for layer in activations.layers:
        layer.trainable = layer is first

    def activations_away(images):
        _set_eta(first, AWAY)
        targets = activations.predict(images, verbose=0)
        _set_eta(first, 1.0)
        return targets

    digits_network.train(
        activations, seed, 3 * epochs, BETA_RATE, activations_away
    )
    return {**found, "eta_away": _etas(activations)}


def _etas(network):
    return {
        layer.name: np.exp(
            keras.ops.convert_to_numpy(layer.u).astype("float64")
        )
        for layer in network.layers
        if isinstance(layer, BetaVQ)
    }


def _set_eta(layer, eta):
    layer.u.assign(np.full(layer.u.shape, np.log(eta)))


def betas_verdict(eta):
    """Whether every beta moved from 1/2, and medians are near it.

    Args:
        eta: Dict from layer to an array.
    """
    low, high = NEAR
    moved = all(
        np.all((x != 1) & (x > 0) & np.isfinite(x)) for x in eta.values()
    )
    near = all(low <= np.median(x) <= high for x in eta.values())
    return bool(eta) and moved and near


def _quartiles(values):
    low, middle, high = np.quantile(values, (0.25, 0.5, 0.75))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"

"""smaso.18 and smaso.21: filters and betas after short trainings on digits."""

import keras
import numpy as np

from dlgn_tf.claims.check import by_figure
from dlgn_tf.layers import BetaVQ
from dlgn_tf.splines import digits_network, gram, network_prior

SEEDS = 2
# So that Adam could take u out of it several times over.
BETA_RATE = 8e-3
# What eta is to become in the control.
AWAY = 8.0
AWAY_EPOCHS = 3 * digits_network.EPOCHS
_PASSES = f"{digits_network.EPOCHS}, {AWAY_EPOCHS} towards those activations"


def measure_cosines(rng):
    seeds = [int(rng.integers(2**31)) for _ in range(SEEDS)]
    runs, drawn = {}, {}
    for number, seed in enumerate(seeds, 1):
        of_seed = {
            kind: _train_kind(kind, seed) for kind in digits_network.KINDS
        }
        runs[f"seed {number}"] = of_seed
        # The penalty outweighs the loss: nothing is learned or counts.
        drawn[f"seed {number}"] = of_seed | {
            "penalty": _train_kind("penalty", seed, orthogonal_start=False)
        }
    return {
        **cosines_and_accuracies(runs),
        "penalty from kernels as drawn": cosines_and_accuracies(drawn),
        **trainings(SEEDS),
    }


def cosines_and_accuracies(runs):
    """Figures of what `_train_kind` returns, by seed and by kind."""
    of_exact = [run["Gram-Schmidt"]["mean |cosine|"] for run in runs.values()]
    return {
        **by_figure({seed: by_figure(run) for seed, run in runs.items()}),
        "mean |cosine| with Gram-Schmidt": of_exact,
    }


def trainings(seeds, passes=digits_network.EPOCHS):
    """What was trained, how long and how often, as figures."""
    return {
        "network": digits_network.LABEL,
        "passes over the digits": passes,
        "seeds": seeds,
    }


def _train_kind(kind, seed, **options):
    network = digits_network.create_kind(kind, seed, **options)
    accuracy = digits_network.train(network, seed)
    return {"accuracy": accuracy, "mean |cosine|": mean_cosine(network)}


def mean_cosine(network):
    """Of different filters, over layers that can have orthogonal ones."""
    values = []
    for rows, _ in network_prior.network_filters(network).values():
        if len(rows) <= rows.shape[1]:
            values.append(gram.off_diagonal(gram.cosines(rows)))
    return float(np.concatenate(values).mean())


def measure_betas(rng):
    found, away = {}, {}
    accuracies = []
    for number in range(1, SEEDS + 1):
        run = train_betas(int(rng.integers(2**31)))
        found[f"seed {number}"] = moves_of_eta(run["eta"])
        away[f"seed {number}"] = moves_of_eta(run["eta_away"])
        accuracies.append(run["accuracy"])
    return {
        **by_figure(found),
        "towards activations of another eta": away,
        "other eta": AWAY,
        "accuracy": accuracies,
        **trainings(SEEDS, _PASSES),
        "learning rate": BETA_RATE,
    }


def moves_of_eta(eta):
    """What became of the betas of each layer, which started at 1/2."""
    return {
        "median eta": {name: np.median(x) for name, x in eta.items()},
        "betas still at 1/2": sum(int(np.sum(x == 1)) for x in eta.values()),
        "betas at 0 or 1": sum(
            int(np.sum(~((x > 0) & np.isfinite(x)))) for x in eta.values()
        ),
        "eta": eta,
    }


def train_betas(seed):
    """Dict of accuracy, and of eta by layer, after training and the control.

    In the control the weights found are kept, eta of the first layer starts at
    1 again, and what that layer puts out is to be what it does at `AWAY`.
    """
    network = digits_network.create(
        seed, activation="beta_vq", activation_beta_mode="per_channel"
    )
    accuracy = digits_network.train(network, seed, BETA_RATE)
    found = {"accuracy": accuracy, "eta": etas(network)}
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
        activations, seed, BETA_RATE, AWAY_EPOCHS, activations_away
    )
    return {**found, "eta_away": etas(activations)}


def etas(network):
    """Eta of the learned betas of each layer, by its name."""
    return {
        layer.name: np.exp(
            keras.ops.convert_to_numpy(layer.u).astype("float64")
        )
        for layer in network.layers
        if isinstance(layer, BetaVQ)
    }


def _set_eta(layer, eta):
    layer.u.assign(np.full(layer.u.shape, np.log(eta)))

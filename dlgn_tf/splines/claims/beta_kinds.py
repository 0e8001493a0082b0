"""smaso.26: swish, beta-leaky and beta-abs in trainings on digits."""

import numpy as np

from dlgn_tf.splines import digits_network
from dlgn_tf.splines.claims import digit_trainings
from dlgn_tf.splines.claims.digit_trainings import BETA_RATE

SEEDS = 3
KINDS = {"ReLU": "beta_vq", "leaky": "leaky_beta_vq", "abs": "abs_beta_vq"}
FIXED = {
    "beta 1/2": {"activation_beta": 0.5},
    "beta 1/2, Tsallis": {
        "activation_beta": 0.5,
        "activation_entropy": "tsallis",
    },
    "hard": {"activation_beta": 1.0},
}


def measure(rng):
    seeds = [int(rng.integers(2**31)) for _ in range(SEEDS)]
    accuracy, medians = {}, {}
    for kind, activation in KINDS.items():
        for name, options in FIXED.items():
            accuracy[f"{kind}, {name}"] = [
                train(activation, seed, "fixed", **options)[0] for seed in seeds
            ]
        learned = [train(activation, seed, "per_channel") for seed in seeds]
        accuracy[f"{kind}, learned"] = [of_run for of_run, _ in learned]
        medians[kind] = np.ravel(
            [[np.median(x) for x in eta.values()] for _, eta in learned]
        )
    # Linear networks, or of the absolute value constant ones.
    linear = {
        kind: train(name, seeds[0], "fixed", activation_beta=0.0)[0]
        for kind, name in KINDS.items()
    }
    return {
        "accuracy": accuracy,
        "median eta": medians,
        "beta 0": {"accuracy": linear},
        **digit_trainings.trainings(SEEDS),
        "learning rate": BETA_RATE,
    }


def train(activation, seed, mode, **options):
    """Accuracy on the test images, and eta by layer where it is learned."""
    network = digits_network.create(
        seed, activation=activation, activation_beta_mode=mode, **options
    )
    accuracy = digits_network.train(network, seed, BETA_RATE)
    return accuracy, digit_trainings.etas(network) if mode != "fixed" else {}

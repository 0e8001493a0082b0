"""smaso.22: the region prior at Glorot's initial weights."""

import keras
import numpy as np
from scipy import special

from dlgn_tf.claims.check import by_figure
from dlgn_tf.splines import network_prior

# Window, channels, filters: layers of largecnn, and others.
LAYERS = (
    (3, 96, 96),
    (3, 96, 192),
    (3, 192, 192),
    (1, 192, 192),
    (3, 64, 128),
    (3, 128, 32),
    (1, 512, 512),
)


def measure(rng):
    found = {}
    for window, inputs, units in LAYERS:
        layer = keras.layers.Conv2D(
            units,
            window,
            kernel_initializer=keras.initializers.GlorotUniform(
                int(rng.integers(2**31))
            ),
        )
        layer.build((None, 8, 8, inputs))
        rows, bias = network_prior.filters(layer)
        relu, both = (
            network_prior.prior_of_filters(rows, bias, activation)
            for activation in ("relu", "abs")
        )
        active = relu[:, 1].mean()
        # E|w|^2 is 2 c / (c + K) for every window.
        expected = float(special.expit(inputs / (inputs + units)))
        found[f"{window}x{window} {inputs} -> {units}"] = {
            "pi_active": active,
            "expected": expected,
            "|pi_active / expected - 1|": abs(active / expected - 1),
            "abs: |pi - 1/2|": np.abs(both - 0.5).max(),
            "weights": rows.size,
        }
    figures = by_figure(found)
    return {
        **figures,
        "active is favoured (appendix C: inactive)": [
            active > 0.5 for active in figures["pi_active"].values()
        ],
    }

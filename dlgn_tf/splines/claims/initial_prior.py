"""smaso.22: the region prior at Glorot's initial weights."""

import keras
import numpy as np

from dlgn_tf.claims.registry import Measurement
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
TOLERANCE = 0.02
# For fewer weights than this nothing is claimed.
LEAST = 10_000


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
        if rows.size <= LEAST:
            raise ValueError(
                f"Expected over {LEAST} weights of each layer. Received: "
                f"{rows.size}"
            )
        relu, both = (
            network_prior.prior_of_filters(rows, bias, activation)
            for activation in ("relu", "abs")
        )
        found[f"{window}x{window} {inputs} -> {units}"] = {
            "measured": float(relu[:, 1].mean()),
            "expected": network_prior.expected_at_glorot(inputs, units),
            "abs": float(np.abs(both - 0.5).max()),
        }
    errors = [abs(v["measured"] / v["expected"] - 1) for v in found.values()]
    shown = ", ".join(
        f"{name} {v['measured']:.4f} ({v['expected']:.4f})"
        for name, v in found.items()
    )
    return Measurement(
        holds=verdict(found.values()),
        measured=(
            f"pi_active (expected): {shown}; error <= {max(errors):.2%}; "
            "active is favoured in every layer, not inactive as appendix C says"
        ),
        values=found,
    )


def verdict(found):
    """Whether the claim holds.

    Args:
        found: Dicts of measured and expected pi_active of a ReLU layer, and
            of the largest deviation from 1/2 of an absolute value.
    """
    return all(
        abs(v["measured"] / v["expected"] - 1) <= TOLERANCE and v["abs"] == 0
        for v in found
    )

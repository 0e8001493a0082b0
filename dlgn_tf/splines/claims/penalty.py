"""smaso.12: the orthogonality penalty against loops and bounds."""

import itertools

import numpy as np

from dlgn_tf.claims.small_networks import relative_difference
from dlgn_tf.command import startup
from dlgn_tf.regularizers import least_penalty, orthogonality_penalty
from dlgn_tf.splines import parameters
from dlgn_tf.splines.claims import joint

tf = startup.tensorflow()

# K^2 / D - K of 96 filters of norm 1 and 27 inputs.
WELCH = 96**2 / 27 - 96


def measure(rng):
    differences = {
        f"{shape}, {activation}": loop_difference(shape, activation, rng)
        for shape in ((3, 2, 2, 5), (7, 5))
        for activation in ("relu", "leaky", "abs")
    }
    differences["gradient"] = gradient_difference(rng)
    differences["Welch bound"] = frame_differences()
    orthogonal, others = zero_and_not(rng)
    random = float(orthogonality_penalty(unit_filters(rng)))
    return {
        "relative difference": differences,
        "orthogonal filters": orthogonal,
        "one of them turned a bit": others,
        "random unit filters over the bound": random / WELCH,
        "random": random,
        "bound": WELCH,
        "filters": "96 of 27 inputs",
    }


def loop_difference(shape, activation, rng):
    """The penalty against a loop over filters, regions and weights."""
    kernel = rng.normal(size=shape)
    slopes = parameters.slopes_of(activation)
    filters = range(shape[-1])
    total = 0.0
    for k, other in itertools.product(filters, filters):
        if k == other:
            continue
        inner = sum(
            kernel[(*at, k)] * kernel[(*at, other)]
            for at in np.ndindex(shape[:-1])
        )
        for first, second in itertools.product(slopes, slopes):
            total += (first * second * inner) ** 2
    return abs(float(orthogonality_penalty(kernel, "sum", slopes)) / total - 1)


def gradient_difference(rng):
    """Of automatic differentiation from 4 (G - diag G) W."""
    kernel = tf.Variable(rng.normal(size=(2, 3, 2, 5)))
    with tf.GradientTape() as tape:
        penalty = orthogonality_penalty(kernel)
    found = np.reshape(tape.gradient(penalty, kernel), (-1, 5)).T
    rows = np.reshape(kernel, (-1, 5)).T
    gram = rows @ rows.T
    expected = 4 * (gram - np.diag(np.diag(gram))) @ rows
    return relative_difference(found, expected)


def zero_and_not(rng):
    """Of orthogonal filters of several norms, and after turning one a bit."""
    rows = joint.orthogonal(rng, 5, 12)
    penalty = float(orthogonality_penalty(rows.T))
    rows[0] += 0.1 * rows[1]
    return penalty, float(orthogonality_penalty(rows.T))


def unit_filters(rng):
    """96 filters of norm 1 and 27 inputs, `(27, 96)`."""
    kernel = rng.normal(size=(27, 96))
    return kernel / np.linalg.norm(kernel, axis=0)


def frame_differences():
    """Of a tight frame of unit filters from the bound, and of the bound.

    Columns of a harmonic frame: cosines and sines of all 96 angles at 13
    frequencies, and a constant row.
    """
    angles = 2 * np.pi * np.arange(96) / 96
    waves = [f(k * angles) for k in range(1, 14) for f in (np.cos, np.sin)]
    frame = np.stack([np.full(96, np.sqrt(0.5)), *waves]) * np.sqrt(2 / 27)
    reached = float(orthogonality_penalty(frame))
    bound = float(least_penalty(frame))
    return [abs(reached / WELCH - 1), abs(bound / WELCH - 1)]

"""rainbow.1 to rainbow.3: random features of one layer, and their alignment."""

import numpy as np

from dlgn_tf.claims.check import by_figure
from dlgn_tf.command.threads import one_blas_thread
from dlgn_tf.rainbow import alignment, spectra
from dlgn_tf.rainbow.infinite_network import power_law_inputs
from dlgn_tf.rainbow.random_features import (
    random_features,
    relu_kernel,
    relu_kernel_variance,
    square_root,
)

DIMENSION = 32
KERNEL_WIDTHS = tuple(2**k for k in range(4, 12))
KERNEL_SAMPLES, KERNEL_DRAWS = 30, 400
FEATURE_WIDTHS = tuple(2**k for k in range(4, 11))
FEATURE_SAMPLES, FEATURE_DRAWS = 400, 8
# Ranks through which the decay of the exact features' spectrum is fitted.
FITTED = (2, 200)
ROTATIONS = 100


@one_blas_thread
def measure_kernel_rate(rng):
    inputs = power_law_inputs(KERNEL_SAMPLES, DIMENSION, rng)
    gram = inputs @ inputs.T
    exact, variance = relu_kernel(gram), relu_kernel_variance(gram).mean()

    def error(features):
        return np.mean((features @ features.T - exact) ** 2)

    errors = _mean_errors(error, inputs, KERNEL_WIDTHS, KERNEL_DRAWS, rng)
    ratios = np.array(errors) * KERNEL_WIDTHS / variance
    return {
        "slope": slope_of(KERNEL_WIDTHS, errors),
        "d1 x error / Var(relu relu)": ratios,
        "errors": errors,
        "d1": KERNEL_WIDTHS,
        "draws": KERNEL_DRAWS,
    }


def _mean_errors(error, inputs, widths, draws, rng):
    """Mean error of drawn random features, by width."""
    return [
        np.mean([error(random_features(inputs, d, rng)) for _ in range(draws)])
        for d in widths
    ]


def slope_of(widths, errors):
    """Of log(error) over log(width)."""
    return float(np.polyfit(np.log(widths), np.log(errors), 1)[0])


@one_blas_thread
def measure_procrustes(rng):
    cases = {}
    for own in (40, 60, 24):
        reference = rng.standard_normal((500, 40)) * np.arange(1, 41) ** -0.5
        mixing = rng.standard_normal((40, own))
        features = np.maximum(reference @ mixing, 0) / np.sqrt(own)
        cases[f"of {own} in 40"] = _procrustes(reference, features, rng)
    return {**by_figure(cases), "random maps": ROTATIONS}


def _procrustes(reference, own, rng):
    """Errors on samples, the smaller space embedded in the larger one."""
    if own.shape[1] > reference.shape[1]:
        reference, own = own, reference
    cross = reference.T @ own / len(own)
    energies = (np.sum(x**2) / len(own) for x in (reference, own))
    found, closed = (
        alignment.align(cross),
        alignment.aligned_error(*energies, cross),
    )
    error = _error(reference, own, found)
    sizes = reference.shape[1], own.shape[1]
    others = [
        _error(reference, own, alignment.random_alignment(*sizes, rng))
        for _ in range(ROTATIONS)
    ]
    product = found.matrix.T @ found.matrix
    return {
        "relative gap to the closed form": abs(error - closed) / closed,
        "error of the best random map over its own": min(others) / error,
        "|A^T A - I|": np.abs(product - np.eye(sizes[1])).max(),
    }


def _error(reference, own, turn):
    gap = turn.activations(own) - reference
    return float(np.mean(np.sum(gap**2, axis=1)))


@one_blas_thread
def measure_feature_rate(rng):
    inputs = power_law_inputs(FEATURE_SAMPLES, DIMENSION, rng)
    kernel = relu_kernel(inputs @ inputs.T)
    exact = square_root(kernel)
    values = spectra.eigen(kernel / len(kernel))[0]
    alpha = -spectra.power_law_fit(values, *FITTED).slope
    samples = len(inputs)
    energy = np.sum(exact**2) / samples

    def relative_error(features):
        own, cross = np.sum(features**2), exact.T @ features
        return (
            alignment.aligned_error(energy, own / samples, cross / samples)
            / energy
        )

    errors = _mean_errors(
        relative_error, inputs, FEATURE_WIDTHS, FEATURE_DRAWS, rng
    )
    slope = slope_of(FEATURE_WIDTHS, errors)
    bound = -(alpha - 1) / (2 * alpha - 1)
    return {
        "relative error": errors,
        "slope - bound": slope - bound,
        "slope": slope,
        "bound": bound,
        "alpha": alpha,
        "d1": FEATURE_WIDTHS,
        "draws": FEATURE_DRAWS,
    }

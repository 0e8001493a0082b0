"""rainbow.1 to rainbow.3: random features of one layer, and their alignment."""

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.command.threads import one_blas_thread
from dlgn_tf.rainbow import alignment
from dlgn_tf.rainbow import spectra
from dlgn_tf.rainbow.infinite_network import power_law_covariance
from dlgn_tf.rainbow.random_features import colored_inputs
from dlgn_tf.rainbow.random_features import random_features
from dlgn_tf.rainbow.random_features import relu_kernel
from dlgn_tf.rainbow.random_features import relu_kernel_variance
from dlgn_tf.rainbow.random_features import square_root

DIMENSION = 32
KERNEL_WIDTHS = tuple(2**k for k in range(4, 12))
KERNEL_SAMPLES, KERNEL_DRAWS = 30, 400
FEATURE_WIDTHS = tuple(2**k for k in range(4, 11))
FEATURE_SAMPLES, FEATURE_DRAWS = 400, 8
# Ranks through which the decay of the exact features' spectrum is fitted.
FITTED = (2, 200)
ROTATIONS = 100


@one_blas_thread
def measure_kernel_rate(rng, widths=KERNEL_WIDTHS, draws=KERNEL_DRAWS):
    inputs = _inputs(rng, KERNEL_SAMPLES)
    gram = inputs @ inputs.T
    exact, variance = relu_kernel(gram), relu_kernel_variance(gram).mean()
    errors = [
        np.mean([_kernel_error(inputs, exact, d, rng) for _ in range(draws)])
        for d in widths
    ]
    slope = slope_of(widths, errors)
    ratios = np.array(errors) * widths / variance
    return Measurement(
        holds=kernel_rate_holds(slope, ratios),
        measured=(
            f"slope {slope:.3f}; d1 x error / variance {ratios.min():.3f} to "
            f"{ratios.max():.3f}; d1 of {widths[0]} to {widths[-1]}, {draws} "
            "draws each"
        ),
        values={"widths": widths, "errors": errors, "ratios": ratios},
    )


def kernel_rate_holds(slope, ratios):
    """Slope in [-1.15, -0.85], and every ratio within 15 % of one."""
    near = np.all(np.abs(np.asarray(ratios) - 1) <= 0.15)
    return bool(-1.15 <= slope <= -0.85 and near)


def _kernel_error(inputs, exact, width, rng):
    features = random_features(inputs, width, rng)
    return np.mean((features @ features.T - exact) ** 2)


def _inputs(rng, samples):
    drawn = rng.standard_normal((samples, DIMENSION))
    return colored_inputs(drawn, power_law_covariance(DIMENSION))


def slope_of(widths, errors):
    """Of log(error) over log(width)."""
    return float(np.polyfit(np.log(widths), np.log(errors), 1)[0])


@one_blas_thread
def measure_procrustes(rng):
    worst = {"gap": 0.0, "orthogonality": 0.0, "lead": np.inf}
    for own in (40, 60, 24):
        reference = rng.standard_normal((500, 40)) * np.arange(1, 41) ** -0.5
        mixing = rng.standard_normal((40, own))
        features = np.maximum(reference @ mixing, 0) / np.sqrt(own)
        for name, value in _procrustes(reference, features, rng).items():
            keep = min if name == "lead" else max
            worst[name] = keep(worst[name], value)
    return Measurement(
        holds=procrustes_holds(**worst),
        measured=(
            f"relative gap to the closed form {worst['gap']:.1e}; the best of "
            f"{ROTATIONS} random maps has {worst['lead']:.2f} times the error; "
            f"|A^T A - I| {worst['orthogonality']:.1e}; 40 dimensions, of 40, "
            "60 and 24"
        ),
        values=worst,
    )


def procrustes_holds(gap, orthogonality, lead):
    return bool(gap < 1e-10 and orthogonality < 1e-6 and lead > 1)


def _procrustes(reference, own, rng):
    """Errors on samples, the smaller space embedded in the larger one."""
    if own.shape[1] > reference.shape[1]:
        reference, own = own, reference
    found = alignment.align(reference.T @ own / len(own))
    error = _error(reference, own, found)
    closed = alignment.aligned_error(
        np.sum(reference**2) / len(own),
        np.sum(own**2) / len(own),
        reference.T @ own / len(own),
    )
    sizes = reference.shape[1], own.shape[1]
    others = [
        _error(reference, own, alignment.random_alignment(*sizes, rng))
        for _ in range(ROTATIONS)
    ]
    product = found.matrix.T @ found.matrix
    return {
        "gap": abs(error - closed) / closed,
        "orthogonality": np.abs(product - np.eye(sizes[1])).max(),
        "lead": min(others) / error,
    }


def _error(reference, own, turn):
    gap = turn.activations(own) - reference
    return float(np.mean(np.sum(gap**2, axis=1)))


@one_blas_thread
def measure_feature_rate(rng, widths=FEATURE_WIDTHS, draws=FEATURE_DRAWS):
    inputs = _inputs(rng, FEATURE_SAMPLES)
    kernel = relu_kernel(inputs @ inputs.T)
    exact = square_root(kernel)
    values = spectra.eigen(kernel / len(kernel))[0]
    alpha = -spectra.power_law_fit(values, *FITTED).slope
    errors = [
        np.mean([_feature_error(inputs, exact, d, rng) for _ in range(draws)])
        for d in widths
    ]
    slope = slope_of(widths, errors)
    bound = -(alpha - 1) / (2 * alpha - 1)
    return Measurement(
        holds=feature_rate_holds(errors, slope, bound),
        measured=(
            f"relative error {errors[0]:.3f} at d1 = {widths[0]} to "
            f"{errors[-1]:.4f} at {widths[-1]}, slope {slope:.2f}, bound "
            f"{bound:.2f} of alpha {alpha:.2f}; {draws} draws"
        ),
        values={"widths": widths, "errors": errors, "alpha": alpha},
    )


def feature_rate_holds(errors, slope, bound):
    """Falls at every doubling, and at least as fast as the bound."""
    return bool(np.all(np.diff(errors) < 0) and slope <= bound)


def _feature_error(inputs, exact, width, rng):
    features = random_features(inputs, width, rng)
    samples = len(inputs)
    energy = np.sum(exact**2) / samples
    error = alignment.aligned_error(
        energy, np.sum(features**2) / samples, exact.T @ features / samples
    )
    return error / energy

"""rainbow.4 and rainbow.5: the exact network of two layers, and finite ones."""

import numpy as np

from dlgn_tf.command.threads import one_blas_thread
from dlgn_tf.rainbow.infinite_network import InfiniteNetwork, readout_error

WIDTHS = (32, 64, 128, 256, 512)
DRAWS = 8
# Of the ridge regression that makes the readout.
PENALTY = 1e-3


@one_blas_thread
def measure_kernel(rng):
    network = InfiniteNetwork.draw(rng)
    errors, rotated = (
        {d: kernel_errors(network, d, DRAWS, rng, way)[-1] for d in WIDTHS}
        for way in (True, False)
    )
    widest = errors[WIDTHS[-1]]
    return {
        "at the widest": widest,
        "widest over narrowest": widest / errors[WIDTHS[0]],
        "by width": errors,
        "with a random rotation": rotated,
        "draws": DRAWS,
    }


def kernel_errors(network, width, draws, rng, aligned=True):
    """Error of the kernel of each layer of finite networks, mean of draws."""
    errors = [
        network.kernel_errors(network.finite(width, rng, aligned))
        for _ in range(draws)
    ]
    return np.mean(errors, axis=0)


@one_blas_thread
def measure_readout(rng):
    infinite = InfiniteNetwork.draw(rng)
    features = infinite.features[-1]
    theta, output = ridge_readout(features, infinite.inputs, rng)
    scale = np.mean(output**2)
    found = np.array(
        [
            [
                readout_error(infinite, infinite.finite(d, rng), theta)
                for _ in range(DRAWS)
            ]
            for d in WIDTHS
        ]
    )
    errors, bounds = np.moveaxis(found / scale, -1, 0)
    means = errors.mean(axis=1)
    return {
        "E|fhat - f|^2 / E f^2": dict(zip(WIDTHS, means, strict=True)),
        "error over bound": errors / bounds,
        "draws": DRAWS,
        "details": {"errors": errors, "bounds": bounds},
    }


def ridge_readout(features, inputs, rng):
    """A readout `(samples,)` of exact features that fits a smooth function.

    Its output of the same shape comes second.
    """
    direction = rng.standard_normal(inputs.shape[1])
    target = np.sin(inputs @ direction / np.std(inputs @ direction))
    samples = len(features)
    gram = features.T @ features / samples
    ridge = PENALTY * np.trace(gram) / samples * np.eye(samples)
    theta = np.linalg.solve(gram + ridge, features.T @ target / samples)
    return theta, features @ theta

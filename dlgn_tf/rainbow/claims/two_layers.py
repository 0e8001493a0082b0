"""rainbow.4 and rainbow.5: the exact network of two layers, and finite ones."""

import numpy as np

from dlgn_tf.command.threads import one_blas_thread
from dlgn_tf.rainbow.infinite_network import InfiniteNetwork, readout_error

WIDTHS = (32, 64, 128, 256, 512)
DRAWS = 8
# Of the ridge regression that makes the readout.
PENALTY = 1e-3


@one_blas_thread
def measure_kernel(rng, widths=WIDTHS, draws=DRAWS):
    network = InfiniteNetwork.draw(rng)
    errors = {
        aligned: [
            np.mean(
                [
                    network.kernel_error(network.finite(d, rng, aligned))
                    for _ in range(draws)
                ]
            )
            for d in widths
        ]
        for aligned in (True, False)
    }
    by_width, rotated = (
        dict(zip(widths, errors[aligned], strict=True))
        for aligned in (True, False)
    )
    return {
        "at the widest": errors[True][-1],
        "widest over narrowest": errors[True][-1] / errors[True][0],
        "by width": by_width,
        "with a random rotation": rotated,
        "draws": draws,
    }


@one_blas_thread
def measure_readout(rng, widths=WIDTHS, draws=DRAWS):
    infinite = InfiniteNetwork.draw(rng)
    features = infinite.features[1]
    theta, output = ridge_readout(features, infinite.inputs, rng)
    scale = np.mean(output**2)
    found = np.array(
        [
            [
                readout_error(infinite, infinite.finite(d, rng), theta)
                for _ in range(draws)
            ]
            for d in widths
        ]
    )
    errors, bounds = np.moveaxis(found / scale, -1, 0)
    means = errors.mean(axis=1)
    return {
        "E|fhat - f|^2 / E f^2": dict(zip(widths, means, strict=True)),
        "error over bound": errors / bounds,
        "draws": draws,
        "details": {"errors": errors, "bounds": bounds},
    }


def ridge_readout(features, inputs, rng):
    """A readout of exact features that fits a smooth function.

    Returns:
        `(theta, output)`, arrays `(samples,)`.
    """
    direction = rng.standard_normal(inputs.shape[1])
    target = np.sin(inputs @ direction / np.std(inputs @ direction))
    samples = len(features)
    gram = features.T @ features / samples
    ridge = PENALTY * np.trace(gram) / samples * np.eye(samples)
    theta = np.linalg.solve(gram + ridge, features.T @ target / samples)
    return theta, features @ theta

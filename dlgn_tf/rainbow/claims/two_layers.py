"""rainbow.4 and rainbow.5: the exact network of two layers, and finite ones."""

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.command.threads import one_blas_thread
from dlgn_tf.rainbow.infinite_network import InfiniteNetwork
from dlgn_tf.rainbow.infinite_network import readout_error

WIDTHS = (32, 64, 128, 256, 512)
DRAWS = 8
LARGEST_ERROR, LEAST_UNALIGNED = 0.05, 0.8
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
    shown = ", ".join(
        f"{d}: {e:.3f}" for d, e in zip(widths, errors[True], strict=True)
    )
    return Measurement(
        holds=kernel_holds(errors[True], errors[False]),
        measured=(
            f"relative |K2 error|^2 by width {shown}; with a random rotation "
            f"{min(errors[False]):.3f} to {max(errors[False]):.3f}; mean of "
            f"{draws} draws"
        ),
        values={
            "widths": widths,
            "aligned": errors[True],
            "random_rotation": errors[False],
        },
    )


def kernel_holds(aligned, rotated):
    """Of mean errors from the narrowest width to the widest."""
    return bool(
        aligned[-1] < LARGEST_ERROR
        and aligned[-1] < aligned[0] / 5
        and min(rotated) > LEAST_UNALIGNED
    )


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
    shown = ", ".join(
        f"{d}: {e:.4f}" for d, e in zip(widths, means, strict=True)
    )
    return Measurement(
        holds=readout_holds(means, errors, bounds),
        measured=(
            f"E|fhat - f|^2 / E f^2 by width {shown}; at most "
            f"{(errors / bounds).max():.4f} of the bound; {draws} draws"
        ),
        values={"widths": widths, "errors": errors, "bounds": bounds},
    )


def readout_holds(means, errors, bounds):
    """Mean errors fall at every doubling, and no draw is above its bound."""
    return bool(np.all(np.diff(means) < 0) and np.all(errors <= bounds))


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

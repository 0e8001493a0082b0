"""dlgn.22: what a wide value network learns under fixed gates.

Gradient descent on half the sum of squared errors moves the outputs of a
network whose tangent kernel K does not change as regression with K would,

    f_T = f_0 + K(., X) K(X, X)^-1 (1 - (1 - rate K(X, X))^T) (y - f_0(X)),

and K is the neural path kernel times the constant of Theorem 2.1 as the width
grows. The error is the distance of what the trained network has added to its
outputs from what regression adds, on images that neither has seen, relative to
the latter; it should fall as width^(-1/2).

Two controls must stay away: a ReLU network, whose gates move and depend on its
values' weights, beside regression with the kernel of the gates that it begins
with; and the network of fixed gates beside regression without gates, with
<x, x'> of the same trace.

Source: the DLGN paper (arXiv 2110.03403), sections 2 and 3.
"""

import numpy as np

from dlgn_tf import factorizations
from dlgn_tf.command.threads import one_blas_thread
from dlgn_tf.data.sources import load
from dlgn_tf.dual import convergence, kernels, random_networks, value_gradients

WIDTHS = (64, 128, 256, 512)
DRAWS = 12
DEPTH = 4
IMAGES, TEST_IMAGES = 60, 100
STEPS = 100
# In 1 / the largest eigenvalue of any kernel there is at the start: descent
# wants less than 2 while the tangent kernel changes.
RATE = 0.3

FIXED = "fixed gates"
CONTROLS = ("gates that move (control)", "no gates in the kernel (control)")


@one_blas_thread
def measure(rng, widths=WIDTHS, draws=DRAWS):
    found = {name: [] for name in (FIXED, *CONTROLS)}
    for width in widths:
        drawn = [errors(*odd_and_even(rng), width, rng) for _ in range(draws)]
        for name, of_width in found.items():
            of_width.append([each[name] for each in drawn])
    slopes = {name: convergence.slope(widths, e) for name, e in found.items()}
    means = {name: np.mean(e, axis=1) for name, e in found.items()}
    return {
        "slope under fixed gates": slopes[FIXED],
        "widest, over that of fixed gates": {
            name: means[name][-1] / means[FIXED][-1] for name in CONTROLS
        },
        "slopes": slopes,
        "mean errors": means,
        "widths": widths,
        "draws": draws,
        "trained": (
            f"{STEPS} steps on {IMAGES} of scikit-learn's digits, odd against "
            f"even, depth {DEPTH}"
        ),
        "details": {"errors": found},
    }


def odd_and_even(rng):
    """Images as directions from their mean, and +1 or -1 for even or odd.

    float64 `(images, pixels)` and `(images,)`, training images first.
    """
    train, _ = load("digits")
    chosen = rng.permutation(len(train.images))[: IMAGES + TEST_IMAGES]
    x = np.reshape(train.images[chosen], (len(chosen), -1)).astype("float64")
    x -= x[:IMAGES].mean(axis=0)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x, 1.0 - 2.0 * (train.labels[chosen] % 2)


def errors(x, targets, width, rng):
    """Errors of one draw of weights, by name."""
    network = random_networks.FullyConnected(
        depth=DEPTH, inputs=x.shape[1], linear=True
    )
    variance = random_networks.VARIANCE_TIMES_WIDTH / width
    weights = random_networks.bernoulli(rng, network.shapes(width), variance)
    gates = network.gates(rng, x, width)
    _, own, _ = forward(weights, x)
    kernel, of_own = (
        kernels.fully_connected(each, x, variances=variance)
        for each in (gates, own)
    )
    gram = x @ x.T
    without = gram * (np.trace(kernel) / np.trace(gram))
    tangent = (
        value_gradients.fully_connected(weights, x, g) for g in (gates, own)
    )
    rate = RATE / max(
        factorizations.eigvalsh(each[:IMAGES, :IMAGES])[-1]
        for each in (kernel, of_own, *tangent)
    )
    moving, no_gates = CONTROLS
    return {
        FIXED: error(weights, x, targets, rate, kernel, gates),
        moving: error(weights, x, targets, rate, of_own),
        no_gates: error(weights, x, targets, rate, without, gates),
    }


def error(weights, x, targets, rate, kernel, gates=None):
    """How far training is from regression, see above.

    Without `gates` they are those of a ReLU network, its own.
    """
    *_, start = forward(weights, x, gates)
    trained = train(weights, x, targets, rate, gates)
    *_, end = forward(trained, x, gates)
    added = regressed(kernel, (targets - start)[:IMAGES], rate)
    difference = (end - start)[IMAGES:] - added
    return float(np.linalg.norm(difference) / np.linalg.norm(added))


def forward(weights, x, gates=None):
    """What enters each layer, its gates, and the outputs `(images,)`."""
    entering, used, h = [], [], x
    for layer, matrix in enumerate(weights[:-1]):
        q = h @ matrix
        entering.append(h)
        used.append(random_networks.hard(q) if gates is None else gates[layer])
        h = q * used[-1]
    return [*entering, h], used, (h @ weights[-1])[:, 0]


def train(weights, x, targets, rate, gates=None, steps=STEPS):
    """Weights after gradient descent on the training images."""
    x, targets = x[:IMAGES], targets[:IMAGES]
    if gates is not None:
        gates = [gate[:IMAGES] for gate in gates]
    weights = [matrix.copy() for matrix in weights]
    for _ in range(steps):
        entering, used, outputs = forward(weights, x, gates)
        delta = (outputs - targets)[:, None]
        for layer in reversed(range(len(weights))):
            if layer < len(used):
                delta = delta * used[layer]
            gradient = entering[layer].T @ delta
            delta = delta @ weights[layer].T
            weights[layer] -= rate * gradient
    return weights


def regressed(kernel, residuals, rate, steps=STEPS):
    """What as many steps of kernel regression add on the other images.

    `residuals` are targets less the outputs at the start, of the training
    images, which come first in the kernel.
    """
    values, vectors = factorizations.eigh(kernel[:IMAGES, :IMAGES])
    # (1 - (1 - rate v)^T) / v is T rate where v is 0.
    reached = 1.0 - (1.0 - rate * values) ** steps
    small = values < 1e-12 * values[-1]
    shares = np.where(small, steps * rate, reached / np.where(small, 1, values))
    solved = vectors @ (shares * (vectors.T @ residuals))
    return kernel[IMAGES:, :IMAGES] @ solved

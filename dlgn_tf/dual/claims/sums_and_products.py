"""dlgn.23: gates side by side against gates behind one another.

In one layer the gates of several are a sum of kernels, in several layers a
product (the DLGN paper, arXiv 2110.03403, section 3.1.1). With random linear
gates and infinite width every layer has the same kernel, (pi - angle) / pi up
to a factor: a sum of any number of layers is that of one, a product of k its
k-th power. Which knows more about images is measured by ridge regression.
"""

import numpy as np

from dlgn_tf.command.threads import one_blas_thread
from dlgn_tf.dual import closed_forms, kernel_learning
from dlgn_tf.dual.claims.drawn_images import drawn
from dlgn_tf.dual.random_networks import hard

DRAWS = 10
# Training and test images of a draw, all of them others.
SIZES = {"cifar10": (3_000, 2_000), "digits": (93, 50)}
SUM, PRODUCTS = 1, (2, 4)


@one_blas_thread
def measure(rng, data_dir, sizes=SIZES):
    """Accuracies of `DRAWS` draws, on CIFAR-10 where a folder has it."""
    draws, train, words = drawn(rng, data_dir, sizes, DRAWS)
    off = identities(rng)
    found, shuffled = [], []
    for images, labels in draws:
        pixels = images.reshape(len(images), -1).astype("float64")
        found.append(accuracies(pixels, labels, train))
        shuffled.append(accuracies(pixels, rng.permutation(labels), train))
    return {
        "identities off": off,
        **compare(found),
        "labels shuffled": compare(shuffled),
        "draws": words,
        "details": {"accuracies": found, "shuffled": shuffled},
    }


def compare(found):
    """Points that each product is above the sum, draw by draw."""
    return {
        f"product of {layers} - sum": [
            each[layers] - each[SUM] for each in found
        ]
        for layers in PRODUCTS
    }


def accuracies(pixels, labels, train):
    """Accuracy of ridge regression in percent by number of layers.

    The first `train` of the `pixels`, `(images, pixels)`, are training images.
    """
    centered = pixels - pixels[:train].mean(axis=0)
    known = centered[:train]
    gram = centered @ known.T
    layer = 2 * closed_forms.gate_kernels(
        centered, known, depth=2, family="dlgn"
    ).squeeze(0)
    found = {}
    for layers in (SUM, *PRODUCTS):
        kernel = gram * layer**layers
        fit = kernel_learning.ridge_regression(
            kernel[:train],
            labels[:train],
            kernel[train:],
            labels[train:],
            classes=10,
        )
        found[layers] = 100 * fit.accuracy
    return found


def identities(rng, images=5, inputs=4, width=6):
    """How far path features are from sum and product, relatively.

    Features of paths through one layer with the gates of two, and through the
    two layers, are enumerated; of a path it is its input times its gates.
    """
    x = rng.normal(size=(images, inputs))
    gates = [hard(rng.normal(size=(images, width))) for _ in range(2)]
    one, other = (gate @ gate.T for gate in gates)
    side_by_side = np.einsum("ni,nj->nij", x, np.concatenate(gates, axis=1))
    behind = np.einsum("ni,nj,nk->nijk", x, *gates)
    deviations = []
    for features, kernel in (
        (side_by_side, one + other),
        (behind, one * other),
    ):
        flat = features.reshape(images, -1)
        expected = x @ x.T * kernel
        off = np.abs(flat @ flat.T - expected).max() / np.abs(expected).max()
        deviations.append(float(off))
    return max(deviations)

"""Kernels of a network's first gate layers, as a product and as a sum.

Gates of layers behind one another make a product of kernels, gates side by side
in one layer a sum. Source: the DLGN paper (arXiv 2110.03403), section 3.1.1.
"""

import numpy as np

from dlgn_tf.dual import kernel_learning, kernels
from dlgn_tf.dual.coverage import structure_of
from dlgn_tf.dual.image_arrays import ImageArrays
from dlgn_tf.errors import UserError

PRODUCT, SUM = "product", "sum"


def regressions(model, train, test, classes, seed=0, memory_gib=1.0, **options):
    """What is learned with kernels of the first 1, 2, 4, ... and all layers.

    Args:
        model: A network of dense layers in a row, as fc is.
        train: `ImageSet` of the images that kernels are of.
        test: `ImageSet` that is predicted.
        classes: Integer.
        seed: Of `kernel_learning.ridge_regression`.
        memory_gib: Float > 0, bound on what computing a kernel takes.
        **options: Of `kernels.fully_connected`.

    Yields:
        Dict of images, test_images, combination, layers, regression_accuracy
        and ridge. A sum of one layer is the product of one: it is not there.

    Raises:
        UserError: if the network is another one, or the memory does not
            suffice.
    """
    structure = structure_of(model)
    if structure is None or structure.kind != "fully_connected":
        raise UserError(
            "Expected a network of dense layers in a row, as fc is, whose "
            "kernel is a product of those of its layers. Received: "
            f"{model.name}"
        )
    (sites,) = structure.blocks
    sets = ImageArrays(model)([train.images, test.images], memory_gib)
    (known, pixels), (asked, other_pixels) = (
        ([each[site] for site in sites], each["image"].reshape(len(images), -1))
        for each, images in zip(sets, (train.images, test.images), strict=True)
    )
    options["memory_gib"] = memory_gib
    # What enters is the same of all, and has the most numbers.
    of_inputs = _both([], pixels, [], other_pixels, options)
    ones = np.ones((len(train), 1)), np.ones((len(test), 1))
    for combination, layers in _combinations(len(sites)):
        gates, others = (
            _combined(combination, of_set[:layers]) for of_set in (known, asked)
        )
        kernel, test_kernel = _both(gates, ones[0], others, ones[1], options)
        kernel *= of_inputs[0]
        test_kernel *= of_inputs[1]
        fit = kernel_learning.ridge_regression(
            kernel, train.labels, test_kernel, test.labels, classes, seed=seed
        )
        yield {
            "images": len(train),
            "test_images": len(test),
            "combination": combination,
            "layers": layers,
            "regression_accuracy": fit.accuracy,
            "ridge": fit.parameter,
        }


def _combinations(total):
    """Pairs of a combination and a number of layers, 1 to all of them."""
    powers = (2**k for k in range(total.bit_length()))
    counts = sorted({total, *(k for k in powers if k <= total)})
    return [
        (combination, layers)
        for combination in (PRODUCT, SUM)
        for layers in counts
        if combination == PRODUCT or layers > 1
    ]


def _combined(combination, gates):
    """Gates as `kernels.fully_connected` takes them."""
    return [np.concatenate(gates, axis=1)] if combination == SUM else gates


def _both(gates, inputs, others, other_inputs, options):
    """Kernels of training images, and of test images by them."""
    return (
        kernels.fully_connected(gates, inputs, **options),
        kernels.fully_connected(others, other_inputs, gates, inputs, **options),
    )

"""Sums over the sub-networks of blocks with skips, a product a block.

Source: the DLGN paper (arXiv 2110.03403), Lemma B.1 and Theorem B.1 (3.3).
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.dual.variances import per_layer


def entering(kernel: Array, derivative: bool) -> Array:
    """The kernel of the inputs, and its derivative in variances, 0."""
    kernel = kernel[np.newaxis]
    if derivative:
        return np.concatenate([kernel, np.zeros_like(kernel)])
    return kernel


def sum_over_subnetworks(
    sums: list, grams: Iterable, weights: Sequence, size: int | None
) -> Array:
    """The kernel of `kernels.residual`, or its derivative where `sums` have it.

    `sums` is a list of what `entering` makes; `grams` are `(rows, columns)`,
    one per block, and `weights` those of `block_weights`.
    """
    # By the number of blocks; all in one where it does not matter.
    sums += [np.zeros_like(sums[0]) for _ in range(size or 0)]
    ends = 0, len(weights) - 1
    for position, (gram, weight) in enumerate(zip(grams, weights, strict=True)):
        if position in ends:
            for m in range(len(sums)):
                sums[m] = _through(sums[m], gram, weight)
        elif size is None:
            sums[0] += _through(sums[0], gram, weight)
        else:
            for m in range(size, 0, -1):
                sums[m] += _through(sums[m - 1], gram, weight)
    return sums[-1][-1]


def block_weights(
    products: Sequence, variances: float | Sequence[float] | None
) -> list[tuple[float, float]]:
    """Of each block: prod_l (variance_l w_l) and sum_l 1 / variance_l."""
    if variances is None:
        return [(1.0, 0.0)] * len(products)
    depths = [len(product.widths) for product in products]
    depths[-1] += 1
    parts = np.split(per_layer(variances, sum(depths)), np.cumsum(depths)[:-1])
    return [
        (
            float(np.prod(part) * np.prod(product.widths)),
            float(np.sum(1 / part)),
        )
        for part, product in zip(parts, products, strict=True)
    ]


def _through(sums, gram, weight):
    """What a block makes of a kernel, and of its derivative where it is there.

    The derivative of a product of variances, by each of them and summed, is
    the product times the sum of their inverses. `sums` is `(1, rows, columns)`
    or `(2, rows, columns)`.
    """
    factor, inverses = weight
    made = sums * (factor * gram)
    if len(sums) == 2:
        made[1] += inverses * made[0]
    return made

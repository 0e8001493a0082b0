"""Groups that act on samples, and what is invariant or equivariant to them.

If the laws of weights are invariant to the action of a group, features are
equivariant to it, each element acting on them by an orthogonal map, and kernels
are invariant.

Source: arXiv 2305.18512, theorem 3 (not checked against the text).
"""

from collections.abc import Iterable

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.errors import UserError
from dlgn_tf.rainbow import alignment


def cyclic_shifts(length: int) -> Array:
    """The shifts of a periodic signal, `(elements, length, length)`.

    As many elements as the signal is long, by 0, 1, 2 and so on.
    """
    return np.stack([np.roll(np.eye(length), k, axis=0) for k in range(length)])


def orbits(inputs: Array, group: Array) -> tuple[Array, Array]:
    """Samples and all that a group makes of them.

    Args:
        inputs: Array `(samples, dimension)`.
        group: Orthogonal matrices `(elements, dimension, dimension)`, all
            elements of a group.

    Returns:
        Array `(elements * samples, dimension)`, and integer array `(elements,
        elements * samples)`: of each element, where it takes each of these.

    Raises:
        UserError: if the matrices are not closed under multiplication.
    """
    group = np.asarray(group, np.float64)
    products = np.einsum("gij,hjk->ghik", group, group)
    gaps = np.abs(products[:, :, None] - group).max(axis=(3, 4))
    if gaps.min(axis=2).max() > 1e-8:
        raise UserError(
            "Expected matrices of a group, closed under multiplication. "
            f"Received: {len(group)} that are not"
        )
    table, count = gaps.argmin(axis=2), len(inputs)
    taken = count * table[:, :, None] + np.arange(count)
    moved = np.einsum("gij,sj->gsi", group, inputs)
    return moved.reshape(-1, group.shape[1]), taken.reshape(len(group), -1)


def averaged(covariance: Array, group: Array) -> Array:
    """The mean of g C g^T over a group: invariant, and C if C is.

    Of arrays `(dimension, dimension)` and `(elements, dimension, dimension)`.
    """
    return np.mean(group @ covariance @ group.transpose(0, 2, 1), axis=0)


def invariance_error(kernel: Array, taken: Iterable[Array]) -> float:
    """Greatest |k(gx, gx') - k(x, x')| over the greatest |k|.

    Of a kernel `(samples, samples)`, over all samples and the elements whose
    indices, as of `orbits`, are given.
    """
    size = np.abs(kernel).max()
    gaps = [np.abs(kernel[np.ix_(g, g)] - kernel).max() for g in taken]
    return float(max(gaps) / size)


def equivariance_error(features: Array, taken: Iterable[Array]) -> float:
    """How far features are from being turned by a group's elements.

    Of features `(samples, width)`: the least E|phi(gx) - A phi(x)|^2 over
    orthogonal maps A, over E|phi|^2, of the worst of the elements whose
    indices, as of `orbits`, are given.
    """
    samples = len(features)
    energy = np.sum(features**2) / samples
    errors = [
        alignment.aligned_error(
            energy, energy, features[g].T @ features / samples
        )
        for g in taken
    ]
    return float(max(errors) / energy)

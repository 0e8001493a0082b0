"""Sums over sites and windows of a covariance over pairs of positions.

Arrays are `(parts, positions, images, positions', images')`.
"""

import math

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.dual.position_maps import Window
from dlgn_tf.dual.scratch import Scratch
from dlgn_tf.dual.terms import Term


def rows_of(array: Array) -> Array:
    """`(sites, images, channels)` -> `(sites * images, channels)`."""
    return array.reshape(-1, array.shape[-1])


def taken(array: Array, rows: Array | None, axis: int) -> Array:
    """Some rows of an axis, or what came."""
    return array if rows is None else np.take(array, rows, axis=axis)


def over_slots(product: Array, term: Term, axis: int) -> Array:
    """The sum over the sites of each position, with their weights.

    What is given may be overwritten.
    """
    scale, weights = 1.0, term.weights
    if weights is not None and np.all(weights == weights[0]):
        scale, weights = weights[0], None
    if weights is not None:
        shape = [1] * product.ndim
        shape[axis] = -1
        product *= weights.reshape(shape)
    if term.slots > 1:
        before, behind = product.shape[:axis], product.shape[axis + 1 :]
        product = product.reshape(*before, term.slots, -1, *behind)
        product = product.sum(axis=axis)
    if scale != 1.0:
        product *= scale
    return product


def window_sums(
    covariance: Array,
    window: Window,
    space: tuple[int, int],
    after: tuple[int, int],
    work: Scratch | None = None,
) -> Array:
    """Sums over the places of a window, the same one at both positions.

    `(parts, positions, images, positions', images')`, from the positions of
    `space` to those of `after`; a new array.
    """
    parts, _, rows, _, columns = covariance.shape
    work = work or Scratch()
    if window.places == 1 and space == after:
        return covariance.copy()
    between = after[0], space[1]
    steps = (space, between), (between, after)
    sums = covariance.reshape(parts, *space, rows, *space, columns)
    for axis, (_, leads_to) in enumerate(steps):
        shape = (parts, *leads_to, rows, *leads_to, columns)
        total = np.empty(shape) if axis else work.array("between", shape=shape)
        places = list(window.ranges(axis, sums.shape[axis + 1], after[axis]))
        # Those that reach everywhere come first, and need no zeros.
        whole = [
            k for k, (to, _) in enumerate(places) if to == slice(0, after[axis])
        ]
        if whole:
            _, taken = places.pop(whole[0])
            total[:] = sums[_along(axis, taken)]
        else:
            total[:] = 0
        for leaving, taken in places:
            total[_along(axis, leaving)] += sums[_along(axis, taken)]
        sums = total
    positions = math.prod(after)
    return sums.reshape(parts, positions, rows, positions, columns)


def _along(axis, part):
    """An index of a part of both positions along an axis of the space."""
    index = [slice(None)] * 7
    index[axis + 1] = index[axis + 4] = part
    return tuple(index)

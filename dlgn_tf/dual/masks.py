"""Masks: what multiplies a random base, as recipes that arrays follow from.

One recipe serves every set of images, and what several terms share is computed
once.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy import ndarray as Array


@dataclasses.dataclass(frozen=True, eq=False)
class Mask:
    """How the numbers that multiply a base follow from an image.

    Attributes:
        make: Function of the arrays of `sources`, each `(sites, images,
            channels)`, to such an array; without sources, of what is known of
            the images, a dict of such arrays by name. Sides of length 1
            broadcast.
        sources: Tuple of `Mask`.
        hard: Boolean. Whether all numbers are 0 or 1.
    """

    make: Callable
    sources: tuple["Mask", ...] = ()
    hard: bool = False

    def of(self, leaves: dict, known: dict) -> Array:
        """The array, of `known` ones by their masks where it is there."""
        if self not in known:
            given = [x.of(leaves, known) for x in self.sources]
            known[self] = self.make(*(given or (leaves,)))
        return known[self]


def leaf(name: str, hard: bool) -> Mask:
    """The array of this name."""
    return Mask(lambda leaves: leaves[name], hard=hard)


def constant(array: Array) -> Mask:
    """An array `([sites,] channels)`, the same for all images."""
    values = np.asarray(array, "float64")
    values = values.reshape(-1, 1, values.shape[-1])
    return Mask(lambda _: values)


def times(first: Mask | None, second: Mask) -> Mask:
    """The product, where None is 1."""
    if first is None:
        return second
    hard = first.hard and second.hard
    return Mask(np.multiply, (first, second), hard)


def plus(first: Mask, second: Mask) -> Mask:
    """The sum."""
    return Mask(np.add, (first, second))


def at(mask: Mask | None, sites: Array) -> Mask | None:
    """The mask at other sites, given by their indices."""

    def make(array):
        return array if len(array) == 1 else array[sites]

    return None if mask is None else Mask(make, (mask,), mask.hard)


def of_channels(mask: Mask | None, function: Callable) -> Mask | None:
    """A mask of which a function `(..., channels)` makes other channels."""
    return None if mask is None else Mask(function, (mask,), mask.hard)


@dataclasses.dataclass(frozen=True)
class PositionMap:
    """A linear map of positions, the same for all channels.

    Attributes:
        index: Integers `(slots, positions)`, which positions each is made of.
        weights: float64 of the same shape, 0 where there is none.
        space: Tuple `(height, width)` that it leads to.
    """

    index: Array
    weights: Array
    space: tuple[int, int]


def summed(
    mask: Mask, by: PositionMap, positions: int, chosen: Mask | None
) -> Mask:
    """A mask at other positions than these, made of sums over sites.

    What is summed is multiplied by `chosen` where that is there.
    """

    def make(array, *of_sites):
        if len(array) == 1:
            array = np.broadcast_to(array, (positions, *array.shape[1:]))
        made = array[by.index.reshape(-1)] * by.weights.reshape(-1, 1, 1)
        for other in of_sites:
            made = made * other
        return made.reshape(*by.index.shape, *made.shape[1:]).sum(axis=0)

    return Mask(make, (mask,) if chosen is None else (mask, chosen))

"""Nested receptive fields: which regions there are, and which lie in which.

Levels are counted from the leaves, level 0, to the region that is the whole
input. (Tian's paper, arXiv 1809.10829, counts from the top.)
"""

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from dlgn_tf.errors import UserError


@dataclasses.dataclass(frozen=True)
class ReceptiveFields:
    """Regions by level, each with as many children as the others of its level.

    Example, four pairs of neighbours, three overlapping windows of two pairs,
    all of it:

    >>> fields = ReceptiveFields.windows(8, [(2, 2), (2, 1), (3, 1)])
    >>> fields.regions
    (8, 4, 3, 1)
    >>> fields.leaves_of(2, 1)
    (2, 3, 4, 5)

    Attributes:
        leaves: How many pixels (or groups of pixels) there are.
        children: One integer array `(regions, children)` for each level above
            the leaves: positions in the level below.
    """

    leaves: int
    children: tuple[np.ndarray, ...]

    @classmethod
    def windows(
        cls, leaves: int, windows: Sequence[tuple[int, int]]
    ) -> "ReceptiveFields":
        """Windows `(window, stride)` along a line of leaves, a level each.

        Raises:
            UserError: if a window does not fit, leaves something out, or the
                last level is not a single region.
        """
        children, below = [], leaves
        for window, stride in windows:
            places = below - window
            if not 1 <= stride <= window or places < 0 or places % stride:
                raise UserError(
                    "Expected windows that cover the level below, window >= "
                    f"stride >= 1. Received: window={window}, stride={stride} "
                    f"over {below} regions"
                )
            starts = np.arange(0, places + 1, stride)
            children.append(starts[:, None] + np.arange(window))
            below = len(starts)
        if below != 1:
            raise UserError(
                "Expected windows whose last level is the whole input. "
                f"Received: windows={list(windows)}, which end in {below} "
                "regions"
            )
        return cls(leaves, tuple(children))

    @classmethod
    def tree(cls, depth: int) -> "ReceptiveFields":
        """Disjoint windows of two: `2 ** depth` leaves."""
        return cls.windows(2**depth, [(2, 2)] * depth)

    @property
    def depth(self) -> int:
        """Number of levels above the leaves."""
        return len(self.children)

    @property
    def regions(self) -> tuple[int, ...]:
        """How many regions each level has, leaves first."""
        return (self.leaves, *(len(level) for level in self.children))

    def leaves_of(self, level: int, region: int) -> tuple[int, ...]:
        """The leaves in a region, in order, as a tuple."""
        if level == 0:
            return (region,)
        below = self.children[level - 1][region]
        return tuple(
            sorted({x for b in below for x in self.leaves_of(level - 1, b)})
        )

    def edges(self, level: int) -> Iterator:
        """`(region, place, child)` of every edge down from a level >= 1.

        `place` is the child's place within the region's window.
        """
        for region, row in enumerate(self.children[level - 1]):
            for place, child in enumerate(row):
                yield region, place, int(child)

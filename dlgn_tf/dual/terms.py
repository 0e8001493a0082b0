"""Tensors of a value network with random weights, for given gates.

Weights are independent of one another with mean 0. What a weight layer puts out
is then a *base*: its channels are uncorrelated, and all have one covariance
over pairs of positions, that of two images. Bases of different layers are
uncorrelated too. Whatever stands between two weight layers (gates, batch
normalisation, pooling, padding, skips, concatenation) is linear and leaves
channels by themselves, so that every tensor of the network is a sum of terms

    h_c[p] = sum over j of weight[j, p] mask_c[j, p] base_c[row[j, p]],

in which masks depend on images and bases do not but for their covariance. That
of the tensor, summed over channels, needs only inner products of masks: a Gram
matrix for a term. Its number of terms does not grow where streams are added
that carry the same masks (ResNet v2); it grows by one a block where a gated
stream goes on through a skip (v1), and by the window in a depthwise
convolution.

What does not depend on weights, such as the image and biases, is a mask of the
base `CONSTANT`, which is 1.

Source: the DLGN paper (arXiv 2110.03403), section 2 and appendices A and B, for
chains and fully connected blocks; the covariance of a sum of paths is the sum
over paths that share all their weights.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.dual.masks import (
    Mask,
    PositionMap,
    at,
    constant,
    of_channels,
    plus,
    summed,
    times,
)

CONSTANT = 0


@dataclasses.dataclass(frozen=True, eq=False)
class Term:
    """A term of a sum, see above, over some channels of the tensor.

    Attributes:
        bases: Tuple of integers, the ids of the bases whose sum it takes, from
            the first on.
        first: Integer, the tensor's channel that the bases' first one is, or
            that of its signs; of `CONSTANT` without signs it says nothing.
        channels: Pair of integers, from which channel of the tensor to which.
        mask: `Mask` over sites, or None: 1.
        slots: Integer, how many sites a position has. Site j of position p has
            index j * positions + p.
        rows: Integers `(sites,)`, the base's position for each, or None: its
            own. Of `CONSTANT` there is one site a position, and no row.
        weights: float64 `(sites,)`, 0 where there is no row, or None: 1.
        signs: Tuple of what tells the random channel scales apart by which it
            is multiplied, such as those of a place in a depthwise window; and
            for which of its channels `first` was when it was.
        factor: Float, the product of their variances.
        inverses: Float, the sum of 1 / variance of them.
    """

    bases: tuple[int, ...]
    first: int
    channels: tuple[int, int]
    mask: Mask | None = None
    slots: int = 1
    rows: Array | None = None
    weights: Array | None = None
    signs: tuple = ()
    factor: float = 1.0
    inverses: float = 0.0

    @property
    def fixed(self) -> bool:
        """Whether its mask says all but for random scales."""
        return self.bases == (CONSTANT,)

    @property
    def lies(self) -> int | None:
        """What `first` says, None where it says nothing."""
        return self.first if self.signs or not self.fixed else None

    @property
    def key(self) -> tuple:
        """Terms of one key differ in their bases alone."""
        arrays = map(id, (self.mask, self.rows, self.weights))
        return (self.first, self.channels, *arrays, self.slots, self.signs)


@dataclasses.dataclass(frozen=True, eq=False)
class Stream:
    """A tensor of the network.

    Attributes:
        terms: Tuple of `Term`.
        space: Tuple `(height, width)` of its positions.
        channels: Integer.
        flat: Boolean. Whether it has been flattened, so that each channel at
            each position is a unit of its own.
    """

    terms: tuple[Term, ...]
    space: tuple[int, int]
    channels: int
    flat: bool = False

    @property
    def positions(self) -> int:
        return self.space[0] * self.space[1]

    @property
    def random(self) -> bool:
        """Whether it depends on weights."""
        return any(x.lies is not None for x in self.terms)

    def masked(self, mask: Mask) -> "Stream":
        """Each channel at each position times a mask of all of them.

        Its sites are the positions, or one for all.
        """
        parts: dict = {}

        def of(term):
            key = term.channels, term.slots
            if key not in parts:
                low, high = term.channels
                part = of_channels(mask, lambda x: x[..., low:high])
                if term.slots > 1:
                    part = at(
                        part, np.tile(np.arange(self.positions), term.slots)
                    )
                parts[key] = part
            return dataclasses.replace(term, mask=times(term.mask, parts[key]))

        return self._of(map(of, self.terms))

    def moved(self, by: PositionMap, chosen: Mask | None = None) -> "Stream":
        """Other positions, made of these.

        Args:
            by: How.
            chosen: `Mask` by which each of its sites is multiplied for each
                channel, index j * positions + p for site j of position p.
        """
        made: dict = {}

        def of(term):
            if term.fixed:
                mask = summed(term.mask, by, self.positions, chosen)
                return dataclasses.replace(term, mask=mask)
            key = term.key
            if key not in made:
                made[key] = self._sites(term, by, chosen)
            return dataclasses.replace(term, **made[key])

        return dataclasses.replace(
            self, terms=tuple(map(of, self.terms)), space=by.space
        )

    def _sites(self, term, by, chosen):
        """What changes of a term that is moved."""
        slots, positions = by.index.shape
        first = np.arange(term.slots)[:, None, None] * self.positions
        sites = (first + by.index).reshape(-1)
        weights = np.tile(by.weights.reshape(-1), term.slots)
        if term.weights is not None:
            weights = weights * term.weights[sites]
        mask = at(term.mask, sites)
        if chosen is not None:
            again = np.tile(np.arange(slots * positions), term.slots)
            part = of_channels(chosen, lambda x: x[..., slice(*term.channels)])
            mask = times(mask, at(part, again))
        return {
            "mask": mask,
            "rows": sites if term.rows is None else term.rows[sites],
            "weights": None if np.all(weights == 1) else weights,
            "slots": term.slots * slots,
        }

    def widened(self, first: int, channels: int) -> "Stream":
        """With channels of zeros before and behind, so many in all.

        Terms of `CONSTANT` cover them all, so that they meet in sums.
        """

        def of(term):
            low, high = (x + first for x in term.channels)
            mask = term.mask
            if term.fixed:
                behind = channels - first - self.channels
                pads = ((0, 0), (0, 0), (first, behind))
                mask = of_channels(mask, lambda x: np.pad(x, pads))
                low, high = 0, channels
            return dataclasses.replace(
                term, first=term.first + first, channels=(low, high), mask=mask
            )

        if channels == self.channels:
            return self
        return dataclasses.replace(
            self, terms=tuple(map(of, self.terms)), channels=channels
        )

    def part(self, low: int, high: int) -> "Stream":
        """Some of the channels, those of a group."""

        def of(term):
            first, last = term.channels
            start, stop = max(first, low), min(last, high)
            mask = of_channels(
                term.mask, lambda x: x[..., start - first : stop - first]
            )
            return dataclasses.replace(
                term,
                first=term.first - low,
                channels=(start - low, stop - low),
                mask=mask,
            )

        if (low, high) == (0, self.channels):
            return self
        return dataclasses.replace(
            self,
            terms=tuple(
                of(x)
                for x in self.terms
                if x.channels[0] < high and x.channels[1] > low
            ),
            channels=high - low,
        )

    def repeated(self, times_each: int) -> "Stream":
        """Each channel so many times in a row."""

        def of(term):
            return dataclasses.replace(
                term,
                first=term.first * times_each,
                channels=tuple(x * times_each for x in term.channels),
                mask=of_channels(
                    term.mask, lambda x: np.repeat(x, times_each, axis=-1)
                ),
            )

        if times_each == 1:
            return self
        return dataclasses.replace(
            self,
            terms=tuple(map(of, self.terms)),
            channels=self.channels * times_each,
        )

    def signed(self, sign: tuple, variance: float) -> "Stream":
        """Times a random number for each channel, of this variance."""
        return self._of(
            dataclasses.replace(
                x,
                first=x.lies or 0,
                signs=(*x.signs, (*sign, x.lies)),
                factor=x.factor * variance,
                inverses=x.inverses + 1 / variance,
            )
            for x in self.terms
        )

    def shifted(self, shift: Array) -> "Stream":
        """Plus a constant for each channel."""
        term = Term((CONSTANT,), 0, (0, self.channels), constant(shift))
        return added([self, dataclasses.replace(self, terms=(term,))])

    def _of(self, terms):
        return dataclasses.replace(self, terms=tuple(terms))


def added(streams: Sequence[Stream]) -> Stream:
    """The sum of streams of one shape.

    Terms of one key become one, of the bases of both; of `CONSTANT`, whose
    masks say all, one of the sum of both masks.
    """
    merged: dict[Any, Any] = {}
    for term in (x for stream in streams for x in stream.terms):
        key = term.key
        if term.fixed:
            key = CONSTANT, term.signs, term.lies
        other = merged.get(key)
        if other is None:
            merged[key] = term
        elif term.fixed:
            both: Any = other.mask, term.mask
            merged[key] = dataclasses.replace(term, mask=plus(*both))
        elif set(other.bases) & set(term.bases):
            # Twice the same base: two terms, which have a covariance.
            merged[object()] = term
        else:
            bases = tuple(sorted(other.bases + term.bases))
            merged[key] = dataclasses.replace(term, bases=bases)
    return dataclasses.replace(streams[0], terms=tuple(merged.values()))


def concatenated(streams: Sequence[Stream]) -> Stream:
    """Channels of several streams, one after the other."""
    channels = sum(x.channels for x in streams)
    first, wide = 0, []
    for stream in streams:
        wide.append(stream.widened(first, channels))
        first += stream.channels
    return added(wide)


@dataclasses.dataclass(frozen=True, eq=False)
class Pair:
    """Two terms of a stream whose product has a mean other than 0.

    Attributes:
        bases: Tuple of the integers that both have.
    """

    left: Term
    right: Term
    bases: tuple[int, ...]

    @property
    def moves(self) -> bool:
        """Whether a covariance is taken at other positions than its own."""
        return self.left.rows is not None or self.right.rows is not None


def pairs(stream: Stream) -> tuple[Pair, ...]:
    """Those of all terms: of each with itself, and with what has its bases."""
    return tuple(_pairs(stream.terms))


def _pairs(terms: Sequence[Term]) -> Iterable[Pair]:
    for left in terms:
        for right in terms:
            bases = set(left.bases) & set(right.bases)
            alike = left.channels == right.channels
            alike = alike and left.lies == right.lies
            if bases and alike and left.signs == right.signs:
                yield Pair(left, right, tuple(sorted(bases)))

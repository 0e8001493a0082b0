"""One layer after another: which affine maps their units choose from.

A maximum of maxima is one, and so are a sum of maxima and what grows with each
of them: they choose from all combinations. A map that falls where a maximum
rises is none of these.

Source: the SMASO paper (arXiv 1810.09274), Theorem 1; what max-affine maps are
closed under is that of convex functions.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy import ndarray as Array
from scipy import sparse

from dlgn_tf.errors import UserError

# Of float64 numbers in the affine maps of one operator: 512 MiB.
MOST_NUMBERS = 2**26


@dataclasses.dataclass(frozen=True)
class Maps:
    """The affine maps that each unit of a layer chooses from.

    Attributes:
        slopes: Sparse array `(units * regions, inputs)`.
        offsets: Array `(units, regions)`, -inf where there is no region.
        beta: Float or array `(units,)` in [0, 1], how hard the choice is.
        log_counts: As of `MASO`.
        entropy: As of `MASO`.
    """

    slopes: sparse.csr_array
    offsets: np.ndarray
    beta: float | np.ndarray = 1.0
    log_counts: float | np.ndarray = 0.0
    entropy: str = "shannon"

    def __call__(self, x: Array) -> Array:
        """The largest, of points `(n, inputs)`: `(n, units)`."""
        products = (self.slopes @ x.T).T.reshape(-1, *self.offsets.shape)
        return (products + self.offsets).max(axis=-1)

    def after_affine(self, matrix: Array, shift: Array) -> "Maps":
        """The maps on matrix x + shift."""
        offsets = (self.slopes @ shift).reshape(self.offsets.shape)
        return dataclasses.replace(
            self, slopes=self.slopes @ matrix, offsets=self.offsets + offsets
        )


def compose(outer: Maps, inner: Any) -> tuple:
    """What units choose from that look at the units of another `MASO`.

    Returns:
        Slopes `(units, regions, inputs)`, offsets `(units, regions)`, beta,
        log_counts and entropy, of which a `MASO` is made.

    Raises:
        ValueError: if the other has not as many units as these have inputs.
        UserError: if the outcome is not the largest of affine maps, or of so
            many that they do not fit into memory.
    """
    if outer.slopes.shape[1] != inner.units:
        raise ValueError(
            f"Expected {outer.slopes.shape[1]} units. Received: {inner.units}"
        )
    if inner.regions == 1:
        composed = outer.after_affine(inner.slopes[:, 0], inner.offsets[:, 0])
        shape = (*outer.offsets.shape, inner.inputs)
        log_counts = composed.log_counts
        if np.all(np.equal(outer.beta, 1)):
            log_counts = log_counts + _summed(outer, _of_regions(inner)[:, 0])
        return (
            composed.slopes.reshape(shape),
            composed.offsets,
            outer.beta,
            log_counts,
            outer.entropy,
        )
    if np.any(np.less(inner.beta, 1)):
        return _picked(outer, inner)
    if np.any(np.less(outer.beta, 1)):
        raise UserError(
            "Expected a soft choice between affine maps. Received: one between "
            "maxima"
        )
    slopes, offsets, log_counts = _expanded(outer, inner)
    return slopes, offsets, 1.0, log_counts, "shannon"


def stacked(operators: Sequence[Any]) -> tuple:
    """The units of several `MASO`s on the same inputs, as of `compose`."""
    regions = max(operator.regions for operator in operators)
    slopes = [_padded(x.slopes, regions, 0.0) for x in operators]
    offsets = [_padded(x.offsets, regions, -np.inf) for x in operators]
    beta = [np.broadcast_to(x.beta, x.units) for x in operators]
    counts = [_padded(_of_regions(x), regions, 0.0) for x in operators]
    arrays = map(np.concatenate, (slopes, offsets, beta, counts))
    return (*arrays, _common_entropy(operators))


def _common_entropy(operators):
    """Of all soft choices; Shannon's where there are none."""
    soft = {x.entropy for x in operators if np.any(np.less(x.beta, 1))}
    if len(soft) > 1:
        raise UserError(
            "Expected soft choices of one entropy. Received: "
            f"{', '.join(sorted(soft))}"
        )
    return soft.pop() if soft else "shannon"


def _of_regions(operator):
    """The log_counts of `Maps` or of a `MASO` as an array."""
    return np.broadcast_to(operator.log_counts, operator.offsets.shape)


def _padded(array, regions, value):
    missing = [(0, 0)] * array.ndim
    missing[1] = 0, regions - array.shape[1]
    return np.pad(array, missing, constant_values=value)


def _picked(outer, inner):
    """Soft choices that are passed on, shifted at most, or left out."""
    picked = outer.slopes
    if (
        outer.offsets.shape[1] > 1
        or np.any(np.diff(picked.indptr) > 1)
        or np.any(picked.data != 1)
    ):
        raise UserError(
            "Expected after a soft choice what passes its outputs on, such as "
            "Flatten. Received: what makes no soft choice of it"
        )
    dense = picked.toarray()
    # Where there is nothing to pass on there is one map, 0.
    offsets = np.full((len(dense), inner.regions), -np.inf)
    offsets[:, 0] = 0
    units, sources = picked.nonzero()
    offsets[units] = inner.offsets[sources]
    slopes = np.tensordot(dense, inner.slopes, 1)
    beta = np.ones(len(dense))
    beta[units] = np.broadcast_to(inner.beta, inner.units)[sources]
    log_counts = np.zeros(offsets.shape)
    log_counts[units] = _of_regions(inner)[sources]
    return slopes, offsets + outer.offsets, beta, log_counts, inner.entropy


def _summed(outer, of_units):
    """Sums over the units that each map looks at, `(units, regions)`."""
    log_counts = outer.slopes.astype(bool) @ of_units
    return log_counts.reshape(outer.offsets.shape)


def _expanded(outer, inner):
    """Slopes, offsets and log_counts of all combinations of regions."""
    # Offsets are slopes of a further input, 1.
    maps = np.concatenate([inner.slopes, inner.offsets[..., None]], axis=-1)
    there = np.isfinite(inner.offsets)
    counts = there.sum(axis=1)
    several = counts > 1
    _check_numbers(outer, counts, inner.inputs)
    only = np.arange(inner.units), np.argmax(there, axis=1)
    single, single_counts = maps[only], _of_regions(inner)[only]
    affine = outer.slopes @ np.where(several[:, None], 0, single)
    affine[:, -1] += np.ravel(outer.offsets)
    counts = _of_regions(outer) + _summed(
        outer, np.where(several, 0, single_counts)
    )
    choices = [
        (maps[unit, there[unit]], _of_regions(inner)[unit, there[unit]])
        for unit in range(inner.units)
    ]
    units = np.arange(len(affine)).reshape(outer.offsets.shape)
    expanded = []
    for rows in units:
        of_regions = [
            _combined(
                (affine[[row]], np.ravel(counts)[[row]]),
                outer.slopes[[row]],
                several,
                choices,
            )
            for row in rows
            if affine[row, -1] > -np.inf
        ]
        expanded.append(
            _distinct(*map(np.concatenate, zip(*of_regions, strict=True)))
        )
    regions = max(len(of_unit) for of_unit, _ in expanded)
    slopes = np.zeros((len(expanded), regions, inner.inputs))
    offsets = np.full((len(expanded), regions), -np.inf)
    log_counts = np.zeros(offsets.shape)
    for unit, (of_unit, counts_of_unit) in enumerate(expanded):
        slopes[unit, : len(of_unit)] = of_unit[:, :-1]
        offsets[unit, : len(of_unit)] = of_unit[:, -1]
        log_counts[unit, : len(of_unit)] = counts_of_unit
    return slopes, offsets, log_counts


def _combined(combined, row, several, choices):
    """The maps of one region: a sum over units, each of its own maps.

    Args:
        combined: Pair of arrays, the map that is added to and its log_counts.
        row: Sparse array `(1, units)`, the factors.
        several: Boolean array `(units,)`, which units have several maps.
        choices: Pairs as `combined`, of each unit.
    """
    for unit, factor in zip(row.indices, row.data, strict=True):
        if not several[unit] or factor == 0:
            continue
        if factor < 0:
            raise UserError(
                "Expected after a nonlinearity what rises with it, such as "
                "pooling, a skip, a ReLU, or weights >= 0. Received: a weight "
                f"of {factor:.3g}, with which it is no largest of affine maps"
            )
        maps, log_counts = choices[unit]
        combined = _distinct(
            np.vstack(combined[0][:, None] + factor * maps),
            np.ravel(combined[1][:, None] + log_counts),
        )
    return combined


def _distinct(maps, log_counts):
    """Each map once, in the order of where it comes first, and its count."""
    known = {}
    # Adding 0 makes -0 and 0 the same.
    labels = [known.setdefault(x.tobytes(), len(known)) for x in maps + 0.0]
    total = np.full(len(known), -np.inf)
    np.logaddexp.at(total, labels, log_counts)
    return maps[np.unique(labels, return_index=True)[1]], total


def _check_numbers(outer, counts, inputs):
    """Refuses more combinations of regions than fit into memory."""
    chosen = outer.slopes.astype(bool)
    # Logarithms: 81 ReLUs added have 2^81 regions.
    of_rows = np.exp2(chosen @ np.log2(counts)).reshape(outer.offsets.shape)
    regions = np.sum(of_rows * np.isfinite(outer.offsets), axis=1).max()
    numbers = len(outer.offsets) * regions * (inputs + 1)
    if numbers > MOST_NUMBERS:
        raise UserError(
            f"Expected affine maps of at most {MOST_NUMBERS:,} numbers, as of "
            f"smaller images. Received: {numbers:.2g} numbers, {regions:.2g} "
            "regions a unit"
        )

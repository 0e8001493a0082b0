"""Which units of a gate site, at which positions; and of several sites."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.errors import UserError
from dlgn_tf.inspection.sites import check_site


@dataclasses.dataclass(frozen=True, eq=False)
class Units:
    """Units of a site, one per row.

    Attributes:
        positions: Integer array `(rows, 2)`, or `(rows, 0)` at a dense site.
        channels: Integer array `(rows,)`.
        indices: Integer array `(rows,)`, where they lie in the flattened site.
    """

    positions: np.ndarray
    channels: np.ndarray
    indices: np.ndarray

    def __len__(self):
        return len(self.indices)

    @classmethod
    def of(cls, site_map, positions=None, channels=None):
        """All chosen channels at the first position, then at the next.

        Positions are `"center"`, a sequence of pairs, or None for all.

        Raises:
            UserError: if there is no such position or channel.
        """
        *sides, count = site_map.shape
        places = places_of(site_map.site, sides, positions)
        units = np.arange(count)
        if channels is not None:
            name = f"channels of {site_map.site}"
            units = within(name, channels, (count,)).reshape(-1)
        return cls(
            np.repeat(places, len(units), axis=0),
            np.tile(units, len(places)),
            (_flat(places, sides)[:, None] * count + units).reshape(-1),
        )

    @classmethod
    def listed(cls, site_map, units):
        """Units that are named one by one, by indices into the site.

        Raises:
            UserError: if there is no such unit.
        """
        shape = site_map.shape
        rows = within(f"units of {site_map.site}", units, shape)
        return cls(rows[:, :-1], rows[:, -1], _flat(rows, shape))


def by_site(units: Sequence[tuple]) -> dict[str, list[int]]:
    """Indices of the units of each site, of pairs of a site and a unit."""
    rows: dict[str, list[int]] = {}
    for k, (site, _) in enumerate(units):
        rows.setdefault(site, []).append(k)
    return rows


def least(values: dict[str, Array], count: int) -> list[tuple]:
    """The units of the least values, at most `count`; finite ones alone.

    Args:
        values: Dict from site to array of its shape.
        count: Integer >= 0.

    Returns:
        List of pairs of a site and a unit, a tuple of integers.
    """
    flat = np.concatenate([each.ravel() for each in values.values()])
    ends = np.cumsum([each.size for each in values.values()])
    sites, units = list(values), []
    for k in np.argsort(flat, kind="stable")[:count]:
        if not np.isfinite(flat[k]):
            break
        index = int(np.searchsorted(ends, k, side="right"))
        site = sites[index]
        start = ends[index] - values[site].size
        place = np.unravel_index(k - start, values[site].shape)
        units.append((site, tuple(map(int, place))))
    return units


def strongest(values: Array, count: int) -> list[tuple]:
    """The units of the largest absolute values, at most `count`.

    Args:
        values: Array of the shape of a site.
        count: Integer >= 0.

    Returns:
        List of tuples of integers, indices into `values`.
    """
    return [unit for _, unit in least({"": -np.abs(values)}, count)]


def places_of(site, sides, positions):
    """Positions of a site as an integer array `(places, axes)`.

    Args:
        site: Name of the site.
        sides: Its height and width, nothing of a dense site.
        positions: `"center"`, a sequence of pairs, or None for all.

    Raises:
        UserError: if there is no such position.
    """
    if not sides:
        if positions is not None:
            raise UserError(
                f"Expected no positions at the dense site {site}. Received: "
                f"positions={positions}"
            )
        return np.zeros((1, 0), int)
    if isinstance(positions, str) and positions == "center":
        return np.array([[side // 2 for side in sides]])
    if positions is None:
        return np.stack(np.indices(sides), -1).reshape(-1, len(sides))
    return within(f"positions of {site}", positions, sides)


def within(what, chosen, sides):
    """Indices as an integer array `(chosen, axes)`, all of them inside.

    Args:
        what: String that names them.
        chosen: Sequence of integers, or of tuples of integers.
        sides: Lengths of the axes.

    Raises:
        UserError: if there is none, or one that is not inside.
    """
    try:
        rows = np.array(list(chosen))
    except (TypeError, ValueError):
        rows = np.array([])
    if rows.ndim == len(sides) == 1:
        rows = rows[:, None]
    inside = rows.dtype.kind in "iu" and rows.shape[1:] == (len(sides),)
    if inside and rows.size and (rows >= 0).all() and (rows < sides).all():
        return rows.astype(int)
    limits = " x ".join(f"0..{side - 1}" for side in sides)
    raise UserError(f"Expected {what} within {limits}. Received: {chosen}")


def _flat(places, sides):
    """Index of each position in the flattened site without its channels."""
    strides = [math.prod(sides[axis + 1 :]) for axis in range(len(sides))]
    return places @ np.array(strides, int)


def check_units(units, shapes):
    """Raises a `UserError` unless each unit is one of its site.

    Args:
        units: Pairs of a site and a tuple of integers.
        shapes: Dict from a site to its shape.
    """
    for site, unit in units:
        check_site(site, shapes)
        within(f"units of {site}", [unit], shapes[site])

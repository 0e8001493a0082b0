"""The partition of a unit or a layer as a power diagram of centroids.

Source: the SMASO paper (arXiv 1810.09274), Proposition 1 (k-means, where all
radii are equal) and Corollary 2.
"""

import dataclasses

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.splines.maso import MASO


def kmeans_offsets(centroids: Array) -> Array:
    """The offsets -|A_r|^2 / 2 with which cells are those of k-means."""
    return -np.sum(np.square(centroids), axis=-1) / 2


@dataclasses.dataclass(frozen=True)
class PowerDiagram:
    """Cells of the points to which a centroid is nearest, radius considered.

    The cell of x is argmin_r |x - centroid_r|^2 - radius_r, where radius_r is
    squared and may be negative. Equal radii make a Voronoi diagram. Centroids
    are an array `(cells, inputs)`, radii `(cells,)`.
    """

    centroids: np.ndarray
    squared_radii: np.ndarray

    @classmethod
    def of_unit(cls, maso: MASO, unit: int) -> "PowerDiagram":
        """Of a unit: centroids A_r, squared radii |A_r|^2 + 2 B_r."""
        return cls.of_scores(maso.slopes[unit], maso.offsets[unit])

    @classmethod
    def of_scores(cls, slopes: Array, offsets: Array) -> "PowerDiagram":
        """Of what the affine maps `<slope, x> + offset` tell apart."""
        return cls(slopes, np.sum(slopes**2, axis=-1) + 2 * offsets)

    def cell(self, x: Array) -> Array:
        """The cell of each point, integers `(points,)`."""
        x = np.asarray(x, "float64")
        distances = np.sum((x[:, None] - self.centroids) ** 2, axis=-1)
        return np.argmin(distances - self.squared_radii, axis=-1)


def layer_diagram(maso: MASO, configurations: Array) -> PowerDiagram:
    """The power diagram of a whole layer.

    A cell is that of a configuration `(units,)`, one region a unit, see
    `factorial.configurations`; not every one of them need contain a point.
    """
    units = np.arange(maso.units)
    # Unit by unit: all slopes at once would be units times as much.
    slopes = sum(maso.slopes[k, configurations[:, k]] for k in units)
    offsets = maso.offsets[units, configurations].sum(axis=1)
    return PowerDiagram.of_scores(slopes, offsets)

"""The half-spaces of trained gates beside those of known trees.

Hyperplanes are unit normals without a sign: angles are in [0, 90] degrees.
"""

import typing

import numpy as np

from dlgn_tf.tabular import networks
from dlgn_tf.tabular.networks import Form, Weights
from dlgn_tf.tabular.trees.data import unit


class HalfSpaces(typing.NamedTuple):
    """One half-space for each gate: `normals . x + offsets > 0`.

    Attributes:
        normals: float64 array `(units, inputs)`, not scaled.
        offsets: Array `(units,)`.
        layers: Integer array `(units,)`, the layer of each, from 0.
    """

    normals: np.ndarray
    offsets: np.ndarray
    layers: np.ndarray

    def standardized(self, mean: np.ndarray, std: np.ndarray) -> "HalfSpaces":
        """The same half-spaces of columns less `mean`, divided by `std`."""
        return self._replace(
            normals=self.normals * std,
            offsets=self.offsets + self.normals @ mean,
        )


def half_spaces(form: Form, weights: Weights) -> HalfSpaces:
    """The half-spaces of all gates, of the vectors that enter a network.

    Raises:
        UserError: for a family whose gates are no half-spaces.
    """
    gating = [
        tuple(np.asarray(a, "float64") for a in layer)
        for layer in weights.gating
    ]
    kernels, *biases = zip(*networks.half_space_maps(form, gating), strict=True)
    normals = np.concatenate([np.asarray(k).T for k in kernels])
    offsets = (
        np.concatenate([np.asarray(b) for b in biases[0]])
        if biases
        else np.zeros(len(normals))
    )
    layers = np.repeat(np.arange(len(form.widths)), form.widths)
    return HalfSpaces(normals, offsets, layers)


def angles(normals: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Angles in degrees between hyperplanes, `(normals, others)`."""
    cosines = np.abs(unit(normals) @ unit(others).T)
    return np.degrees(np.arccos(np.clip(cosines, 0, 1)))


def nearest_angles(true: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Of each true hyperplane the angle to the nearest one, `(true,)`."""
    return angles(true, normals).min(axis=1)


def shares_near(
    true: np.ndarray, spaces: HalfSpaces, threshold: float = 0.3
) -> np.ndarray:
    """Share of each layer's hyperplanes that are near a true one.

    The papers' measure of attraction.

    Args:
        true: Array `(nodes, inputs)` of normals.
        spaces: `HalfSpaces`.
        threshold: Float > 0, Euclidean distance of unit normals, of the sign
            that is nearer.

    Returns:
        Array `(layers,)` in [0, 1].
    """
    nearest = np.radians(angles(true, spaces.normals).min(axis=0))
    near = 2 * np.sin(nearest / 2) < threshold
    counts = np.bincount(spaces.layers)
    return np.bincount(spaces.layers, near) / counts


class Cluster(typing.NamedTuple):
    """Half-spaces that nearly share a hyperplane.

    Attributes:
        normal: Array `(inputs,)` of unit length, their mean.
        offset: Float: the hyperplane is `normal . x + offset = 0`.
        members: Integers, which half-spaces they are.
    """

    normal: np.ndarray
    offset: float
    members: np.ndarray


def clusters(spaces: HalfSpaces, threshold: float = 0.3) -> list[Cluster]:
    """Half-spaces by the hyperplanes that they share, the largest first.

    Hyperplanes are compared as unit normals with their offset beside it, sides
    ignored, and joined while the mean distance of two groups is below the
    papers' threshold, so that no group is a chain of others.

    Args:
        spaces: `HalfSpaces`.
        threshold: Float > 0, Euclidean distance.
    """
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import cdist, squareform

    lengths = np.linalg.norm(spaces.normals, axis=1, keepdims=True)
    planes = np.column_stack([spaces.normals, spaces.offsets])
    planes = planes / np.where(lengths == 0, 1, lengths)
    if len(planes) < 2:
        groups = np.zeros(len(planes), int)
    else:
        apart = np.minimum(cdist(planes, planes), cdist(planes, -planes))
        pairs = squareform(apart, checks=False)
        joined = hierarchy.linkage(pairs, "average")
        groups = hierarchy.fcluster(joined, threshold, "distance")
    found = []
    for group in np.unique(groups):
        members = np.flatnonzero(groups == group)
        sides = np.sign(planes[members] @ planes[members[0]])
        mean = (sides[:, None] * planes[members]).mean(axis=0)
        mean /= np.linalg.norm(mean[:-1]) or 1.0
        found.append(Cluster(mean[:-1], float(mean[-1]), members))
    return sorted(found, key=lambda cluster: -len(cluster.members))

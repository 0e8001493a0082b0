"""How weights grow along the eigenvectors of the covariance they end with.

Source: arXiv 2305.18512, the last figure.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.rainbow.covariance import covariance
from dlgn_tf.rainbow.spectra import eigen

# Least share of the first eigenvalue that counts.
_LEAST = 1e-6


@dataclasses.dataclass(frozen=True)
class Dynamics:
    """A layer over training, along the eigenvectors e_r of its end.

    Attributes:
        amplification: float64 array `(snapshots, directions)`, |W(t) e_r| /
            |W(0) e_r|.
        cosine: float64 array of the same shape, of W(t) e_r and W(0) e_r.
        eigenvalues: float64 array `(directions,)`, of the final covariance.
    """

    amplification: np.ndarray
    cosine: np.ndarray
    eigenvalues: np.ndarray


def along_eigenvectors(snapshots: Sequence[Array]) -> Dynamics:
    """Amplification and cosine along the final eigenvectors.

    Snapshots are weights `(neurons, dimension)`, the first at initialisation,
    the last at the end. Directions whose eigenvalue is about zero are left out:
    where a layer has fewer neurons than dimensions, nothing can be said there.
    So are those along which the first weights are zero, which have nothing to
    grow from. The cosine of weights that are zero in between is 0.
    """
    snapshots = [np.asarray(w, np.float64) for w in snapshots]
    final = snapshots[-1]
    values, vectors = eigen(covariance([final]))
    kept = values > _LEAST * values[0]
    kept &= (snapshots[0] @ vectors).any(axis=0)
    along = np.stack([w @ vectors[:, kept] for w in snapshots])
    sizes = np.linalg.norm(along, axis=1)
    inner = np.einsum("tnr,nr->tr", along, along[0])
    products = sizes * sizes[0]
    cosine = np.divide(
        inner, products, out=np.zeros_like(inner), where=products > 0
    )
    return Dynamics(sizes / sizes[0], cosine, values[kept])

"""Orthogonal alignment of one representation of data with another."""

import dataclasses
import math
import typing

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf import factorizations

if typing.TYPE_CHECKING:
    from dlgn_tf.rainbow.moments import JointMoments


@dataclasses.dataclass(frozen=True)
class Alignment:
    """The orthogonal map from a network's own basis to a reference basis.

    Its float64 matrix `(reference, own)` has orthonormal columns where own <=
    reference, orthonormal rows otherwise.
    """

    matrix: np.ndarray

    @property
    def scale(self) -> float:
        """What brings own activations to the size of the reference's.

        The theory divides features by sqrt(width), networks do not: their
        activations grow as sqrt(width), and weights that read them are as much
        smaller.
        """
        reference, own = self.matrix.shape
        return math.sqrt(reference / own)

    def activations(self, own: Array) -> Array:
        """Own activations `(..., own)` in the reference basis."""
        return np.asarray(own, np.float64) @ self.matrix.T

    def weights(self, own: Array) -> Array:
        """Weights `(neurons, own, patch)` that read the reference basis."""
        return np.einsum("noP,ro->nrP", own, self.matrix)

    def weights_back(self, reference: Array) -> Array:
        """Weights `(neurons, reference, patch)` that read the own basis."""
        return np.einsum("nrP,ro->noP", reference, self.matrix)


def align(cross: Array) -> Alignment:
    """The best orthogonal alignment, by the singular value decomposition.

    With cross = U S V^T it is U V^T, the minimum of E|A own - reference|^2 over
    matrices of orthonormal columns. Where own has more dimensions than the
    reference it is the transpose of what embeds the reference in own.

    Source: the orthogonal Procrustes problem; arXiv 2305.18512, section 2.1.

    Args:
        cross: Array `(reference, own)`, E[reference own^T], not centred.
    """
    cross = np.asarray(cross, np.float64)
    left, _, right = factorizations.svd(cross)
    return Alignment(left @ right)


def identity(dimension: int) -> Alignment:
    """The `Alignment` of a network with itself."""
    return Alignment(np.eye(dimension))


def aligned_error(
    reference_energy: float,
    own_energy: float,
    cross: Array,
    alignment: Alignment | None = None,
) -> float:
    """E|A own - reference|^2 from moments, not negative but for rounding.

    Without an alignment it is the minimum over all of them, in closed form:
    the sum of the energies less twice the nuclear norm of the cross moment. The
    smaller of the two spaces is embedded in the larger one, so that nothing is
    projected away.

    Args:
        reference_energy: E|reference|^2.
        own_energy: E|own|^2.
        cross: Array `(reference, own)`, E[reference own^T].
        alignment: Measured on other data than the moments. Defaults to `None`:
            the best.
    """
    overlap = _overlap(cross, alignment)
    return float(reference_energy + own_energy - 2 * overlap)


def _overlap(cross, alignment):
    if alignment is None:
        return factorizations.singular_values(cross).sum()
    return np.sum(alignment.matrix * cross)


def relative_error(
    moments: "JointMoments", alignment: Alignment | None = None
) -> float:
    """`aligned_error` over E|reference|^2, at equal energy a channel.

    The reference comes first in the moments; activations of another width are
    multiplied by `Alignment.scale`.
    """
    reference = np.trace(moments.first)
    ratio = len(moments.first) / len(moments.second)
    error = aligned_error(
        reference,
        ratio * np.trace(moments.second),
        math.sqrt(ratio) * moments.cross,
        alignment,
    )
    return _ratio(error, reference)


def normalized_error(
    moments: "JointMoments", alignment: Alignment | None = None
) -> float:
    """2 (1 - explained fraction): the error at equal energies, in [0, 2]."""
    return 2 * (1 - explained_fraction(moments, alignment))


def explained_fraction(
    moments: "JointMoments", alignment: Alignment | None = None
) -> float:
    """Nuclear norm of the cross moment over the geometric mean of energies.

    At most 1, and 1 only where one representation is a multiple of the other,
    turned; 0 where one of the two is zero. The "r2" of the authors' tutorial.
    With an alignment, see `aligned_error`, its overlap in place of the norm.
    """
    energies = np.trace(moments.first) * np.trace(moments.second)
    return _ratio(_overlap(moments.cross, alignment), np.sqrt(energies))


def _ratio(value, whole):
    return float(value / whole) if whole > 0 else 0.0


def random_alignment(reference: int, own: int, rng: Generator) -> Alignment:
    """A uniformly random `Alignment`, what alignment is compared with."""
    tall = rng.standard_normal(sorted((reference, own), reverse=True))
    q, r = np.linalg.qr(tall)
    # Signs make it uniform, whatever the factorisation prefers.
    q = q * np.sign(np.diag(r))
    return Alignment(q if reference >= own else q.T)

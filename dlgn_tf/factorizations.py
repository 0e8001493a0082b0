"""Singular values and eigenvalues, also where LAPACK's fast drivers give up.

NumPy's drivers divide and conquer (gesdd, syevd), which on some finite matrices
do not converge. These are done again by the slower QR iterations (gesvd, syev).
All raise a `UserError` if an entry is not finite.
"""

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.errors import UserError


def svd(matrix: Array) -> tuple[Array, Array, Array]:
    """The thin singular value decomposition.

    Args:
        matrix: Array `(rows, columns)`.

    Returns:
        `(left, values, right)`: float arrays `(rows, rank)`, `(rank,)`,
        descending, and `(rank, columns)`, where rank is the least of the two
        sides.
    """
    return _done(
        lambda x: np.linalg.svd(x, full_matrices=False),
        lambda linalg, x: linalg.svd(x, False, lapack_driver="gesvd"),
        matrix,
    )


def singular_values(matrix: Array) -> Array:
    """The singular values alone, descending; see `svd`."""
    return _done(
        lambda x: np.linalg.svd(x, compute_uv=False),
        lambda linalg, x: linalg.svd(x, False, False, lapack_driver="gesvd"),
        matrix,
    )


def eigh(matrix: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of a symmetric matrix.

    Args:
        matrix: Symmetric array `(n, n)`.

    Returns:
        `(values, vectors)`: float arrays `(n,)`, ascending, and `(n, n)`, whose
        columns are the eigenvectors.
    """
    return _done(
        np.linalg.eigh, lambda linalg, x: linalg.eigh(x, driver="ev"), matrix
    )


def eigvalsh(matrix: Array) -> Array:
    """The eigenvalues alone, ascending; see `eigh`."""
    return _done(
        np.linalg.eigvalsh,
        lambda linalg, x: linalg.eigvalsh(x, driver="ev"),
        matrix,
    )


def pinv(matrix: Array, cutoff: float | None = None) -> Array:
    """The pseudo-inverse.

    Args:
        matrix: Array `(rows, columns)`.
        cutoff: Float in [0, 1). Singular values of at most this share of the
            first count as zero. Defaults to what rounding leaves, the longer
            side times the machine epsilon of float64.

    Returns:
        Float array `(columns, rows)`.
    """
    if cutoff is None:
        cutoff = max(np.shape(matrix)) * np.finfo(np.float64).eps
    left, values, right = svd(matrix)
    kept = values > cutoff * values[:1]
    return (right[kept].T / values[kept]) @ left[:, kept].T


def _done(fast, slow, matrix):
    matrix = np.asarray(matrix)
    if not np.isfinite(matrix).all():
        raise UserError(
            "Expected a matrix of finite numbers. Received: "
            f"{np.sum(~np.isfinite(matrix))} of {matrix.size} that are not"
        )
    try:
        return fast(matrix)
    except np.linalg.LinAlgError:
        from scipy import linalg

        return slow(linalg, matrix)

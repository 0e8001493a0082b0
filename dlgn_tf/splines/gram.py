"""How far a layer's filters are from orthogonal."""

import numpy as np


def cosines(rows):
    """|cosines| between filters.

    Args:
        rows: Array `(filters, inputs)`; filters that are 0 get cosines of 0.

    Returns:
        Array `(filters, filters)` with ones on the diagonal.
    """
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    directions = rows / np.where(norms > 0, norms, 1)
    found = np.abs(directions @ directions.T)
    np.fill_diagonal(found, 1.0)
    return found


def off_diagonal(matrix):
    """The entries of pairs of different filters, one array."""
    return matrix[~np.eye(len(matrix), dtype=bool)]

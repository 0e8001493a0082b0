"""How far a layer's filters are from orthogonal."""

import numpy as np
from numpy import ndarray as Array


def cosines(rows: Array) -> Array:
    """|cosines| between filters, with ones on the diagonal.

    Of rows `(filters, inputs)`: array `(filters, filters)`; filters that are 0
    get cosines of 0.
    """
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    directions = rows / np.where(norms > 0, norms, 1)
    matrix = np.abs(directions @ directions.T)
    np.fill_diagonal(matrix, 1.0)
    return matrix


def off_diagonal(matrix: Array) -> Array:
    """The entries of pairs of different filters, one array."""
    return matrix[~np.eye(len(matrix), dtype=bool)]

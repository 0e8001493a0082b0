"""Singular values of the linear map of a whole gate site."""

import math

import numpy as np

from dlgn_tf import factorizations
from dlgn_tf.command.memory import GIB, least_gib
from dlgn_tf.errors import UserError
from dlgn_tf.inspection.derivative import derivative
from dlgn_tf.inspection.templates import affine_site
from dlgn_tf.inspection.units import Units
from dlgn_tf.models.gated import GatedNetwork


def singular_values(
    model: GatedNetwork,
    site: str,
    memory_gib: float = 1.0,
    progress: bool = False,
) -> np.ndarray:
    """Singular values of the map from normalised images to pre-activations.

    The matrix has a row for every unit at every position and a column for every
    pixel and channel; all of it is held, in float64.

    Args:
        model: `ImageClassifier`.
        site: String, one of `model.site_names`.
        memory_gib: Float > 0. Bound on the memory used beside the model.
        progress: Boolean. Whether to show it.

    Returns:
        float64 array `(min(units, numbers of an image),)`, descending.

    Raises:
        UserError: as `templates`, before anything is computed.
    """
    site_map = affine_site(model, site)
    sides = math.prod(site_map.shape), math.prod(site_map.image_shape)
    small, large = sorted(sides)
    # Beside the matrix: the small square one, a block to add to it, a copy.
    working = 8 * small * 5 * small
    needed = 8 * small * large + working
    if needed > memory_gib * GIB:
        raise UserError(
            f"The linear map of {site} is a matrix of {sides[0]:,} x "
            f"{sides[1]:,}, and its singular values take {needed:,} bytes. "
            f"Expected memory_gib of at least {least_gib(needed)}. Received: "
            f"memory_gib={memory_gib}"
        )
    units = Units.of(site_map)
    matrix = derivative(site_map, units, None, memory_gib, progress)
    matrix = matrix.reshape(sides)
    tall = matrix if sides[0] >= sides[1] else matrix.T
    return factorizations.singular_values(_triangle(tall))


def _triangle(matrix):
    """A square matrix of the same singular values as a tall one.

    R of its QR decomposition, made block by block without a copy of the whole.
    """
    rows, columns = matrix.shape
    if rows <= 2 * columns:
        return matrix
    held = matrix[:columns]
    for first in range(columns, rows, columns):
        block = matrix[first : first + columns]
        held = np.linalg.qr(np.concatenate([held, block]), mode="r")
    return held

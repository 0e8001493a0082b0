"""The affine maps that a function's outputs choose from, by measurement."""

from collections.abc import Callable

import numpy as np
from scipy import sparse

from dlgn_tf.splines import measured_layers
from dlgn_tf.splines.composition import Maps


def maps_of(function: Callable, inputs: int) -> Maps | None:
    """What a function of vectors chooses from, if it is of a known form.

    It may be affine, have two lines for each of its inputs, or take the largest
    of some inputs. What is found has computed the same as the function, see
    `measured_layers.flattened`, of inputs between 1e-12 and 1e12.
    """
    if measured_layers.is_affine(function, inputs):
        matrix, shift = measured_layers.affine_map(function, inputs)
        return Maps(matrix, shift[:, None])
    points = measured_layers.probes(inputs)
    expected = function(points)
    for form in (_two_lines, _largest):
        maps = form(function, inputs)
        if maps is not None and measured_layers.agree(maps(points), expected):
            return maps
    return None


def _two_lines(function, inputs):
    """Each output a line of its own input below -1, and one above 1."""
    at = np.array([-2.0, -1.0, 1.0, 2.0])
    values = function(np.repeat(at[:, None], inputs, axis=1))
    if values.shape[1] != inputs:
        return None
    slopes = values[[1, 3]] - values[[0, 2]]
    offsets = values[[1, 2]] - slopes * at[[1, 2], None]
    rows = np.arange(2 * inputs)
    matrix = sparse.csr_array((slopes.T.ravel(), (rows, rows // 2)))
    return Maps(matrix, offsets.T)


def _largest(function, inputs):
    """Each output the largest of those inputs that raise it from -1 to 1."""
    chosen = sparse.vstack(
        [
            sparse.csr_array(function(2 * basis - 1) == 1)
            for basis in measured_layers.basis(inputs)
        ]
    ).T.tocsr()
    counts = np.diff(chosen.indptr)
    if not counts.all():
        return None
    units, regions = len(counts), counts.max(initial=0)
    unit = np.repeat(np.arange(units), counts)
    region = np.arange(chosen.nnz) - np.repeat(chosen.indptr[:-1], counts)
    offsets = np.full((units, regions), -np.inf)
    offsets[unit, region] = 0
    rows = unit * regions + region
    matrix = sparse.csr_array(
        (np.ones(chosen.nnz), (rows, chosen.indices)), (offsets.size, inputs)
    )
    return Maps(matrix, offsets)

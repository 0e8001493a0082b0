"""What makes the columns of a matrix orthonormal: a triangular factor of it.

`by_cholesky` and `by_householder` return V, T' and c of W = QR, diag R > 0, in
the matrix' dtype: V = W T with T = R^(-1) diag(c), where c = 1 for columns of
length 1, and diag R for columns that keep the length of their residuals.
"""

import math

import keras
import numpy as np
from keras import ops

# Divided by it, everything vanishes.
HUGE = 1e30
# Below it, columns found in float32 are orthonormal to 5e-7.
_SMALL_GROWTH = 4.0
# Below it, so are columns whose inner products are of float32 too.
_LEAST_GROWTH = 2.0


def by_cholesky(matrix, residual):
    """V, T' and c; see `gram_schmidt` for which numbers find them."""
    if not _narrow_products_pay(matrix):
        return _by_wide_cholesky(matrix, residual)
    gram, in_range = _gram_of_narrow_products(matrix)
    # More than what rounding in float32 may take from an eigenvalue.
    _, _, growth = _inverse_factor(ops.cast(gram, matrix.dtype), shift=0.01)

    def at_once():
        inverse = _inverse_of_cholesky(gram)
        return _finished(matrix, matrix, inverse, inverse, residual)

    return ops.cond(
        ops.logical_and(in_range, growth < _LEAST_GROWTH),
        at_once,
        lambda: _by_wide_cholesky(matrix, residual),
    )


def _by_wide_cholesky(matrix, residual):
    """As `by_cholesky`, with the widest numbers that there are."""
    wide, wider = widened(matrix), can_be_widened(matrix)
    gram = ops.matmul(ops.transpose(wide), wide)
    shift = gram.shape[1] * rounding_unit(gram)
    first, error, growth = _inverse_factor(gram, shift)

    def once():
        # Columns are most of the work.
        return ops.cond(
            growth < _SMALL_GROWTH,
            lambda: _finished(matrix, matrix, first, first, residual),
            lambda: _finished(matrix, wide, first, first, residual),
        )

    def twice():
        columns = ops.matmul(wide, ops.transpose(first))
        gram = ops.matmul(ops.transpose(columns), columns)
        second = _inverse_of_cholesky(gram)
        inverse = ops.matmul(second, first)
        return _finished(matrix, columns, second, inverse, residual)

    def safely():
        factors = by_householder(wide, residual)
        return tuple(ops.cast(tensor, matrix.dtype) for tensor in factors)

    # An error that a second time removes may be larger.
    within = error < (3e-7 if wider else 0.1)
    return ops.cond(within, once if wider else twice, safely)


def _finished(matrix, columns, factor, inverse, residual):
    """What `by_cholesky` returns, with `inverse` R'^(-1).

    `columns` times the transpose of `factor` are the orthonormal columns.
    """
    lengths = 1 / ops.diagonal(inverse)
    if not residual:
        lengths = ops.ones_like(lengths)
    factor = ops.cast(factor * lengths[:, None], columns.dtype)
    columns = ops.matmul(columns, ops.transpose(factor))
    return tuple(
        ops.cast(tensor, matrix.dtype)
        for tensor in (columns, inverse * lengths[:, None], lengths)
    )


def _narrow_products_pay(matrix):
    """Whether float32 is likely to give a float32 matrix' inner products.

    Columns drawn at random are far from dependent where there are twice as many
    rows. Of small matrices looking costs as much as it saves.
    """
    inputs, filters = matrix.shape
    if not can_be_widened(matrix):
        return False
    if inputs < 2 * filters or inputs * filters < 2**16:
        return False
    import tensorflow as tf

    # A graphics card may round factors to TF32.
    return not tf.config.list_physical_devices("GPU")


def _gram_of_narrow_products(matrix):
    """W'W in float64, and whether it was in range of float32: else it is I.

    Inner products are summed in float32, squares as float64 of sums over about
    sqrt(rows): of these errors are larger, and all of a column has them.
    """
    inputs, filters = matrix.shape
    rows = math.isqrt(inputs)
    whole = inputs // rows * rows
    squares = matrix * matrix
    blocks = ops.reshape(squares[:whole], (-1, rows, filters))
    sums = ops.sum(ops.cast(ops.sum(blocks, axis=1), "float64"), axis=0)
    sums += ops.cast(ops.sum(squares[whole:], axis=0), "float64")
    gram = ops.cast(ops.matmul(ops.transpose(matrix), matrix), "float64")
    in_range = ops.logical_and(ops.min(sums) > 1e-20, ops.max(sums) < 1e20)
    gram = _with_diagonal(gram, sums)
    # A Cholesky factor of what is not finite would be an error.
    identity = ops.eye(filters, dtype="float64")
    return ops.where(in_range, gram, identity), in_range


def _inverse_factor(gram, shift):
    """R'^(-1) of W'W = R'R, and how far W R^(-1) is from orthonormal at most.

    The first is lower triangular. The third is how many times its own size
    rounding grows in a column of W R^(-1), of columns of length 1.

    `shift` is added to the diagonal, relative to each column's length, so that
    the factor exists even where columns are dependent: I - Q'Q is then that
    little times (R^(-1))' R^(-1).
    """
    squares = ops.diagonal(gram)
    lengths = ops.where(squares > 0, squares, ops.ones_like(squares))
    inverse = _inverse_of_cholesky(
        _with_diagonal(gram, squares + shift * lengths)
    )
    squares = ops.sum(inverse * inverse * lengths, axis=1)
    growth = ops.sqrt(ops.max(squares))
    return inverse, shift * ops.sum(squares), growth


def _with_diagonal(matrix, diagonal):
    return ops.where(np.eye(matrix.shape[1], dtype=bool), diagonal, matrix)


def _inverse_of_cholesky(gram):
    """R'^(-1), lower triangular, of R'R."""
    identity = ops.eye(gram.shape[0], dtype=gram.dtype)
    return ops.solve_triangular(ops.cholesky(gram), identity, lower=True)


def by_householder(matrix, residual):
    """As `by_cholesky`."""
    q, r = ops.qr(matrix)
    diagonal = ops.diagonal(r)
    ones = ops.ones_like(diagonal)
    # Not the sign: that of 0 would be 0.
    signs = ops.where(diagonal < 0, -ones, ones)
    q, r, diagonal = q * signs, r * signs[:, None], diagonal * signs
    norms = ops.sqrt(ops.sum(r * r, axis=0))
    dependent = diagonal <= 100 * rounding_unit(matrix) * norms
    huge = ops.where(dependent, ones * HUGE, ops.zeros_like(ones))
    identity = ops.convert_to_tensor(np.eye(r.shape[0]), dtype=r.dtype)
    inverse = ops.solve_triangular(
        ops.transpose(r + huge * identity), identity, lower=True
    )
    if not residual:
        return q, inverse, ones
    lengths = ops.where(dependent, ops.zeros_like(ones), diagonal)
    # That of a dependent column too leads from W to what is left of it.
    return q * lengths, inverse * (lengths + huge)[:, None], lengths


def widened(matrix):
    """In float64, where a float32 matrix can be on this backend."""
    return ops.cast(matrix, "float64") if can_be_widened(matrix) else matrix


def can_be_widened(matrix):
    dtype = keras.backend.standardize_dtype(matrix.dtype)
    return dtype == "float32" and keras.backend.backend() == "tensorflow"


def rounding_unit(tensor):
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return 2.0**-52 if dtype == "float64" else 2.0**-23

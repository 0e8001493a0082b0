"""Matrices with orthogonal columns, as differentiable functions of any matrix.

A matrix `(inputs, filters)` holds one filter a column, as a kernel does once
it is reshaped to `(-1, filters)`. With at most as many filters as inputs,
three maps make its columns orthonormal:

| function | map | which matrix it finds |
|---|---|---|
| `gram_schmidt` | Q of W = QR, diag R > 0 | that of the Gram-Schmidt process |
| `newton_schulz` | polar factor W (W'W)^(-1/2) | the nearest to W |
| `cayley` | Cayley transform of W's entries | another coordinate system |

They are different functions: what holds for networks trained through one need
not hold for another.

Source: the SMASO paper (arXiv 1810.09274), section 5, which trains through the
Gram-Schmidt process and finds it slow.
"""

import math

import keras
import numpy as np
from keras import ops

# Divided by it, everything vanishes.
_HUGE = 1e30
# Below it, columns found in float32 are orthonormal to 5e-7.
_SMALL_GROWTH = 4.0
# Below it, so are columns whose inner products are of float32 too.
_LEAST_GROWTH = 2.0


def filters_as_columns(kernel):
    """A kernel `(..., filters)` as a matrix `(inputs, filters)`."""
    return ops.reshape(kernel, (-1, kernel.shape[-1]))


def gram_schmidt(matrix, scale="unit"):
    """What the Gram-Schmidt process makes of the columns of a matrix.

    Equal to `gram_schmidt_loop` up to rounding, in value and gradient.
    Computed by a Cholesky factor of W'W = R'R as Q = W R^(-1): a few products
    of matrices instead of a step per column. It loses accuracy with the square
    of the condition number, so on TensorFlow R of a float32 matrix is found in
    float64, and so are columns unless they are so far from dependent that
    float32 finds them as well; then, without a graphics card, inner products
    of the columns of a large matrix are of float32 too. Without wider numbers
    (float64, or JAX, which has none by default) all is done twice over
    (CholeskyQR2, Fukaya et al. 2014). Where a bound says that this does not
    suffice, Householder reflections take over, as in `householder`. Gradients
    are computed in the matrix' own dtype, and on JAX so are columns: in
    float32, products a graphics card may round to TF32.

    A column that depends on those before it, up to rounding, becomes some
    direction orthogonal to all others (to which later columns are made
    orthogonal), or 0 if lengths are those of residuals; it is never NaN. With
    lengths of residuals it passes the gradient of its own residual, so that a
    filter which starts at 0 is trained; otherwise none, having no derivative.
    Gradients are first derivatives; there are no second ones.

    Args:
        matrix: float32 or float64 tensor `(inputs, filters)` of known shape,
            `filters <= inputs`.
        scale: `"unit"` for columns of length 1, `"residual"` for the lengths
            that the process leaves. Defaults to `"unit"`.

    Returns:
        Tensor of the same shape and dtype.

    Raises:
        ValueError: if there are more columns than rows, or no such scale.
    """
    return _gram_schmidt(matrix, scale, _by_cholesky)


def householder(matrix, scale="unit"):
    """As `gram_schmidt`, by Householder reflections alone: the reference."""
    return _gram_schmidt(matrix, scale, _by_householder)


def gram_schmidt_loop(matrix):
    """The classical Gram-Schmidt process, column by column, as published.

    Columns keep the length of their residuals: they are orthogonal, not
    orthonormal. Slow, and without guard against dependent columns; it defines
    what `gram_schmidt(matrix, "residual")` has to find, up to rounding.
    """
    rows = ops.transpose(matrix)
    columns = []
    for index in range(rows.shape[0]):
        row = rows[index]
        if columns:
            before = ops.stack(columns)
            shares = ops.matmul(before, row) / ops.sum(before**2, axis=1)
            row = row - ops.matmul(shares, before)
        columns.append(row)
    return ops.transpose(ops.stack(columns))


def _checked(matrix):
    inputs, filters = matrix.shape
    if filters > inputs:
        raise ValueError(
            "Expected at most as many columns as rows: no more can be "
            f"orthogonal. Received: a matrix of shape {tuple(matrix.shape)}"
        )
    return ops.convert_to_tensor(matrix)


def _gram_schmidt(matrix, scale, factorize):
    """V = W T, T = R^(-1) diag(c) with c = 1 or c = diag R, and its gradient.

    With v the gradient in V, M = v'V diag(c)^(-2) and L the lower triangle of
    M, with half its diagonal for c = 1 and none for c = diag R (V'V is I, or is
    diagonal), that in W is (v - V (L + L')) T'. It divides by no length but of
    columns that later ones are made orthogonal to.
    """
    if scale not in ("unit", "residual"):
        raise ValueError(
            f"Expected scale to be unit or residual. Received: scale={scale}"
        )
    residual = scale == "residual"

    def forward(matrix):
        v, transform, lengths = factorize(matrix, residual)
        # V is 0 where its length is.
        divisors = ops.where(lengths > 0, lengths, ops.ones_like(lengths))

        def gradient(*upstream):
            (upstream,) = upstream
            lower = ops.matmul(ops.transpose(upstream), v)
            lower = lower / divisors / divisors * _lower_half(v, not residual)
            shares = lower + ops.transpose(lower)
            free = upstream - ops.matmul(v, shares)
            return ops.matmul(free, transform)

        return v, gradient

    return ops.custom_gradient(forward)(_checked(matrix))


def _lower_half(matrix, diagonal):
    """For each pair of columns: 1 below the diagonal, 1/2 on it if wanted."""
    size = matrix.shape[1]
    half = np.tril(np.ones((size, size)), -1) + np.eye(size) * diagonal / 2
    return ops.convert_to_tensor(half, dtype=matrix.dtype)


def _by_cholesky(matrix, residual):
    """V, T' and c, all of the matrix' dtype."""
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
    """As `_by_cholesky`, with the widest numbers that there are."""
    wide, wider = _widened(matrix), _can_be_widened(matrix)
    gram = ops.matmul(ops.transpose(wide), wide)
    shift = gram.shape[1] * _rounding_unit(gram)
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
        factors = _by_householder(wide, residual)
        return tuple(ops.cast(tensor, matrix.dtype) for tensor in factors)

    # An error that a second time removes may be larger.
    within = error < (3e-7 if wider else 0.1)
    return ops.cond(within, once if wider else twice, safely)


def _finished(matrix, columns, factor, inverse, residual):
    """What `_by_cholesky` returns, with `inverse` R'^(-1).

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
    if not _can_be_widened(matrix):
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


def _by_householder(matrix, residual):
    """As `_by_cholesky`."""
    q, r = ops.qr(matrix)
    diagonal = ops.diagonal(r)
    ones = ops.ones_like(diagonal)
    # Not the sign: that of 0 would be 0.
    signs = ops.where(diagonal < 0, -ones, ones)
    q, r, diagonal = q * signs, r * signs[:, None], diagonal * signs
    norms = ops.sqrt(ops.sum(r * r, axis=0))
    dependent = diagonal <= 100 * _rounding_unit(matrix) * norms
    huge = ops.where(dependent, ones * _HUGE, ops.zeros_like(ones))
    identity = ops.convert_to_tensor(np.eye(r.shape[0]), dtype=r.dtype)
    inverse = ops.solve_triangular(
        ops.transpose(r + huge * identity), identity, lower=True
    )
    if not residual:
        return q, inverse, ones
    lengths = ops.where(dependent, ops.zeros_like(ones), diagonal)
    # That of a dependent column too leads from W to what is left of it.
    return q * lengths, inverse * (lengths + huge)[:, None], lengths


def _widened(matrix):
    """In float64, where a float32 matrix can be on this backend."""
    return ops.cast(matrix, "float64") if _can_be_widened(matrix) else matrix


def _can_be_widened(matrix):
    dtype = keras.backend.standardize_dtype(matrix.dtype)
    return dtype == "float32" and keras.backend.backend() == "tensorflow"


def _rounding_unit(tensor):
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return 2.0**-52 if dtype == "float64" else 2.0**-23


def newton_schulz(matrix, iterations=60):
    """The polar factor W (W'W)^(-1/2): the nearest matrix of its kind to W.

    Newton-Schulz iterations X <- (3 X - X X'X) / 2 (Bjorck and Bowie, 1971)
    until X'X is the identity up to rounding, or `iterations` are done; those
    that a singular value s below the largest 1 takes grow with log(1 / s).
    Unlike `gram_schmidt` it treats all columns alike. Dependent columns stay
    so; none is NaN. Matrix and result are as for `gram_schmidt`.
    """

    def forward(matrix):
        dtype = keras.backend.standardize_dtype(matrix.dtype)
        wide = _widened(matrix)
        q = _iterated(wide, iterations)

        def gradient(*upstream):
            (upstream,) = upstream
            of_matrix = _polar_gradient(ops.cast(upstream, wide.dtype), wide, q)
            return ops.cast(of_matrix, dtype)

        return ops.cast(q, dtype), gradient

    return ops.custom_gradient(forward)(_checked(matrix))


def _iterated(matrix, iterations):
    gram = ops.matmul(ops.transpose(matrix), matrix)
    # At least the square of the largest singular value.
    bound = ops.max(ops.sum(ops.abs(gram), axis=0))
    tolerance = 8 * matrix.shape[1] ** 0.5 * _rounding_unit(matrix)
    identity = ops.eye(matrix.shape[1], dtype=matrix.dtype)

    def gap(x):
        return identity - ops.matmul(ops.transpose(x), x)

    start = matrix / ops.sqrt(ops.where(bound > 0, bound, 1.0))
    polar, _ = ops.while_loop(
        lambda x, e: ops.max(ops.abs(e)) > tolerance,
        lambda x, e: (next_x := x + ops.matmul(x, e) / 2, gap(next_x)),
        (start, gap(start)),
        maximum_iterations=iterations,
    )
    return polar


def _polar_gradient(upstream, matrix, q):
    """With W = Q P, P symmetric, and N = Q' upstream.

    Q'dQ solves P X + X P = Q'dW - dW'Q; the rest of dQ is orthogonal to Q's
    columns and equals that of dW P^(-1).
    """
    stretch = ops.matmul(ops.transpose(q), matrix)
    values, vectors = ops.eigh((stretch + ops.transpose(stretch)) / 2)
    least = _rounding_unit(matrix) * 100 * ops.max(ops.abs(values))
    values = ops.where(values > least, values, _HUGE)
    within = ops.matmul(ops.transpose(q), upstream)
    turning = ops.matmul(
        ops.transpose(vectors),
        ops.matmul(within - ops.transpose(within), vectors),
    )
    turning = turning / (values + values[:, None])
    turning = ops.matmul(vectors, ops.matmul(turning, ops.transpose(vectors)))
    outside = upstream - ops.matmul(q, within)
    shrunk = ops.matmul(outside, vectors) / values
    shrunk = ops.matmul(shrunk, ops.transpose(vectors))
    return ops.matmul(q, turning) + shrunk


def cayley(matrix):
    """The Cayley transform (I - A)(I + A)^(-1) for tall matrices.

    With W's square upper part U and lower part V, A = U - U' + V'V; the result
    is (I - A)(I + A)^(-1) above -2 V (I + A)^(-1). I + A is never singular. W
    is a coordinate and no matrix near the result, which for small W is the
    identity above zeros. Source: Trockman and Kolter (arXiv 2104.07167),
    appendix, for rectangular matrices. Matrix and result are as for
    `gram_schmidt`.
    """
    matrix = _checked(matrix)
    dtype = keras.backend.standardize_dtype(matrix.dtype)
    wide = _widened(matrix)
    filters = wide.shape[1]
    upper, lower = wide[:filters], wide[filters:]
    a = upper - ops.transpose(upper) + ops.matmul(ops.transpose(lower), lower)
    identity = ops.eye(filters, dtype=wide.dtype)
    inverse = ops.solve(identity + a, identity)
    # (I - A)(I + A)^(-1) = 2 (I + A)^(-1) - I.
    parts = [2 * inverse - identity, -2 * ops.matmul(lower, inverse)]
    return ops.cast(ops.concatenate(parts, axis=0), dtype)

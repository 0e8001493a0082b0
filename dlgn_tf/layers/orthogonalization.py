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

import keras
import numpy as np
from keras import ops

from dlgn_tf.layers import triangular_factors
from dlgn_tf.layers.triangular_factors import (
    HUGE,
    rounding_unit,
    widened,
)


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
    return _gram_schmidt(matrix, scale, triangular_factors.by_cholesky)


def householder(matrix, scale="unit"):
    """As `gram_schmidt`, by Householder reflections alone: the reference."""
    return _gram_schmidt(matrix, scale, triangular_factors.by_householder)


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
        wide = widened(matrix)
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
    tolerance = 8 * matrix.shape[1] ** 0.5 * rounding_unit(matrix)
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
    least = rounding_unit(matrix) * 100 * ops.max(ops.abs(values))
    values = ops.where(values > least, values, HUGE)
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
    wide = widened(matrix)
    filters = wide.shape[1]
    upper, lower = wide[:filters], wide[filters:]
    a = upper - ops.transpose(upper) + ops.matmul(ops.transpose(lower), lower)
    identity = ops.eye(filters, dtype=wide.dtype)
    inverse = ops.solve(identity + a, identity)
    # (I - A)(I + A)^(-1) = 2 (I + A)^(-1) - I.
    parts = [2 * inverse - identity, -2 * ops.matmul(lower, inverse)]
    return ops.cast(ops.concatenate(parts, axis=0), dtype)

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
from keras import ops

# Divided by it, everything vanishes.
_HUGE = 1e30


def filters_as_columns(kernel):
    """A kernel `(..., filters)` as a matrix `(inputs, filters)`."""
    return ops.reshape(kernel, (-1, kernel.shape[-1]))


def gram_schmidt(matrix):
    """The orthonormal columns that the Gram-Schmidt process leads to.

    Equal to normalising what `gram_schmidt_loop` returns, up to rounding, in
    value and gradient. Computed by a Cholesky factor of W'W = R'R as Q = W
    R^(-1): a few products of matrices instead of a step a column. It loses
    accuracy with the square of the condition number, so on TensorFlow float32
    is computed in float64, which also keeps graphics cards from rounding to
    TF32; without wider numbers (float64, or JAX, which has none by default) it
    is done twice over (CholeskyQR2, Fukaya et al. 2014). Where a bound says
    that this does not suffice, `householder` takes over.

    A column that depends on those before it gets an arbitrary direction that
    is orthogonal to all others, never NaN; no gradient passes through it.

    Args:
        matrix: float32 or float64 tensor `(inputs, filters)` of known shape,
            `filters <= inputs`.

    Returns:
        Tensor of the same shape and dtype.

    Raises:
        ValueError: if there are more columns than rows.
    """
    return _gram_schmidt(_checked(matrix), _by_cholesky)


def householder(matrix):
    """As `gram_schmidt`, by Householder reflections alone: the reference."""
    return _gram_schmidt(_checked(matrix), _by_householder)


def gram_schmidt_loop(matrix):
    """The classical Gram-Schmidt process, column by column, as published.

    Columns keep the length of their residuals: they are orthogonal, not
    orthonormal. Slow, and without guard against dependent columns; it defines
    what `gram_schmidt` has to find.

    Args:
        matrix: Tensor `(inputs, filters)`.

    Returns:
        Tensor of the same shape, `residuals(matrix, gram_schmidt(matrix))` up
        to rounding.
    """
    rows = ops.transpose(matrix)
    found = []
    for index in range(rows.shape[0]):
        row = rows[index]
        if found:
            before = ops.stack(found)
            shares = ops.matmul(before, row) / ops.sum(before**2, axis=1)
            row = row - ops.matmul(shares, before)
        found.append(row)
    return ops.transpose(ops.stack(found))


def residuals(matrix, orthonormal):
    """What the Gram-Schmidt process leaves of each column, at its length.

    Args:
        matrix: Tensor `(inputs, filters)`.
        orthonormal: `gram_schmidt(matrix)`.
    """
    lengths = ops.sum(matrix * orthonormal, axis=0)
    return orthonormal * lengths


def _checked(matrix):
    inputs, filters = matrix.shape
    if filters > inputs:
        raise ValueError(
            "Expected at most as many columns as rows: no more can be "
            f"orthogonal. Received: a matrix of shape {tuple(matrix.shape)}"
        )
    return ops.convert_to_tensor(matrix)


def _gram_schmidt(matrix, factorize):
    """Q of W = QR with the gradient of a QR decomposition.

    With q the gradient in Q, M = -q'Q and S the symmetric matrix of M's lower
    triangle, that in W is (q + QS) R^(-T) (Walter and Lehmann, 2010).
    """

    def forward(matrix):
        q, inverse = factorize(matrix)

        def gradient(*upstream):
            (upstream,) = upstream
            m = -ops.matmul(ops.transpose(upstream), q)
            symmetric = ops.tril(m) + ops.transpose(ops.tril(m, -1))
            inner = upstream + ops.matmul(q, symmetric)
            return ops.matmul(inner, ops.transpose(inverse))

        return q, gradient

    return ops.custom_gradient(forward)(matrix)


def _by_cholesky(matrix):
    """Q and R^(-1) of a matrix, both of its dtype."""
    dtype = keras.backend.standardize_dtype(matrix.dtype)
    wide = _widened(matrix)
    wider = wide.dtype != matrix.dtype
    inverse, error = _inverse_factor(wide, shifted=True)

    def once():
        return ops.matmul(wide, inverse), inverse

    def twice():
        q, first = once()
        second, _ = _inverse_factor(q, shifted=False)
        return ops.matmul(q, second), ops.matmul(first, second)

    # An error that a second time removes may be larger.
    found = ops.cond(
        error < (1e-7 if wider else 0.1),
        once if wider else twice,
        lambda: _by_householder(wide),
    )
    return tuple(ops.cast(tensor, dtype) for tensor in found)


def _inverse_factor(matrix, shifted):
    """R^(-1) of W'W = R'R, and a bound on how far W R^(-1) is from orthonormal.

    A little is added to the diagonal, relative to each column's length, so
    that the factor exists even where columns are dependent: I - Q'Q is then
    that little times R^(-T) R^(-1).
    """
    filters = matrix.shape[1]
    gram = ops.matmul(ops.transpose(matrix), matrix)
    lengths = ops.sqrt(ops.diagonal(gram))
    lengths = ops.where(lengths > 0, lengths, ops.ones_like(lengths))
    identity = ops.eye(filters, dtype=matrix.dtype)
    shift = 4 * filters * _rounding_unit(matrix) if shifted else 0.0
    scaled = gram / lengths / lengths[:, None] + shift * identity
    factor = ops.cholesky(scaled)
    inverse = ops.solve_triangular(factor, identity, lower=True)
    error = shift * ops.sum(inverse**2)
    return ops.transpose(inverse / lengths), error


def _by_householder(matrix):
    """As `_by_cholesky`."""
    q, r = ops.qr(matrix)
    diagonal = ops.diagonal(r)
    # Not the sign: that of 0 would be 0.
    signs = ops.where(diagonal < 0, -ops.ones_like(diagonal), 1.0)
    q, r = q * signs, r * signs[:, None]
    lengths = ops.sqrt(ops.sum(r**2, axis=0))
    dependent = ops.abs(diagonal) <= 100 * _rounding_unit(matrix) * lengths
    kept = ops.where(dependent, ops.ones_like(diagonal) * _HUGE, 0.0)
    identity = ops.eye(r.shape[0], dtype=r.dtype)
    inverse = ops.solve_triangular(
        ops.transpose(r + kept * identity), identity, lower=True
    )
    return q, ops.transpose(inverse)


def _rounding_unit(tensor):
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    return 2.0**-52 if dtype == "float64" else 2.0**-23


def newton_schulz(matrix, iterations=60):
    """The polar factor W (W'W)^(-1/2): the nearest matrix of its kind to W.

    Newton-Schulz iterations X <- (3 X - X X'X) / 2 (Bjorck and Bowie, 1971)
    until X'X is the identity up to rounding. Unlike `gram_schmidt` it treats
    all columns alike. Dependent columns stay so; none is NaN.

    Args:
        matrix: As for `gram_schmidt`.
        iterations: Integer, after which it stops in any case. Those that a
            singular value s below the largest 1 takes grow with log(1 / s).

    Returns:
        Tensor of the same shape and dtype.
    """

    def forward(matrix):
        dtype = keras.backend.standardize_dtype(matrix.dtype)
        wide = _widened(matrix)
        q = _iterated(wide, iterations)

        def gradient(*upstream):
            (upstream,) = upstream
            found = _polar_gradient(ops.cast(upstream, wide.dtype), wide, q)
            return ops.cast(found, dtype)

        return ops.cast(q, dtype), gradient

    return ops.custom_gradient(forward)(_checked(matrix))


def _widened(matrix):
    dtype = keras.backend.standardize_dtype(matrix.dtype)
    wider = dtype == "float32" and keras.backend.backend() == "tensorflow"
    return ops.cast(matrix, "float64") if wider else matrix


def _iterated(matrix, iterations):
    gram = ops.matmul(ops.transpose(matrix), matrix)
    # At least the square of the largest singular value.
    bound = ops.max(ops.sum(ops.abs(gram), axis=0))
    tolerance = 8 * matrix.shape[1] ** 0.5 * _rounding_unit(matrix)
    identity = ops.eye(matrix.shape[1], dtype=matrix.dtype)

    def gap(x):
        return identity - ops.matmul(ops.transpose(x), x)

    start = matrix / ops.sqrt(ops.where(bound > 0, bound, 1.0))
    found, _ = ops.while_loop(
        lambda x, e: ops.max(ops.abs(e)) > tolerance,
        lambda x, e: (next_x := x + ops.matmul(x, e) / 2, gap(next_x)),
        (start, gap(start)),
        maximum_iterations=iterations,
    )
    return found


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
    appendix, for rectangular matrices.

    Args:
        matrix: As for `gram_schmidt`.

    Returns:
        Tensor of the same shape and dtype, with orthonormal columns.
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

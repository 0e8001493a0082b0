"""Orthogonalisation against loops, NumPy and finite differences."""

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from dlgn_tf.layers import orthogonalization, triangular_factors

# Filters and inputs of largecnn's convolutions, the first left out.
LARGECNN = ((96, 864), (192, 864), (192, 1728), (192, 192), (10, 192))
FAST = {
    "cholesky": orthogonalization.gram_schmidt,
    "householder": orthogonalization.householder,
}


def loop(matrix):
    """The classical process of the spec, in NumPy, filter by filter."""
    found = []
    for column in matrix.T:
        residual = column.copy()
        for earlier in found:
            share = (earlier @ column) / (earlier @ earlier)
            residual -= share * earlier
        found.append(residual)
    return np.stack(found, axis=1)


def calls_of(monkeypatch, name):
    """A list that grows with each call of a function of the factors."""
    calls, function = [], getattr(triangular_factors, name)
    monkeypatch.setattr(
        triangular_factors,
        name,
        lambda *given: calls.append(given) or function(*given),
    )
    return calls


def value_and_gradient(function, matrix, weights):
    """Of sum(weights * sin(function)), so that the upstream is no constant."""
    matrix = tf.constant(matrix)
    with tf.GradientTape() as tape:
        tape.watch(matrix)
        value = function(matrix)
        total = tf.reduce_sum(tf.sin(value) * weights)
    return value.numpy(), tape.gradient(total, matrix).numpy()


def glorot(rng, filters, inputs):
    limit = (6 / (filters + inputs)) ** 0.5
    return rng.uniform(-limit, limit, (inputs, filters)).astype("float32")


def orthogonality_error(columns):
    columns = np.asarray(columns, np.float64)
    return np.abs(columns.T @ columns - np.eye(columns.shape[1])).max()


@pytest.mark.parametrize("scale", ["residual", "unit"])
@pytest.mark.parametrize("name", FAST)
def test_gram_schmidt_is_the_loop_and_the_qr(rng, name, scale):
    """Value and gradient, in float64."""
    matrix, weights = rng.normal(size=(2, 30, 12))

    def by_loop(m):
        columns = orthogonalization.gram_schmidt_loop(m)
        lengths = 1.0 if scale == "residual" else tf.norm(columns, axis=0)
        return columns / lengths

    def by_qr(m):
        q, r = tf.linalg.qr(m)
        diagonal = tf.linalg.diag_part(r)
        return q * (diagonal if scale == "residual" else tf.sign(diagonal))

    expected = loop(matrix)
    if scale == "unit":
        expected = expected / np.linalg.norm(expected, axis=0)
    value, gradient = value_and_gradient(
        lambda m: FAST[name](m, scale), matrix, weights
    )
    np.testing.assert_allclose(value, expected, atol=1e-12)
    for other in (by_loop, by_qr):
        found = value_and_gradient(other, matrix, weights)
        np.testing.assert_allclose(found[0], expected, atol=1e-12)
        np.testing.assert_allclose(gradient, found[1], atol=1e-12)


@pytest.mark.parametrize("filters, inputs", [(1, 1), (1, 5), (7, 7), (5, 6)])
@pytest.mark.parametrize(
    "function",
    [
        orthogonalization.gram_schmidt,
        lambda m: orthogonalization.gram_schmidt(m, "residual"),
        orthogonalization.householder,
        orthogonalization.newton_schulz,
        orthogonalization.cayley,
    ],
)
def test_gradients_are_finite_differences(rng, function, filters, inputs):
    matrix, weights, direction = rng.normal(size=(3, inputs, filters))

    def total(step):
        value = function(tf.constant(matrix + step * direction))
        return np.sum(np.sin(value) * weights)

    _, gradient = value_and_gradient(function, matrix, weights)
    step = 1e-5
    expected = (total(step) - total(-step)) / (2 * step)
    assert np.sum(gradient * direction) == pytest.approx(
        expected, rel=1e-6, abs=1e-7
    )


@pytest.mark.parametrize("filters, inputs", LARGECNN)
def test_float32_is_orthogonal_at_the_sizes_of_largecnn(rng, filters, inputs):
    kernel = glorot(rng, filters, inputs)
    wide = kernel.astype("float64")
    q, r = np.linalg.qr(wide)
    expected = q * np.sign(np.diag(r))
    scale = np.linalg.cond(wide)
    for name, function in FAST.items():
        found = np.asarray(function(tf.constant(kernel)))
        assert found.dtype == np.float32
        assert orthogonality_error(found) <= 2e-6
        # Householder in float32 loses what the condition number takes.
        limit = 2e-7 if name == "cholesky" else 1e-6 * scale
        np.testing.assert_allclose(found, expected, atol=limit)
    for function in (orthogonalization.newton_schulz, orthogonalization.cayley):
        assert orthogonality_error(function(tf.constant(kernel))) <= 2e-6


@pytest.mark.parametrize("condition", [1e2, 1e4, 1e6, 1e8])
def test_ill_conditioned_filters_are_orthogonal_too(rng, condition):
    """There Householder reflections have to take over."""
    u, _, v = np.linalg.svd(rng.normal(size=(60, 20)), full_matrices=False)
    matrix = u * np.geomspace(1, 1 / condition, 20) @ v
    # Lengths that differ are no bad condition.
    matrix = matrix * np.geomspace(1e-3, 1e3, 20)
    for dtype, limit in (("float32", 2e-6), ("float64", 1e-12)):
        found = orthogonalization.gram_schmidt(tf.constant(matrix, dtype))
        assert orthogonality_error(found) <= limit


@pytest.mark.parametrize("correlation", [0.5, 0.9, 0.97, 0.99, 0.999])
def test_columns_found_in_float32_are_orthonormal_too(rng, correlation):
    """On both sides of where float64 takes over: 1 / sin(angle) = 4."""
    matrix = rng.normal(size=(200, 40))
    matrix[:, 1:] *= (1 - correlation**2) ** 0.5
    matrix[:, 1:] += correlation * matrix[:, :1]
    matrix = (matrix * np.geomspace(1e-3, 1e3, 40)).astype("float32")
    found = orthogonalization.gram_schmidt(tf.constant(matrix))
    assert orthogonality_error(found) <= 5e-7
    q, r = np.linalg.qr(matrix.astype("float64"))
    np.testing.assert_allclose(found, q * np.sign(np.diag(r)), atol=5e-7)


def correlated(rng, correlation, lengths):
    """float32 (1024, 64), each column near the first one."""
    matrix = rng.normal(size=(1024, 64))
    matrix[:, 1:] *= (1 - correlation**2) ** 0.5
    matrix[:, 1:] += correlation * matrix[:, :1]
    matrix /= np.linalg.norm(matrix, axis=0)
    return (matrix * np.geomspace(*lengths, 64)).astype("float32")


@pytest.mark.parametrize(
    "correlation, lengths, careful, compiled",
    [
        (0.0, (1, 1), False, False),
        (0.0, (1, 1), False, True),
        (0.5, (1e-5, 1e5), False, False),
        (0.9, (1, 1), True, False),
        (0.9999, (1, 1), True, False),
        # Whose squares are no float32 numbers.
        (0.0, (1e-18, 1e-25), True, False),
        (0.0, (1e18, 1e25), True, False),
        (0.0, (1e-25, 1), True, False),
    ],
)
def test_inner_products_in_float32(
    rng, monkeypatch, correlation, lengths, careful, compiled
):
    """Are taken where they are good enough; Q is NumPy's in any case."""
    asked = calls_of(monkeypatch, "_by_wide_cholesky")
    matrix = correlated(rng, correlation, lengths)
    weights = rng.normal(size=matrix.shape).astype("float32")
    q, r = np.linalg.qr(matrix.astype("float64"))
    expected = q * np.sign(np.diag(r))

    def run(matrix):
        return value_and_gradient_in_graph(
            orthogonalization.gram_schmidt, matrix, weights, "unit"
        )

    if compiled:
        run = tf.function(run, jit_compile=True)
    found, gradient = run(tf.constant(matrix))
    assert orthogonality_error(found) <= 5e-7
    np.testing.assert_allclose(found, expected, atol=5e-7)
    if not compiled:
        assert bool(asked) == careful
    # Of decompositions in float64.
    wide = tf.constant(matrix, "float64")
    with tf.GradientTape() as tape:
        tape.watch(wide)
        q, r = tf.linalg.qr(wide)
        value = q * tf.sign(tf.linalg.diag_part(r))
    exact = tape.gradient(value, wide, tf.constant(weights, "float64"))
    # A gradient shrinks as its column grows.
    exact = np.asarray(exact) * np.geomspace(*lengths, 64)
    gradient = np.asarray(gradient, "float64") * np.geomspace(*lengths, 64)
    assert np.abs(gradient - exact).max() <= 2e-5 * np.abs(exact).max()


def test_inner_products_are_exact_beside_a_graphics_card(rng, monkeypatch):
    """Which may round to TF32, so that float32 is not what is computed."""
    matrix = tf.constant(correlated(rng, 0.0, (1, 1)))
    pay = triangular_factors._narrow_products_pay
    assert pay(matrix)
    assert not pay(matrix[:100])
    assert not pay(tf.cast(matrix, "double"))
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [kind])
    assert not pay(matrix)


@pytest.mark.parametrize("column", ["zero", "sum"])
def test_a_large_matrix_with_a_dependent_column(rng, column):
    """As in a small one: residual 0, and the others as without it."""
    matrix = correlated(rng, 0.0, (1, 1))
    matrix[:, 40] = 0 if column == "zero" else matrix[:, 3] - matrix[:, 9]
    found = np.asarray(
        orthogonalization.gram_schmidt(tf.constant(matrix), "residual")
    )
    assert np.abs(found[:, 40]).max() <= 1e-6
    others = np.delete(np.arange(64), 40)
    q, r = np.linalg.qr(matrix[:, others].astype("float64"))
    left = found[:, others[:40]]
    np.testing.assert_allclose(left, (q * np.diag(r))[:, :40], atol=1e-6)


@pytest.mark.parametrize("filters, inputs", [(2, 300_000), (66, 1000)])
def test_large_matrices_of_equal_columns(filters, inputs):
    """Whose inner products in float32 are those of no matrix."""
    matrix = tf.fill((inputs, filters), 0.1)
    found = np.asarray(orthogonalization.gram_schmidt(matrix, "residual"))
    np.testing.assert_allclose(found[:, 0], 0.1, rtol=1e-6)
    assert np.abs(found[:, 1:]).max() <= 1e-6


def test_the_fast_way_is_left_only_where_it_must_be(rng, monkeypatch):
    asked = calls_of(monkeypatch, "by_householder")
    orthogonalization.gram_schmidt(tf.constant(glorot(rng, 96, 864)))
    assert not asked
    dependent = np.ones((5, 2), "float32")
    orthogonalization.gram_schmidt(tf.constant(dependent))
    assert asked


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dependent_filters(rng, dtype):
    """Residual 0, an orthogonal direction, finite gradients."""
    matrix = rng.normal(size=(9, 5)).astype(dtype)
    matrix[:, 2] = 3 * matrix[:, 0] - matrix[:, 1]
    matrix[:, 4] = 0
    weights = rng.normal(size=matrix.shape).astype(dtype)
    for function in FAST.values():
        unit, gradient = value_and_gradient(function, matrix, weights)
        assert orthogonality_error(unit) <= (
            2e-6 if dtype == "float32" else 1e-12
        )
        assert np.all(np.isfinite(gradient))
        left, gradient = value_and_gradient(
            lambda m, f=function: f(m, "residual"), matrix, weights
        )
        assert np.all(np.isfinite(gradient))
        tolerance = 1e-5 if dtype == "float32" else 1e-12
        assert np.abs(left[:, [2, 4]]).max() <= tolerance
        np.testing.assert_allclose(
            left[:, :2], loop(matrix[:, :2]), atol=tolerance
        )
        # Orthogonal to the direction that stands for column 2, too.
        np.testing.assert_allclose(
            unit.T @ left, np.diag(np.diag(unit.T @ left)), atol=tolerance
        )
    for other in (orthogonalization.newton_schulz, orthogonalization.cayley):
        for array in value_and_gradient(other, matrix, weights):
            assert np.all(np.isfinite(array))


@pytest.mark.parametrize("name", FAST)
def test_a_last_filter_that_depends_has_the_gradient_of_the_process(rng, name):
    """Which divides by the lengths of earlier ones alone."""
    matrix, weights, direction = rng.normal(size=(3, 9, 4))
    matrix[:, 3] = matrix[:, 0] - 2 * matrix[:, 2]
    _, gradient = value_and_gradient(
        lambda m: FAST[name](m, "residual"), matrix, weights
    )

    def total(step):
        return np.sum(np.sin(loop(matrix + step * direction)) * weights)

    expected = (total(1e-5) - total(-1e-5)) / 2e-5
    assert np.sum(gradient * direction) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FAST)
def test_a_filter_that_starts_at_0_moves(rng, name, dtype):
    """Wherever it stands: by the share orthogonal to those before it."""
    matrix, weights = rng.normal(size=(2, 9, 5)).astype(dtype)
    matrix[:, 2] = 0
    _, gradient = value_and_gradient(
        lambda m: FAST[name](m, "residual"), matrix, weights
    )
    q, _ = np.linalg.qr(matrix[:, :2])
    # The derivative of the sine there is 1.
    expected = weights[:, 2] - q @ (q.T @ weights[:, 2])
    np.testing.assert_allclose(gradient[:, 2], expected, atol=1e-5)
    assert np.all(np.isfinite(gradient))


def test_newton_schulz_is_the_polar_factor_and_not_gram_schmidt(rng):
    for filters, inputs, scale in ((20, 45, 1e-3), (30, 30, 1e3)):
        matrix = scale * rng.normal(size=(inputs, filters))
        u, _, v = np.linalg.svd(matrix, full_matrices=False)
        found = orthogonalization.newton_schulz(tf.constant(matrix))
        np.testing.assert_allclose(found, u @ v, atol=1e-11)
        found = orthogonalization.newton_schulz(tf.constant(matrix, "float32"))
        np.testing.assert_allclose(found, u @ v, atol=1e-6)
        other = orthogonalization.gram_schmidt(tf.constant(matrix, "float32"))
        assert np.abs(found - other).max() > 1e-2


def test_cayley_of_a_square_matrix_is_that_of_its_skew_part(rng):
    matrix = rng.normal(size=(6, 6))
    skew = matrix - matrix.T
    identity = np.eye(6)
    expected = (identity - skew) @ np.linalg.inv(identity + skew)
    found = orthogonalization.cayley(tf.constant(matrix))
    np.testing.assert_allclose(found, expected, atol=1e-12)
    tall = orthogonalization.cayley(tf.constant(rng.normal(size=(11, 4))))
    assert orthogonality_error(tall) <= 1e-12
    zero = orthogonalization.cayley(tf.zeros((5, 3), tf.float64))
    np.testing.assert_array_equal(zero, np.eye(5, 3))


@pytest.mark.parametrize("name", FAST)
def test_a_graph_and_xla_compute_the_same(rng, name):
    kernel, weights = glorot(rng, 12, 40), glorot(rng, 12, 40)

    def run(matrix):
        return value_and_gradient_in_graph(FAST[name], matrix, weights)

    expected = run(tf.constant(kernel))
    for compiled in (False, True):
        found = tf.function(run, jit_compile=compiled)(tf.constant(kernel))
        for actual, wanted in zip(found, expected, strict=True):
            np.testing.assert_allclose(actual, wanted, atol=1e-6)


def value_and_gradient_in_graph(function, matrix, weights, scale="residual"):
    with tf.GradientTape() as tape:
        tape.watch(matrix)
        value = function(matrix, scale)
    return value, tape.gradient(value, matrix, weights)


def test_more_filters_than_inputs_are_refused():
    for function in (
        *FAST.values(),
        orthogonalization.newton_schulz,
        orthogonalization.cayley,
    ):
        with pytest.raises(ValueError, match="at most as many columns"):
            function(tf.zeros((3, 4)))


@pytest.mark.parametrize("name", ["gram_schmidt", "householder"])
def test_unknown_scales_are_refused(name):
    function = getattr(orthogonalization, name)
    with pytest.raises(ValueError, match="Received: scale=units"):
        function(np.eye(3, dtype="float32"), "units")


def test_a_convolution_s_filters_are_its_columns(rng):
    kernel = rng.normal(size=(3, 2, 4, 5))
    matrix = np.asarray(
        orthogonalization.filters_as_columns(ops.convert_to_tensor(kernel))
    )
    for index in range(5):
        np.testing.assert_allclose(
            matrix[:, index], kernel[..., index].ravel(), rtol=1e-6
        )

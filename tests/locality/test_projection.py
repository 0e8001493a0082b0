"""Batch normalisation's gradient against differences and the own layer."""

import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf.layers import BatchNorm
from dlgn_tf.locality import autodiff_jacobian, energy_descent, projection


def normalized(f, scale, epsilon, p):
    mean = p @ f
    return scale * (f - mean) / np.sqrt(p @ (f - mean) ** 2 + epsilon)


def differences(f, scale, epsilon, p, step=1e-6):
    """d output / d input by central differences, rows outputs."""
    columns = []
    for k in range(len(f)):
        moved = step * np.eye(len(f))[k]
        up, down = (
            normalized(f + sign * moved, scale, epsilon, p) for sign in (1, -1)
        )
        columns.append((up - down) / (2 * step))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("epsilon", [0.0, 1e-3, 0.1])
def test_jacobian_is_that_of_differences(rng, epsilon):
    f, p = rng.normal(size=16), np.full(16, 1 / 16)
    found = projection.jacobian(f, 1.3, epsilon)
    np.testing.assert_allclose(
        found, differences(f, 1.3, epsilon, p), atol=1e-8
    )
    np.testing.assert_allclose(found, found.T, atol=1e-15)


def test_ideal_projector_is_right_without_epsilon_alone(rng):
    f = rng.normal(size=16)
    ideal = projection.ideal_projector(f) / f.std()
    np.testing.assert_allclose(ideal @ f, 0, atol=1e-14)
    np.testing.assert_allclose(projection.jacobian(f), ideal, atol=1e-14)
    apart = projection.jacobian(f, epsilon=0.1) - ideal
    assert np.abs(apart).max() > 1e-2


def test_weighted_inner_product(rng):
    """With probabilities, J maps G as the transposed differences map p G."""
    f, p, g = rng.normal(size=9), rng.dirichlet(np.ones(9)), rng.normal(size=9)
    found = p * (projection.jacobian(f, 0.7, 0.01, weights=p) @ g)
    expected = differences(f, 0.7, 0.01, p).T @ (p * g)
    np.testing.assert_allclose(found, expected, atol=1e-8)
    # 1^T G~ = 0, the condition of disentangled updates.
    assert abs(found.sum()) < 1e-15


def check_layer(layer, inputs, call=None, tolerance=1e-5):
    flat = inputs.reshape(-1, inputs.shape[-1]).astype(np.float64)
    found = (call or autodiff_jacobian.layer_jacobians)(layer, inputs)
    scales = np.asarray(layer.gamma, np.float64)
    for J, f, scale in zip(found, flat.T, scales, strict=True):
        expected = projection.jacobian(f, scale, layer.epsilon)
        np.testing.assert_allclose(J, expected, atol=tolerance)


@pytest.mark.parametrize("epsilon", [0.0, 1e-3, 0.1])
@pytest.mark.parametrize("shape", [(2, 2, 3, 2), (12, 2)])
def test_own_layer_fused_and_not(rng, shape, epsilon):
    layer = BatchNorm(epsilon=epsilon)
    layer.build((None, *shape[1:]))
    layer.gamma.assign(rng.uniform(0.5, 1.5, 2))
    assert layer._kernel_serves(tf.zeros(shape), True) == (len(shape) == 4)
    check_layer(layer, rng.normal(size=shape).astype("float32"))


def test_own_layer_in_float64(rng):
    layer = BatchNorm(epsilon=1e-3, dtype="float64")
    layer.build((None, 2))
    check_layer(layer, rng.normal(size=(12, 2)), tolerance=1e-10)


def test_own_layer_synchronized(rng, two_replicas):
    """The projection is over the global batch, half of it on each replica."""
    inputs = rng.normal(size=(4, 1, 3, 2)).astype("float32")
    with two_replicas.scope():
        layer = BatchNorm(epsilon=1e-3, synchronized=True)
        layer.build((None, *inputs.shape[1:]))

    @tf.function
    def gradients(x, upstream):
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = layer(x, training=True)
        return tape.gradient(out, x, output_gradients=upstream)

    def split(array):
        halves = np.split(array, 2)
        return two_replicas.experimental_distribute_values_from_function(
            lambda context: tf.constant(
                halves[context.replica_id_in_sync_group]
            )
        )

    def jacobians(layer, inputs):
        x, rows = split(inputs), []
        for place in range(12):
            upstream = np.zeros((12, 2), "float32")
            upstream[place] = 1
            given = split(upstream.reshape(inputs.shape))
            parts = two_replicas.experimental_local_results(
                two_replicas.run(gradients, (x, given))
            )
            found = np.concatenate([part.numpy() for part in parts])
            rows.append(found.reshape(12, 2))
        return np.array(rows).transpose(2, 0, 1)

    check_layer(layer, inputs, jacobians)


def test_parameter_gradients(rng):
    layer = BatchNorm(epsilon=0.01, dtype="float64")
    layer.build((None, 2))
    inputs, upstream = rng.normal(size=(2, 10, 2))
    _, scale, shift = autodiff_jacobian.layer_gradients(layer, inputs, upstream)
    for j in range(2):
        expected = projection.parameter_gradients(
            inputs[:, j], upstream[:, j], 0.01
        )
        np.testing.assert_allclose((scale[j], shift[j]), expected)


class TestEnergyDescent:
    def test_energy_moves_by_twice_the_product(self, rng):
        """d/dt |w|^2 = 2 E[f g], up to the square of a small step."""
        history = energy_descent.descend(rng, False, steps=3, rate=1e-6)
        moved = np.diff(history.energies, axis=0) / 1e-6
        np.testing.assert_allclose(
            moved, 2 * history.products, rtol=1e-3, atol=1e-5
        )

    def test_batch_norm_conserves(self, rng):
        history = energy_descent.descend(rng, True, steps=20)
        assert np.abs(history.products).max() < 1e-6
        assert history.drifts.max() < 1e-3
        assert history.losses[-1] < history.losses[0]


def test_rank_of_the_ideal_projector(rng):
    for f, rank in ((rng.normal(size=6), 4), (np.ones(6), 5), (np.zeros(6), 5)):
        found = projection.ideal_projector(f)
        assert np.linalg.matrix_rank(found) == rank
        np.testing.assert_allclose(found @ found, found, atol=1e-12)
        np.testing.assert_allclose(found @ f, 0, atol=1e-12)

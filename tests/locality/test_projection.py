"""Batch normalisation's gradient against differences and the own layer."""

import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf.layers import BatchNorm
from dlgn_tf.locality import energy_descent, projection


def normalized(f, scale, epsilon):
    return scale * (f - f.mean()) / np.sqrt(f.var() + epsilon)


def differences(f, scale, epsilon, step=1e-6):
    """d output / d input by central differences, rows outputs."""
    columns = []
    for k in range(len(f)):
        moved = step * np.eye(len(f))[k]
        up, down = (
            normalized(f + sign * moved, scale, epsilon) for sign in (1, -1)
        )
        columns.append((up - down) / (2 * step))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("epsilon", [0.0, 1e-3, 0.1])
def test_jacobian_is_that_of_differences(rng, epsilon):
    f = rng.normal(size=16)
    found = projection.jacobian(f, 1.3, epsilon)
    np.testing.assert_allclose(found, differences(f, 1.3, epsilon), atol=1e-8)
    np.testing.assert_allclose(found, found.T, atol=1e-15)
    # Exact without epsilon alone.
    assert (np.abs(found @ f).max() < 1e-13) == (epsilon == 0)


@pytest.mark.parametrize("shape", [(2, 2, 4, 3), (16, 3)])
def test_the_claim_measures_the_fused_layer_and_the_other(shape):
    layer = BatchNorm()
    layer.build((None, *shape[1:]))
    assert layer._kernel_serves(tf.zeros(shape), True) == (len(shape) == 4)


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
    jacobians = np.array(rows).transpose(2, 0, 1)
    flat = inputs.reshape(-1, 2).astype(np.float64)
    for J, f in zip(jacobians, flat.T, strict=True):
        expected = projection.jacobian(f, 1.0, layer.epsilon)
        np.testing.assert_allclose(J, expected, atol=1e-5)


class TestEnergyDescent:
    def test_energy_moves_by_twice_the_product(self, rng):
        """d/dt |w|^2 = 2 E[f g], up to the square of a small step."""
        history = energy_descent.descend(rng, False, steps=3, rate=1e-6)
        moved = np.diff(history.energies, axis=0) / 1e-6
        np.testing.assert_allclose(
            moved, 2 * history.products, rtol=1e-3, atol=1e-5
        )

"""Dense layers and convolutions with orthogonal filters."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf import choices
from dlgn_tf.layers import (
    OrthogonalConv2D,
    OrthogonalDense,
    orthogonal,
    orthogonalization,
)

MAPS = ("gram_schmidt", "newton_schulz", "cayley")


def dense(units, inputs, **options):
    layer = OrthogonalDense(units, **options)
    layer.build((None, inputs))
    return layer


def kernel_of(layer):
    kernel = np.asarray(layer.kernel, np.float64)
    return kernel.reshape(-1, kernel.shape[-1])


def gram(layer):
    kernel = kernel_of(layer)
    return kernel.T @ kernel


def off_diagonal(matrix):
    return np.abs(matrix - np.diag(np.diag(matrix))).max()


def test_options_are_those_of_the_flags():
    assert tuple(orthogonal._MAPS) == choices.ORTHOGONAL_MAPS


@pytest.mark.parametrize("name", MAPS)
def test_scales(name):
    unit = dense(5, 9, reparametrization=name, scale="unit")
    np.testing.assert_allclose(gram(unit), np.eye(5), atol=1e-6)
    gain = dense(5, 9, reparametrization=name, scale="gain")
    raw = np.asarray(gain.raw_kernel)
    lengths = np.linalg.norm(raw, axis=0)
    np.testing.assert_allclose(gain.gain, lengths, rtol=1e-6)
    np.testing.assert_allclose(gram(gain), np.diag(lengths**2), atol=1e-6)
    gain.gain.assign([0.0, -1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(np.diag(gram(gain)), [0, 1, 4, 9, 16], atol=1e-5)


def test_the_default_is_what_the_process_leaves():
    layer = dense(5, 9)
    raw = tf.constant(np.asarray(layer.raw_kernel, np.float64))
    expected = orthogonalization.gram_schmidt_loop(raw)
    np.testing.assert_allclose(layer.kernel, expected, atol=1e-6)
    assert off_diagonal(gram(layer)) < 1e-6
    # The first filter is free; others lose length.
    raw_lengths = np.linalg.norm(raw, axis=0)
    lengths = np.linalg.norm(kernel_of(layer), axis=0)
    assert lengths[0] == pytest.approx(raw_lengths[0], rel=1e-6)
    assert np.all(lengths[1:] < raw_lengths[1:])


@pytest.mark.parametrize("name", MAPS)
def test_a_tight_frame_of_more_filters_than_inputs(name):
    layer = dense(12, 5, reparametrization=name, scale="unit")
    kernel = kernel_of(layer)
    np.testing.assert_allclose(kernel @ kernel.T, 12 / 5 * np.eye(5), atol=2e-6)
    assert np.mean(np.sum(kernel**2, axis=0)) == pytest.approx(1, rel=1e-6)


def test_a_tight_frame_with_the_norm_of_the_raw_kernel():
    layer = dense(12, 5)
    kernel, raw = kernel_of(layer), np.asarray(layer.raw_kernel)
    np.testing.assert_allclose(
        kernel @ kernel.T, np.sum(raw**2) / 5 * np.eye(5), atol=2e-6
    )


@pytest.mark.parametrize("name", MAPS[1:])
def test_a_tight_frame_by_default(name, rng):
    """By newton_schulz and cayley, at the start and wherever training goes."""
    layer = dense(12, 5, reparametrization=name)
    raw = rng.normal(size=(5, 12)) * np.arange(1, 13)
    layer.raw_kernel.assign(raw)
    layer.reset_gain()
    kernel = kernel_of(layer)
    np.testing.assert_allclose(
        kernel @ kernel.T, np.sum(raw**2) / 5 * np.eye(5), rtol=1e-5, atol=1e-3
    )
    assert [w.name for w in layer.trainable_weights] == [
        "kernel",
        "bias",
        "gain",
    ]
    assert layer.gain.shape == ()
    layer.gain.assign(-2.0)
    kernel = kernel_of(layer)
    np.testing.assert_allclose(
        kernel @ kernel.T, 4 * 12 / 5 * np.eye(5), atol=1e-5
    )


@pytest.mark.parametrize("name", MAPS)
def test_no_weight_is_without_effect(name, float64):
    """Each weight moves what layers of more filters than inputs compute."""
    x = np.linspace(-1, 1, 10).reshape(2, 5)
    for mode in ("tight", "groups", "skip"):
        layer = dense(7, 5, reparametrization=name, overcomplete=mode)
        if name == "gram_schmidt":
            layer = dense(7, 5, scale="gain", overcomplete=mode)
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(tf.sin(layer(x)))
        weights = [w.value for w in layer.trainable_weights]
        for gradient in tape.gradient(value, weights):
            assert gradient is not None and np.any(gradient)
        assert (layer.gain is None) == (mode == "skip")


def test_groups_are_orthogonal_inside():
    layer = dense(96, 27, overcomplete="groups", scale="unit")
    products = gram(layer)
    for first in range(0, 96, 24):
        block = products[first : first + 24, first : first + 24]
        np.testing.assert_allclose(block, np.eye(24), atol=2e-6)
    assert off_diagonal(products) > 0.1
    # Sizes that cannot be equal: 4 and 3.
    uneven = gram(dense(7, 5, overcomplete="groups", scale="unit"))
    np.testing.assert_allclose(uneven[:4, :4], np.eye(4), atol=2e-6)
    np.testing.assert_allclose(uneven[4:, 4:], np.eye(3), atol=2e-6)


def test_skip_and_error():
    layer = dense(7, 5, overcomplete="skip")
    np.testing.assert_array_equal(layer.kernel, layer.raw_kernel)
    # Only where there are more filters than inputs.
    assert off_diagonal(gram(dense(5, 7, overcomplete="skip"))) < 1e-6
    with pytest.raises(ValueError, match="7 filters of 5 inputs"):
        dense(7, 5, overcomplete="error")
    dense(5, 5, overcomplete="error")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("mixed", [True, False])
@pytest.mark.parametrize("name", MAPS)
def test_sixteen_bits_are_for_the_product_alone(rng, dtype, mixed, name):
    """Weights are orthogonalised in float32, whatever they are kept in."""
    policy = f"mixed_{dtype}" if mixed else dtype
    layer = OrthogonalDense(8, dtype=policy, reparametrization=name)
    inputs = rng.normal(size=(3, 20)).astype("float32")
    with tf.GradientTape() as tape:
        outputs = layer(inputs)
        value = tf.reduce_sum(tf.cast(outputs, tf.float32))
    assert keras.backend.standardize_dtype(outputs.dtype) == dtype
    assert keras.backend.standardize_dtype(layer.kernel.dtype) == dtype
    assert layer.full_kernel.dtype == tf.float32
    full = np.asarray(layer.full_kernel, np.float64)
    assert off_diagonal(full.T @ full) < 1e-6
    gradient = tape.gradient(value, layer.raw_kernel.value)
    assert gradient.dtype == (tf.float32 if mixed else dtype)
    gradient = np.asarray(gradient, np.float64)
    assert np.all(np.isfinite(gradient)) and np.any(gradient)


def test_two_replicas_have_one_kernel(rng, two_replicas):
    inputs = rng.normal(size=(4, 9)).astype("float32")
    with two_replicas.scope():
        layer = dense(5, 9)

    @tf.function
    def on_replica():
        with tf.GradientTape() as tape:
            value = tf.reduce_sum(layer(inputs) ** 2)
        return layer.kernel, tape.gradient(value, layer.raw_kernel.value)

    kernels, gradients = two_replicas.run(on_replica)
    for values in (kernels, gradients):
        first, second = two_replicas.experimental_local_results(values)
        np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(
        two_replicas.experimental_local_results(kernels)[0],
        layer.kernel,
        atol=1e-7,
    )


def test_low_rank_updates_and_quantisation_are_refused():
    """Keras would make them of the raw kernel, and compute without."""
    for layer in (
        dense(4, 6),
        OrthogonalConv2D(4, 3, name="conv"),
    ):
        if not layer.built:
            layer.build((None, 5, 5, 2))
        before = np.asarray(layer.kernel)
        with pytest.raises(NotImplementedError, match="plain kernel.*folded"):
            layer.enable_lora(2)
        with pytest.raises(NotImplementedError, match="plain kernel"):
            layer.quantize("int8")
        assert layer.trainable_weights
        np.testing.assert_array_equal(layer.kernel, before)
    with pytest.raises(NotImplementedError, match="plain kernel"):
        dense(4, 6, lora_rank=2)
    with pytest.raises(NotImplementedError, match="int8_from_float32"):
        OrthogonalDense(4, dtype="int8_from_float32")


def test_wrong_options():
    for options, words in (
        ({"reparametrization": "qr"}, "reparametrization"),
        ({"scale": "long"}, "scale"),
        ({"overcomplete": "no"}, "overcomplete"),
        ({"reparametrization": "cayley", "scale": "residual"}, "residual"),
    ):
        with pytest.raises(ValueError, match=words):
            OrthogonalDense(3, **options)
    with pytest.raises(ValueError, match="single group"):
        OrthogonalConv2D(4, 3, groups=2)

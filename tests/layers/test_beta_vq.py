"""beta-VQ nonlinearities against NumPy, finite differences and their limits."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf.layers import BetaVQ, BetaVQPooling

KINDS = {"relu": 0.0, "leaky": 0.1, "abs": -1.0}
each_kind = pytest.mark.parametrize("kind", KINDS)


def layer(kind, beta=0.5, mode="fixed", **kwargs):
    slope = 0.1 if kind == "leaky" else None
    return BetaVQ(kind, beta, mode, slope, **kwargs)


def softmax_of_two_regions(z, kind, eta):
    """The definition: two affine regions, softmax of their eta-fold values."""
    values = np.stack([KINDS[kind] * z, z])
    scores = eta * (values - values.max(axis=0))
    chosen = np.exp(scores) / np.exp(scores).sum(axis=0)
    return (chosen * values).sum(axis=0)


@each_kind
@pytest.mark.parametrize("beta", [0.05, 0.5, 0.9])
def test_is_the_soft_choice_of_a_region(float64, rng, kind, beta):
    z = 3 * rng.normal(size=(4, 5, 6))
    expected = softmax_of_two_regions(z, kind, beta / (1 - beta))
    found = layer(kind, beta)(z)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@each_kind
@pytest.mark.parametrize("beta", [0.05, 0.5, 0.9])
def test_of_tsallis_entropy_maximises_the_balance(
    float64, rng, balance, kind, beta
):
    z = rng.normal(size=40) * (1 - beta) / beta
    values = np.stack([KINDS[kind] * z, z], axis=1)
    expected = [balance(v, beta) @ v for v in values]
    found = layer(kind, beta, entropy="tsallis")(z)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_of_tsallis_entropy_and_a_quarter_is_hard_silu(float64, rng):
    z = 4 * rng.normal(size=1000)
    found = BetaVQ("relu", 0.25, entropy="tsallis")(z)
    expected = keras.activations.hard_silu(z)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@each_kind
@pytest.mark.parametrize("entropy", ["shannon", "tsallis"])
def test_limits_are_exact(rng, kind, entropy):
    z = np.float32([*rng.normal(size=100), 0.0, -0.0, 1e4, -1e4])
    hard = {
        "relu": np.maximum(z, 0),
        "leaky": np.where(z > 0, z, np.float32(0.1) * z),
        "abs": np.abs(z),
    }
    found = {beta: layer(kind, beta, entropy=entropy)(z) for beta in (0.0, 1.0)}
    np.testing.assert_array_equal(found[1.0], hard[kind])
    mean = np.float32((KINDS[kind] + 1) / 2) * z
    np.testing.assert_array_equal(found[0.0], mean)


@pytest.mark.parametrize("slope", [0.01, 0.2, 0.7])
def test_gates_of_tsallis_entropy_keep_their_bounds(slope):
    """Also by rounding, which the middle of both slopes would leave."""
    made = BetaVQ("leaky", 0.5, slope=slope, entropy="tsallis")
    low, high = np.asarray(made.gate(np.float32([-9.0, 9.0])))
    assert np.float32(slope) <= low < high <= 1
    assert (low, high) == pytest.approx((slope, 1), rel=1e-6)


BETAS = (0.0, 1e-9, 0.5, 0.999, 1 - 1e-9, 1.0)
FAR = np.array([-1e4, -1.0, -1e-4, 0.0, 1e-4, 1.0, 1e4])


def pooling(beta, mode, dtype, entropy):
    return BetaVQPooling(2, 2, "same", beta, mode, entropy, dtype=dtype)


@pytest.mark.parametrize("kind", [*KINDS, "pooling"])
@pytest.mark.parametrize("mode", ["fixed", "per_layer", "per_channel"])
@pytest.mark.parametrize(
    "dtype", ["float32", "mixed_bfloat16", "mixed_float16"]
)
@pytest.mark.parametrize("entropy", ["shannon", "tsallis"])
def test_everything_stays_finite(kind, mode, dtype, entropy):
    for beta in BETAS:
        if mode != "fixed" and beta in (0, 1):
            continue
        if kind == "pooling":
            made = pooling(beta, mode, dtype, entropy)
        else:
            made = layer(kind, beta, mode, entropy=entropy, dtype=dtype)
        z = np.tile(FAR[:, None, None], (1, 1, 4, 3))
        z = tf.constant(z, made.compute_dtype)
        with tf.GradientTape() as tape:
            tape.watch(z)
            outputs = made(z)
            total = tf.reduce_sum(tf.cast(outputs, "float32"))
        assert outputs.dtype == made.compute_dtype
        variables = [v.value for v in made.trainable_variables]
        for tensor in (outputs, *tape.gradient(total, [z, *variables])):
            assert np.isfinite(np.asarray(tensor, "float64")).all()


@each_kind
@pytest.mark.parametrize("beta", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("entropy", ["shannon", "tsallis"])
def test_multiplies_by_its_gate(rng, kind, beta, entropy):
    z = rng.normal(size=(5, 3)).astype("float32")
    made = layer(kind, beta, entropy=entropy)
    gates = made.gate(z)
    np.testing.assert_allclose(made(z), z * gates, rtol=1e-6)
    lowest = min(KINDS[kind], 0)
    assert np.min(gates) >= lowest and np.max(gates) <= 1


def test_hard_gate_of_zero_is_that_of_the_smaller_slope():
    for kind, smaller in KINDS.items():
        gates = layer(kind, 1.0).gate(np.float32([0.0, 1e-30]))
        np.testing.assert_array_equal(gates, np.float32([smaller, 1]))


def test_one_beta_a_layer_or_a_channel(rng):
    z = rng.normal(size=(2, 3, 4)).astype("float32")
    for mode, shape in (("per_layer", ()), ("per_channel", (4,))):
        made = BetaVQ("relu", 0.3, mode)
        made(z)
        assert [v.name for v in made.weights] == ["u"]
        np.testing.assert_allclose(made.beta, np.full(shape, 0.3), rtol=1e-6)
    made.u.assign([-2.0, 0.0, 1.0, 30.0])
    eta = np.exp([-2.0, 0.0, 1.0, 20.0])
    expected = z / (1 + np.exp(-np.clip(eta * z, -700, 700)))
    np.testing.assert_allclose(made(z), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"kind": "gelu"}, "kind='gelu'"),
        ({"beta": 1.5}, "beta=1.5"),
        ({"beta": -0.1}, "beta=-0.1"),
        ({"beta": float("nan")}, "beta=nan"),
        ({"beta": 1, "beta_mode": "per_layer"}, "cannot leave its bounds"),
        ({"beta_mode": "global"}, "'global'"),
        ({"entropy": "renyi"}, "'renyi'"),
        ({"slope": 0.1}, "slope=0.1, kind='relu'"),
        ({"kind": "leaky", "slope": 1.0}, "slope=1.0"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        BetaVQ(**arguments)

"""Batch normalisation against the stock Keras layer, NumPy and one device."""

import keras
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf.layers import BatchNorm

WEIGHTS = ("gamma", "beta", "moving_mean", "moving_variance")


def make(cls, shape, seed=1, **arguments):
    """A built layer with weights that are neither zeros nor ones."""
    layer = cls(**arguments)
    layer.build((None, *shape[1:]))
    rng = np.random.default_rng(seed)
    channels = shape[-1]
    layer.set_weights(
        [
            rng.uniform(0.5, 1.5, channels),
            rng.normal(size=channels),
            rng.normal(size=channels),
            rng.uniform(0.5, 2.0, channels),
        ]
    )
    return layer


def draw(rng, shape, dtype="float32"):
    offset, scale = np.linspace(-2, 3, shape[-1]), np.linspace(1, 3, shape[-1])
    return (offset + scale * rng.normal(size=shape)).astype(dtype)


def gradients(layer, x, cotangent, training):
    """Gradients of `sum(cotangent * layer(x))` for x, gamma and beta."""
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layer(x, training=training)
        total = tf.reduce_sum(y * tf.cast(cotangent, y.dtype))
    sources = [x, layer.gamma.value, layer.beta.value]
    return [np.asarray(g) for g in tape.gradient(total, sources)]


def operations(function, *arguments):
    """Types of the operations of a function's graph, nested ones included."""
    graph = function.get_concrete_function(*arguments).graph
    found = {op.type for op in graph.get_operations()}
    for inner in graph.as_graph_def().library.function:
        found |= {node.op for node in inner.node_def}
    return found


def is_fused(layer, x, training):
    function = tf.function(lambda x: layer(x, training=training))
    return "FusedBatchNormV3" in operations(function, tf.constant(x))


CASES = [
    ((4, 5, 3, 6), "float32"),
    ((7, 6), "float32"),
    ((4, 5, 6), "float32"),
    ((4, 5, 3, 6), "float64"),
]


@pytest.mark.parametrize("shape,dtype", CASES)
@pytest.mark.parametrize("momentum,epsilon", [(0.99, 1e-3), (0.5, 0.1)])
def test_equals_the_keras_layer(rng, shape, dtype, momentum, epsilon):
    arguments = {"momentum": momentum, "epsilon": epsilon, "dtype": dtype}
    ours = make(BatchNorm, shape, **arguments)
    stock = make(keras.layers.BatchNormalization, shape, **arguments)
    near = {"rtol": 1e-5, "atol": 1e-5 if dtype == "float32" else 1e-12}
    for _ in range(4):
        x = draw(rng, shape, dtype)
        for training in (True, False):
            y = ours(x, training=training)
            assert y.dtype == dtype
            np.testing.assert_allclose(y, stock(x, training=training), **near)
        for name in WEIGHTS:
            np.testing.assert_allclose(
                getattr(ours, name), getattr(stock, name), **near, err_msg=name
            )


def test_equals_numpy_with_the_biased_variance(rng):
    """Six values a channel, so Bessel's correction would show: 6/5."""
    layer = BatchNorm(momentum=0.75, epsilon=0.01)
    mean, variance = np.zeros(2), np.ones(2)
    for _ in range(3):
        x = draw(rng, (1, 2, 3, 2))
        y = layer(x, training=True)
        m, v = x.mean((0, 1, 2), "float64"), x.var((0, 1, 2), "float64")
        np.testing.assert_allclose(y, (x - m) / np.sqrt(v + 0.01), atol=1e-5)
        mean = 0.75 * mean + 0.25 * m
        variance = 0.75 * variance + 0.25 * v
        np.testing.assert_allclose(layer.moving_mean, mean, rtol=1e-5)
        np.testing.assert_allclose(layer.moving_variance, variance, rtol=1e-5)
    np.testing.assert_allclose(
        layer(x, training=False),
        (x - mean) / np.sqrt(variance + 0.01),
        atol=1e-5,
    )


@pytest.mark.parametrize("epsilon", [1e-6, 1e-10])
def test_small_epsilon_is_used_as_given(rng, epsilon):
    """Earlier fused kernels raised it to 1.001e-5."""
    x = draw(rng, (4, 3, 3, 2)) * np.float32(1e-3)
    x = x - x.mean((0, 1, 2))
    expected = x / np.sqrt(x.var((0, 1, 2), "float64") + epsilon)
    np.testing.assert_allclose(
        BatchNorm(epsilon=epsilon)(x, training=True),
        expected,
        rtol=1e-3,
        atol=1e-4,
    )


def test_one_value_a_channel_has_variance_zero():
    layer = BatchNorm(momentum=0.0)
    y = layer(np.full((1, 1, 1, 3), 5.0, "float32"), training=True)
    np.testing.assert_array_equal(y, np.zeros((1, 1, 1, 3)))
    np.testing.assert_array_equal(layer.moving_mean, [5, 5, 5])
    np.testing.assert_array_equal(layer.moving_variance, [0, 0, 0])


@pytest.mark.parametrize("shape,dtype", CASES)
@pytest.mark.parametrize("training", [True, False])
def test_gradients_equal_those_of_the_keras_layer(rng, shape, dtype, training):
    x, cotangent = draw(rng, shape, dtype), rng.normal(size=shape)
    ours = make(BatchNorm, shape, dtype=dtype)
    stock = make(keras.layers.BatchNormalization, shape, dtype=dtype)
    for got, expected in zip(
        gradients(ours, x, cotangent, training),
        gradients(stock, x, cotangent, training),
        strict=True,
    ):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("training", [True, False])
def test_second_derivatives_equal_those_of_the_keras_layer(rng, training):
    shape = (4, 3, 3, 2)
    x = tf.constant(draw(rng, shape))
    found = []
    for cls in (BatchNorm, keras.layers.BatchNormalization):
        layer = make(cls, shape)
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                total = tf.reduce_sum(tf.sin(layer(x, training=training)))
            norm = tf.reduce_sum(inner.gradient(total, x) ** 2)
        found.append(outer.gradient(norm, x))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("policy", ["float16", "bfloat16"])
@pytest.mark.parametrize("mixed", [True, False])
@pytest.mark.parametrize("shape", [(4, 5, 3, 6), (7, 6)])
@pytest.mark.parametrize("training", [True, False])
def test_16_bits(rng, shape, mixed, policy, training):
    """Without mixing weights have 16 bits, which the kernel does not take."""
    x, precision = draw(rng, shape), ml_dtypes.finfo(policy).eps / 2
    dtype = f"mixed_{policy}" if mixed else policy
    ours = make(BatchNorm, shape, dtype=dtype)
    stock = make(keras.layers.BatchNormalization, shape, dtype=dtype)
    y, expected = (a(x, training=training) for a in (ours, stock))
    assert y.dtype == expected.dtype == policy
    y, expected = (np.asarray(a, "float32") for a in (y, expected))
    if not mixed:
        np.testing.assert_allclose(y, expected, atol=0.05)
        return
    np.testing.assert_allclose(y, expected, rtol=precision, atol=1e-3)
    # The input is rounded, and the output.
    exact = make(BatchNorm, shape)(x, training=training)
    np.testing.assert_allclose(y, exact, rtol=4 * precision, atol=8 * precision)
    for name in WEIGHTS:
        weight = getattr(ours, name)
        assert weight.dtype == "float32"
        np.testing.assert_allclose(
            weight, getattr(stock, name), rtol=1e-3, atol=1e-3, err_msg=name
        )


@pytest.mark.parametrize("shape,dtype", CASES)
def test_frozen_layer_uses_and_keeps_its_moving_averages(rng, shape, dtype):
    layer = make(BatchNorm, shape, dtype=dtype)
    before = layer.get_weights()
    gamma, beta, mean, variance = before
    layer.trainable = False
    x = draw(rng, shape, dtype)
    y = layer(x, training=True)
    expected = gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta
    np.testing.assert_allclose(y, expected, atol=1e-5)
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)


@pytest.mark.parametrize(
    "shape,policy,training,fused",
    [
        ((4, 5, 3, 6), "float32", True, True),
        ((4, 5, 3, 6), "float32", False, True),
        ((4, 5, 3, 6), "mixed_float16", True, True),
        ((4, 5, 3, 6), "mixed_bfloat16", True, True),
        *((shape, dtype, True, False) for shape, dtype in CASES[1:]),
    ],
)
def test_when_one_replica_is_fused(rng, shape, policy, training, fused):
    """Where inputs are images, in numbers that the kernel takes."""
    layer = make(BatchNorm, shape, dtype=policy)
    dtype = "float64" if policy == "float64" else "float32"
    assert is_fused(layer, draw(rng, shape, dtype), training) == fused


def test_inference_as_keras_is_that_to_the_bit(rng):
    """The kernel's is not, so this can fail; training keeps the kernel."""
    shape = (4, 5, 3, 64)
    kernel, ours, stock = (
        make(kind, shape, **more)
        for kind, more in (
            (BatchNorm, {}),
            (BatchNorm, {"as_keras": True}),
            (keras.layers.BatchNormalization, {}),
        )
    )
    again = BatchNorm.from_config(ours.get_config())
    again.build(shape)
    again.set_weights(ours.get_weights())
    x = draw(rng, shape, "float32")
    expected = np.asarray(stock(x))
    assert (np.asarray(ours(x)) == expected).all()
    assert (np.asarray(again(x)) == expected).all()
    assert (np.asarray(kernel(x)) != expected).any()
    assert is_fused(ours, x, True) and not is_fused(ours, x, False)
    assert "as_keras" not in kernel.get_config()


def test_compiled_by_xla(rng):
    shape = (4, 5, 3, 6)
    x = draw(rng, shape)
    layer, plain = make(BatchNorm, shape), make(BatchNorm, shape)
    compiled = tf.function(lambda x: layer(x, training=True), jit_compile=True)
    np.testing.assert_allclose(
        compiled(x), plain(x, training=True), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        layer.moving_variance, plain.moving_variance, rtol=1e-5
    )


def test_mask_is_heeded(rng):
    x = draw(rng, (4, 5, 3, 6))
    mask = rng.uniform(size=(4, 5, 3)) < 0.6
    layer = BatchNorm(momentum=0.0)
    layer(x, training=True, mask=tf.constant(mask))
    np.testing.assert_allclose(
        layer.moving_mean, x[mask].mean(0), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(
        layer.moving_variance, x[mask].var(0), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    "arguments,fused",
    [
        ({"scale": False}, True),
        ({"center": False}, True),
        ({"scale": False, "center": False, "epsilon": 1e-5}, True),
        ({"axis": 1}, False),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_options_of_the_keras_layer(rng, arguments, fused, training):
    x = draw(rng, (4, 6, 5, 6))
    ours = BatchNorm(**arguments)
    stock = keras.layers.BatchNormalization(**arguments)
    for layer in (ours, stock):
        layer.build(x.shape)
        layer.moving_mean.assign(np.arange(6.0))
        layer.moving_variance.assign(np.arange(1.0, 7.0))
    assert is_fused(ours, x, training) == fused
    assert len(ours.trainable_variables) == len(stock.trainable_variables)
    np.testing.assert_allclose(
        ours(x, training=training), stock(x, training=training), atol=1e-5
    )


SHAPES = [(5, 4, 3, 6), (5, 6)]


def replicated(strategy, x, cotangent, training, split=3, **arguments):
    """What a layer gives on two replicas, `x` being split unevenly.

    Returns the joined outputs; the gradients for x (joined), gamma and beta
    (summed); the layer; and the operations of the graph.
    """
    with strategy.scope():
        layer = make(BatchNorm, x.shape, **arguments)

    def share(array):
        parts = (array[:split], array[split:])
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(parts[context.replica_id_in_sync_group])
        )

    def step(x, cotangent):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=training)
            total = tf.reduce_sum(y * cotangent)
        sources = [x, layer.gamma.value, layer.beta.value]
        return y, *tape.gradient(total, sources)

    function = tf.function(lambda *shares: strategy.run(step, args=shares))
    shares = share(x), share(cotangent.astype(x.dtype))
    parts = [strategy.experimental_local_results(r) for r in function(*shares)]
    outputs, x_gradient = (np.concatenate(p) for p in parts[:2])
    found = [x_gradient, *(sum(np.asarray(g) for g in p) for p in parts[2:])]
    return outputs, found, layer, operations(function, *shares)


def on_each_replica(strategy, variable):
    return [
        np.asarray(value)
        for value in strategy.experimental_local_results(variable.value)
    ]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_two_replicas_equal_one(rng, two_replicas, shape, dtype):
    x, cotangent = draw(rng, shape, dtype), rng.normal(size=shape)
    outputs, found, layer, types = replicated(
        two_replicas, x, cotangent, training=True, dtype=dtype
    )
    single = make(BatchNorm, shape, dtype=dtype)
    expected = gradients(single, x, cotangent, training=True)
    for got, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=2e-5)
    fresh = make(BatchNorm, shape, dtype=dtype)
    np.testing.assert_allclose(outputs, fresh(x, training=True), atol=1e-5)
    axes = tuple(range(len(shape) - 1))
    start = make(BatchNorm, shape, dtype=dtype)
    for name, statistic in (
        ("moving_mean", x.mean(axes, "float64")),
        ("moving_variance", x.var(axes, "float64")),
    ):
        wanted = 0.99 * np.asarray(getattr(start, name)) + 0.01 * statistic
        values = on_each_replica(two_replicas, getattr(layer, name))
        assert len(values) == 2
        for value in values:
            np.testing.assert_allclose(value, wanted, rtol=1e-5, atol=1e-5)
    assert "FusedBatchNormV3" not in types


def test_two_replicas_do_not_share_if_told_so(rng, two_replicas):
    shape = (5, 4, 3, 6)
    x, cotangent = draw(rng, shape), rng.normal(size=shape)
    outputs, _, _, types = replicated(
        two_replicas, x, cotangent, training=True, synchronized=False
    )
    gamma, beta, _, _ = make(BatchNorm, shape).get_weights()
    for part, got in ((x[:3], outputs[:3]), (x[3:], outputs[3:])):
        mean, variance = part.mean((0, 1, 2)), part.var((0, 1, 2))
        wanted = gamma * (part - mean) / np.sqrt(variance + 1e-3) + beta
        np.testing.assert_allclose(got, wanted, atol=1e-5)
    assert "FusedBatchNormV3" in types


def test_two_replicas_in_inference(rng, two_replicas):
    shape = (5, 4, 3, 6)
    x, cotangent = draw(rng, shape), rng.normal(size=shape)
    outputs, _, layer, types = replicated(
        two_replicas, x, cotangent, training=False
    )
    gamma, beta, mean, variance = make(BatchNorm, shape).get_weights()
    wanted = gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta
    np.testing.assert_allclose(outputs, wanted, atol=1e-5)
    np.testing.assert_array_equal(layer.moving_mean, mean)
    assert "FusedBatchNormV3" in types

"""What every layer owes, on TensorFlow and on JAX: one row each.

Keras' own checks, values under every dtype policy, compiled and not, and
gradients, both against NumPy in float64, and a .keras file that gives the layer
back. tests/test_backends.py runs this file again on JAX.
"""

import dataclasses
import inspect
import itertools
import typing

import keras
import ml_dtypes
import numpy as np
import pytest
from keras.src import testing
from numpy.lib.stride_tricks import sliding_window_view

from dlgn_tf import layers
from dlgn_tf.layers import orthogonalization
from dlgn_tf.layers.apodized_convolution import apodization_window
from dlgn_tf.regularizers import Orthogonality

ON_JAX = keras.backend.backend() == "jax"
# Rounding of a few operations, relative to the largest output.
ROUNDING = {"float16": 6e-3, "bfloat16": 5e-2, "float32": 1e-5, "float64": 1e-9}
POLICIES = ("mixed_float16", "mixed_bfloat16", *ROUNDING)
LINE, IMAGES = (2, 6, 5), (2, 6, 6, 3)
MORLET = {
    "angles": 3,
    "sigma": 0.9,
    "frequency": 2.0,
    "low_pass_sigma": 0.5,
    "slant": 0.6,
    "kernel_size": 5,
    "stride": 2,
}


def sigmoid(x):
    return 0.5 * (1 + np.tanh(x / 2))


def beta_vq(kind_slope, eta):
    """Softmax of two affine regions, eta a number or None: from the weight."""

    def soft(x, weights):
        steep = np.exp(weights[0]) if eta is None else eta
        gap = 1 - kind_slope
        return x * (kind_slope + gap * sigmoid(steep * gap * x))

    return soft


def softmax_pooled(eta):
    def pooled(x, weights):
        windows = patches(x, 2, 2)
        scores = (np.exp(weights[0]) if weights else eta) * windows
        shares = np.exp(scores - scores.max((4, 5), keepdims=True))
        shares /= shares.sum((4, 5), keepdims=True)
        return (shares * windows).sum((4, 5))

    return pooled


def sparsemax_pooled(x, weights):
    """Of all sets of pixels that may have weight the one that is right."""
    windows = patches(x, 2, 2).reshape(*x[:, ::2, ::2].shape, 4)
    scores = np.exp(weights[0]) * windows
    tau = [
        (scores[..., list(chosen)].sum(-1) - 1) / len(chosen)
        for count in range(1, 5)
        for chosen in itertools.combinations(range(4), count)
    ]
    shares = np.maximum(scores - np.max(tau, axis=0)[..., None], 0)
    return (shares * windows).sum(-1)


def patches(x, size, stride=1):
    """`(batch, height, width, channels, size, size)`."""
    windows = sliding_window_view(x, (size, size), axis=(1, 2))
    return windows[:, ::stride, ::stride]


def convolved(x, kernel, bias=0.0):
    size = kernel.shape[0]
    return np.einsum("bhwcij,ijcf->bhwf", patches(x, size), kernel) + bias


def orthogonal(kernel):
    """What the Gram-Schmidt process leaves of its filters."""
    q, r = np.linalg.qr(kernel.reshape(-1, kernel.shape[-1]))
    return (q * np.diag(r)).reshape(kernel.shape)


def polar(kernel):
    u, _, v = np.linalg.svd(kernel, full_matrices=False)
    return u @ v


def cayley(kernel):
    """(I - A)(I + A)^(-1) above -2 V (I + A)^(-1), A = U - U' + V'V."""
    n = kernel.shape[1]
    u, v = kernel[:n], kernel[n:]
    a = u - u.T + v.T @ v
    inverse = np.linalg.inv(np.eye(n) + a)
    return np.concatenate([(np.eye(n) - a) @ inverse, -2 * v @ inverse])


def windowed(kernel):
    return kernel * apodization_window(3)[..., None, None]


def windowed_unit(x, weights):
    kernel, bias, gain = weights
    q = orthogonal(kernel)
    unit = q / np.sqrt(np.sum(q**2, axis=(0, 1, 2)))
    return convolved(x, windowed(gain * unit), bias)


def normalized(x, weights):
    gamma, beta, mean, variance = weights
    return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta


def morlet(x, weights):
    bank = layers.MorletFilters(**MORLET).filters()
    padded = np.pad(x, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect")
    maps = np.einsum("bhwcij,ijf->bhwfc", patches(padded, 5, 2), bank)
    return maps.reshape(*maps.shape[:3], -1)


def standardized(x, weights):
    mean, variance = weights
    variance = np.tile(variance[:3] + variance[3:], 2)
    return (x - mean) / np.sqrt(variance + 1e-3)


def skip_modulus(x, weights):
    low, real, imaginary = np.split(x, 3, axis=-1)
    moduli = np.abs(low), np.hypot(real, imaginary)
    parts = (low, real, *moduli), (0 * low, imaginary, *(0 * low, 0 * low))
    return np.stack([np.concatenate(part, -1) for part in parts], -2)


def modulus(x, weights):
    low, real, imaginary = np.split(x, 3, axis=-1)
    return np.concatenate([low, np.hypot(real, imaginary)], axis=-1)


def all_and_moduli(x, weights):
    """With `skip`: all that came, and the moduli, the low pass' too."""
    low = np.split(x, 3, axis=-1)[0]
    moduli = modulus(x, weights)[..., low.shape[-1] :]
    return np.concatenate([x, np.abs(low), moduli], axis=-1)


def pooled_relu(x, weights):
    kernels, biases = weights
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    pooled = [
        np.maximum(convolved(padded, *member), 0).mean((1, 2))
        for member in zip(kernels, biases, strict=True)
    ]
    return np.stack(pooled, axis=1)


def connected(x, weights):
    kernel, bias = weights
    regions = x.reshape(len(x), len(kernel), -1)
    return np.einsum("bri,rio->bro", regions, kernel) + bias


def per_image(x, weights):
    x = x - x.mean((1, 2, 3), keepdims=True)
    return x / np.abs(x).max((1, 2, 3), keepdims=True)


@dataclasses.dataclass(frozen=True)
class Row:
    """A layer, its inputs, and what it computes of inputs and weights.

    Attributes:
        layer: Class.
        options: Dict of its arguments.
        oracle: Function of inputs and weights, float64 arrays, in NumPy.
        size: Float, the inputs' largest magnitude.
        shape: Tuple of integers, of the inputs.
        trainable: Integer, number of trainable weights.
    """

    layer: type
    options: dict
    oracle: typing.Callable
    size: float = 1e3
    shape: tuple = IMAGES
    trainable: int = 0

    def make(self, **more):
        return self.layer(**self.options, **more)

    def outputs(self):
        """Shape of what the oracle gives."""
        rng = np.random.default_rng(1)
        _, inputs, weights = self.drawn(rng, "float32")
        return self.oracle(np.float64(inputs), weights).shape

    def drawn(self, rng, policy):
        """A layer whose weights are drawn, its inputs, and what is wanted."""
        layer = self.make(dtype=policy)
        layer.build(self.shape)
        for variable in layer.weights:
            if variable.name in ("gamma", "moving_variance"):
                variable.assign(rng.uniform(0.5, 1.5, variable.shape))
            elif len(variable.shape) == 5:
                variable.assign(rng.normal(size=variable.shape))
        dtype = layer.compute_dtype
        inputs = cast(rng.uniform(-self.size, self.size, self.shape), dtype)
        kept = "float64" if policy == "float64" else "float32"
        weights = [np.float64(cast(w, kept)) for w in layer.weights]
        return layer, inputs, weights


FILTERS = {"filters": 4, "kernel_size": 3}
MOST = {"kind": "abs", "beta": 1 - 1e-6, "beta_mode": "per_layer"}
LEARNED = {"kind": "leaky", "beta": 0.3, "beta_mode": "per_channel"}
CLIPPED = {"kind": "abs", "beta_mode": "per_layer", "entropy": "tsallis"}
POOL_LEARNED = {"pool_size": (2, 2), "strides": 2, "beta_mode": "per_layer"}
POLAR = {"reparametrization": "newton_schulz", "overcomplete": "groups"}
CAYLEY = {"reparametrization": "cayley", "scale": "unit"}
NORMALIZED = {"mean": [0.4, 0.5, 0.3], "std": 0.2}
ROWS = {
    "Gate": Row(
        layers.Gate,
        {"kind": "soft", "beta": 10.0, "epsilon": 0.1},
        lambda x, w: 1.1 * sigmoid(10 * x),
        1e4,
    ),
    "Gate, hard": Row(layers.Gate, {"kind": "hard"}, lambda x, w: x > 0, 1.0),
    "BatchNorm": Row(
        layers.BatchNorm, {"momentum": 0.9}, normalized, trainable=2
    ),
    "BatchNorm of rows": Row(
        layers.BatchNorm, {"synchronized": False}, normalized, 1e3, (4, 3), 2
    ),
    "BetaVQ": Row(layers.BetaVQ, {"beta": 1e-9}, beta_vq(0, 1e-9), 1e3, (2, 6)),
    "BetaVQ, nearly hard": Row(
        layers.BetaVQ,
        MOST,
        lambda x, w: x * np.tanh(x * (1e6 - 1)),
        1e-3,
        (2, 6),
        1,
    ),
    "BetaVQ, learned": Row(
        layers.BetaVQ, LEARNED, beta_vq(0.01, None), 2.0, trainable=1
    ),
    "BetaVQ, clipped lines": Row(
        layers.BetaVQ,
        CLIPPED,
        lambda x, w: x * np.clip(2 * np.exp(w[0]) * x, -1, 1),
        2.0,
        trainable=1,
    ),
    "BetaVQPooling": Row(
        layers.BetaVQPooling, {"beta": 1e-9}, softmax_pooled(1e-9)
    ),
    "BetaVQPooling, learned": Row(
        layers.BetaVQPooling,
        POOL_LEARNED,
        softmax_pooled(None),
        2.0,
        trainable=1,
    ),
    "BetaVQPooling, sparsemax": Row(
        layers.BetaVQPooling,
        {**POOL_LEARNED, "entropy": "tsallis"},
        sparsemax_pooled,
        2.0,
        trainable=1,
    ),
    "BetaVQPooling, a mean": Row(
        layers.BetaVQPooling,
        {"pool_size": 2, "beta": 0.0},
        lambda x, w: patches(x, 2, 2).mean((4, 5)),
        2e4,
    ),
    "BetaVQPooling, a maximum": Row(
        layers.BetaVQPooling,
        {"pool_size": 2, "beta": 1.0},
        lambda x, w: patches(x, 2, 2).max((4, 5)),
        2e4,
    ),
    "CircularPadding": Row(
        layers.CircularPadding,
        {"kernel_size": 4},
        lambda x, w: np.pad(x, ((0, 0), (1, 2), (1, 2), (0, 0)), mode="wrap"),
        2e4,
        (2, 5, 4, 3),
    ),
    "ComplexModulus": Row(layers.ComplexModulus, {"angles": 1}, modulus, 1e4),
    "ComplexModulus, skip": Row(
        layers.ComplexModulus, {"angles": 1, "skip": True}, all_and_moduli, 1e4
    ),
    "ComplexStandardization": Row(
        layers.ComplexStandardization,
        {"momentum": 0.8, "epsilon": 1e-3},
        standardized,
        1e4,
        (2, 3, 3, 6),
    ),
    "SkipModulus": Row(
        layers.SkipModulus,
        {"angles": 1, "complex_maps": False},
        skip_modulus,
        1e4,
        (2, 3, 3, 6),
    ),
    "Grayscale": Row(
        layers.Grayscale,
        {},
        lambda x, w: (x @ [0.299, 0.587, 0.114])[..., None],
        2e4,
    ),
    "TwoLogits": Row(
        layers.TwoLogits,
        {"scale": 0.5},
        lambda x, w: x * [-0.5, 0.5],
        1e4,
        (3, 1),
    ),
    "GraphOperation": Row(
        layers.GraphOperation,
        {
            "operation": (3 * keras.Input((1,)))._keras_history.operation,
            "arguments": {"args": [3.0, {"tensor": 0}], "kwargs": {}},
        },
        lambda x, w: 3 * x,
        2e4,
    ),
    "LocallyConnected": Row(
        layers.LocallyConnected,
        {"nodes": 4, "window": 2, "stride": 2, "seed": 0},
        connected,
        1e3,
        LINE,
        2,
    ),
    "MorletFilters": Row(
        layers.MorletFilters, MORLET, morlet, shape=(2, 8, 8, 2)
    ),
    "OrthogonalDense": Row(
        layers.OrthogonalDense,
        {"units": 4, **POLAR},
        lambda x, w: x @ (w[2] * polar(w[0])) + w[1],
        1e2,
        (3, 7),
        3,
    ),
    "OrthogonalDense, cayley": Row(
        layers.OrthogonalDense,
        {"units": 4, **CAYLEY},
        lambda x, w: x @ cayley(w[0]) + w[1],
        1e2,
        (3, 7),
        2,
    ),
    "OrthogonalConv2D": Row(
        layers.OrthogonalConv2D,
        FILTERS,
        lambda x, w: convolved(x, orthogonal(w[0]), w[1]),
        1e2,
        trainable=2,
    ),
    "ApodizedConv2D": Row(
        layers.ApodizedConv2D,
        {"kernel_regularizer": Orthogonality(), **FILTERS},
        lambda x, w: convolved(x, windowed(w[0]), w[1]),
        1e2,
        trainable=2,
    ),
    "ApodizedOrthogonalConv2D": Row(
        layers.ApodizedOrthogonalConv2D,
        {"scale": "gain", **FILTERS},
        windowed_unit,
        1e2,
        trainable=3,
    ),
    "PerImageStandardization": Row(
        layers.PerImageStandardization, {}, per_image, 255
    ),
    "PixelNormalization": Row(
        layers.PixelNormalization,
        NORMALIZED,
        lambda x, w: (x / 255 - NORMALIZED["mean"]) / 0.2,
        255,
    ),
    "PooledReLUConvolution": Row(
        layers.PooledReLUConvolution,
        {"members": 2, **FILTERS},
        pooled_relu,
        shape=(2, 32, 32, 3),
        trainable=2,
    ),
    "SubsampleAndPad": Row(
        layers.SubsampleAndPad,
        {"filters": 5, "stride": 2},
        lambda x, w: np.pad(x[:, ::2, ::2], [(0, 0)] * 3 + [(0, 2)]),
        2e4,
    ),
}
each_row = pytest.mark.parametrize("row", list(ROWS.values()), ids=list(ROWS))


def cast(array, dtype):
    kinds = {"bfloat16": ml_dtypes.bfloat16}
    return np.asarray(array, kinds.get(dtype, dtype))


def compiled(function):
    """The function, compiled as the backend's training compiles it."""
    if ON_JAX:
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function)


def in_training(layer):
    """Options of a call in training, where that is the same function."""
    takes_training = "training" in inspect.signature(layer.call).parameters
    # Batch statistics are another function.
    same = takes_training and not hasattr(layer, "moving_mean")
    return {"training": True} if same else {}


def gradients(layer, x, factors):
    """Of the sum of factors times outputs: by inputs and trainable weights."""
    options = in_training(layer)
    trainable = [v.value for v in layer.trainable_variables]
    if ON_JAX:
        import jax

        rest = [v.value for v in layer.non_trainable_variables]

        def total(x, trainable):
            outputs, _ = layer.stateless_call(trainable, rest, x, **options)
            return keras.ops.sum(outputs * factors)

        by_x, by_weights = jax.jit(jax.grad(total, (0, 1)))(x, trainable)
        return [by_x, *by_weights]
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(layer(x, **options) * factors)
    zero = tf.UnconnectedGradients.ZERO
    return tape.gradient(total, [x, *trainable], unconnected_gradients=zero)


def test_every_layer_has_a_row():
    classes = {
        each
        for each in (getattr(layers, name) for name in layers.__all__)
        if issubclass(each, keras.layers.Layer)
    }
    assert {row.layer for row in ROWS.values()} == classes


@each_row
def test_checks_of_keras(row):
    testing.TestCase().run_layer_test(
        row.layer,
        init_kwargs=row.options,
        input_shape=row.shape,
        expected_output_shape=row.outputs(),
        expected_num_trainable_weights=row.trainable,
        expected_num_losses=int("kernel_regularizer" in row.options),
        supports_masking=True
        if row.layer in (layers.Gate, layers.BetaVQ)
        else None,
        # Compiling takes seconds: those whose gradients are written here.
        run_training_check=not ON_JAX
        and row.layer
        in (layers.BatchNorm, layers.BetaVQ, layers.OrthogonalConv2D),
    )


# JAX has no float64 unless all of it has.
@pytest.mark.parametrize("policy", POLICIES[:-1] if ON_JAX else POLICIES)
@each_row
def test_values(row, policy, rng):
    layer, inputs, weights = row.drawn(rng, policy)
    dtype = layer.compute_dtype
    wanted = row.oracle(np.float64(inputs), weights)
    x = keras.ops.convert_to_tensor(inputs, dtype)
    calls = [layer]
    if in_training(layer):
        calls += [lambda x: layer(x, training=True)]
    if policy == "float32":
        calls += [compiled(layer)]
    elif ON_JAX:
        # Each operation by itself takes long to compile.
        calls = [compiled(call) for call in calls]
    for call in calls:
        outputs = call(x)
        assert keras.backend.standardize_dtype(outputs.dtype) == dtype
        difference = np.abs(np.float64(cast(outputs, "float64")) - wanted)
        assert difference.max() <= ROUNDING[dtype] * np.abs(wanted).max()


@each_row
def test_gradients_are_differences_of_the_oracle(row, rng):
    """By inputs and by every weight that is trained, each along a direction."""
    policy = "float32" if ON_JAX else "float64"
    layer, inputs, weights = row.drawn(rng, policy)
    # Of size 1 at most: far out soft gates have no gradient.
    inputs = cast(inputs / max(row.size, 1.0), policy)
    point = [np.float64(inputs), *weights]
    factors = rng.normal(size=row.oracle(point[0], weights).shape)
    found = gradients(
        layer, keras.ops.convert_to_tensor(inputs), cast(factors, policy)
    )
    places = [id(v) for v in layer.weights]
    trained = [places.index(id(v)) for v in layer.trainable_variables]
    assert len(found) == 1 + row.trainable
    for place, gradient in zip((-1, *trained), found, strict=True):
        direction = rng.normal(size=point[place + 1].shape)
        ends = []
        for step in (1e-6, -1e-6):
            moved = list(point)
            moved[place + 1] = moved[place + 1] + step * direction
            ends.append(np.sum(factors * row.oracle(moved[0], moved[1:])))
        assert np.sum(np.float64(gradient) * direction) == pytest.approx(
            (ends[0] - ends[1]) / 2e-6,
            rel=1e-3 if ON_JAX else 1e-5,
            abs=1e-3 if ON_JAX else 1e-6,
        )


@each_row
def test_a_keras_file_gives_the_layer_back(row, rng, tmp_path):
    layer, inputs, _ = row.drawn(rng, "float32")
    for variable in layer.weights:
        variable.assign(variable + 0.1)
    model = keras.Sequential([keras.Input(row.shape[1:]), layer])
    model.save(tmp_path / "model.keras")
    (again,) = keras.models.load_model(tmp_path / "model.keras").layers
    config = layer.get_config()
    assert again.get_config() == config and row.options.keys() <= config.keys()
    np.testing.assert_array_equal(again(inputs), layer(inputs))


# TensorFlow's own convolutions and reflection fail there.
@pytest.mark.parametrize(
    "name",
    [
        n
        for n, row in ROWS.items()
        if not row.trainable and n != "MorletFilters"
    ],
)
def test_a_batch_of_no_images(name):
    row = ROWS[name]
    outputs = row.make()(np.zeros((0, *row.shape[1:])))
    assert tuple(outputs.shape) == (0, *row.outputs()[1:])


@pytest.mark.parametrize(
    "name", ["ComplexModulus", "SkipModulus", "SubsampleAndPad"]
)
def test_channels_that_are_not_known_are_refused(name):
    with pytest.raises(ValueError, match=r"Received: input_shape=\(None, 8"):
        ROWS[name].make()(keras.Input((8, 8, None)))


COUNTS = {
    layers.CircularPadding: ("kernel_size",),
    layers.ComplexModulus: ("angles",),
    layers.LocallyConnected: ("nodes", "window", "stride"),
    layers.MorletFilters: ("angles", "stride"),
    layers.PooledReLUConvolution: ("members", "filters", "kernel_size"),
    layers.SkipModulus: ("angles",),
    layers.SubsampleAndPad: ("filters", "stride"),
}


@pytest.mark.parametrize("wrong", [0, 0.5, 1.5, float("inf")])
@pytest.mark.parametrize("kind", COUNTS)
def test_counts_are_integers_of_at_least_1(kind, wrong):
    right = next(r.options for r in ROWS.values() if r.layer is kind)
    for name in COUNTS[kind]:
        assert kind(**{**right, name: 2.0}).get_config()[name] == 2
        with pytest.raises(ValueError, match=f"integer >= 1.*{name}={wrong}"):
            kind(**{**right, name: wrong})


def test_filters_that_depend_are_orthogonal_too():
    kernel = keras.ops.ones((6, 3))
    columns = np.float64(compiled(orthogonalization.gram_schmidt)(kernel))
    np.testing.assert_allclose(columns.T @ columns, np.eye(3), atol=2e-6)


def test_regularizer():
    regularizer = Orthogonality(0.5, "mean_entries", (-1, 1), (-2, -1), 3)
    testing.TestCase().run_class_serialization_test(regularizer)
    kernel = np.arange(24, dtype="float32").reshape(2, 2, 3, 2) / 24
    gram = np.einsum("hwcm,hwcn->cmn", kernel, kernel)
    penalty = regularizer(keras.ops.convert_to_tensor(kernel))
    wanted = 0.5 * 2 * np.sum(gram[:, 0, 1] ** 2) * 4 / 36
    np.testing.assert_allclose(penalty, wanted, rtol=1e-5)


@pytest.mark.parametrize("policy", POLICIES[:-1] if ON_JAX else POLICIES)
@pytest.mark.parametrize("beta", [1e-12, 1e-9, 1e-4, 1 - 1e-4, 1 - 1e-9])
def test_a_fixed_beta_is_the_one_that_was_given(policy, beta):
    layer = layers.BetaVQ(beta=beta, dtype=policy)
    z = cast([1e-3, 1.0, 1e3], layer.compute_dtype)
    wanted = beta_vq(0, beta / (1 - beta))(np.float64(z), ())
    np.testing.assert_allclose(
        cast(layer(z), "float64"), wanted, rtol=ROUNDING[layer.compute_dtype]
    )


@pytest.mark.parametrize("policy", POLICIES[:-1] if ON_JAX else POLICIES)
@pytest.mark.parametrize("kind", [layers.ComplexModulus, layers.SkipModulus])
def test_gradients_of_the_modulus_are_finite_at_zero(kind, policy):
    layer = kind(1, dtype=policy)
    zero = keras.ops.zeros((1, 6), layer.compute_dtype)
    layer.build(zero.shape)
    one = keras.ops.ones((), layer.compute_dtype)
    (gradient,) = gradients(layer, zero, one)
    gradient = cast(gradient, "float64")
    assert np.all(np.isfinite(gradient)) and np.any(gradient)

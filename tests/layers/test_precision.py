"""Every layer under every dtype policy, against NumPy in float64."""

import inspect
import math

import keras
import ml_dtypes
import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from dlgn_tf import layers
from dlgn_tf.layers.apodized_convolution import apodization_window

POLICIES = (
    "float16",
    "bfloat16",
    "mixed_float16",
    "mixed_bfloat16",
    "float32",
    "float64",
)
# Rounding of a few operations, relative to the largest output.
ROUNDING = {"float16": 6e-3, "bfloat16": 5e-2, "float32": 1e-5, "float64": 1e-9}


def sigmoid(x):
    return 0.5 * (1 + np.tanh(x / 2))


def softmax_pooled(eta):
    def pooled(x, weights):
        windows = patches(x, 2, 2)
        scores = eta * windows
        shares = np.exp(scores - scores.max((4, 5), keepdims=True))
        shares /= shares.sum((4, 5), keepdims=True)
        return (shares * windows).sum((4, 5))

    return pooled


def patches(x, size, stride=1):
    """`(batch, height, width, channels, size, size)`."""
    found = sliding_window_view(x, (size, size), axis=(1, 2))
    return found[:, ::stride, ::stride]


def convolved(x, kernel, bias=0.0):
    size = kernel.shape[0]
    return np.einsum("bhwcij,ijcf->bhwf", patches(x, size), kernel) + bias


def orthogonal(kernel):
    """What the Gram-Schmidt process leaves of its filters."""
    q, r = np.linalg.qr(kernel.reshape(-1, kernel.shape[-1]))
    return (q * np.diag(r)).reshape(kernel.shape)


def normalized(x, weights):
    gamma, beta, mean, variance = weights
    return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta


def morlet(x, weights):
    bank = layers.MorletFilters().filters()
    padded = np.pad(x, ((0, 0), (3, 3), (3, 3), (0, 0)), mode="reflect")
    found = np.einsum("bhwcij,ijf->bhwfc", patches(padded, 7), bank)
    return found.reshape(*x.shape[:3], -1)


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


LINE = (3, 6, 5)
# Layer, shape and size of inputs, and what the layer computes of inputs and
# weights.
CASES = {
    "Gate": (
        lambda **k: layers.Gate("soft", 10.0, 0.1, **k),
        (2, 6, 6, 3),
        1e4,
        lambda x, w: 1.1 * sigmoid(10 * x),
    ),
    "BatchNorm": (layers.BatchNorm, (2, 6, 6, 3), 1e3, normalized),
    "BatchNorm of rows": (layers.BatchNorm, (4, 3), 1e3, normalized),
    "BetaVQ": (
        lambda **k: layers.BetaVQ(beta=1e-9, **k),
        (2, 6),
        1e3,
        lambda x, w: x * sigmoid(x * 1e-9),
    ),
    "BetaVQ, nearly hard": (
        lambda **k: layers.BetaVQ("abs", 1 - 1e-6, "per_layer", **k),
        (2, 6),
        1e-3,
        lambda x, w: x * np.tanh(x * (1e6 - 1)),
    ),
    "BetaVQPooling": (
        lambda **k: layers.BetaVQPooling(beta=1e-9, **k),
        (2, 6, 6, 3),
        1e3,
        softmax_pooled(1e-9),
    ),
    "BetaVQPooling, a mean": (
        lambda **k: layers.BetaVQPooling(2, beta=0.0, **k),
        (2, 6, 6, 3),
        2e4,
        lambda x, w: patches(x, 2, 2).mean((4, 5)),
    ),
    "BetaVQPooling, a maximum": (
        lambda **k: layers.BetaVQPooling(2, beta=1.0, **k),
        (2, 6, 6, 3),
        2e4,
        lambda x, w: patches(x, 2, 2).max((4, 5)),
    ),
    "CircularPadding": (
        lambda **k: layers.CircularPadding(3, **k),
        (2, 5, 4, 3),
        2e4,
        lambda x, w: np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="wrap"),
    ),
    "ComplexModulus": (
        lambda **k: layers.ComplexModulus(1, **k),
        (2, 3, 3, 6),
        1e4,
        modulus,
    ),
    "ComplexStandardization": (
        lambda **k: layers.ComplexStandardization(epsilon=1e-3, **k),
        (2, 3, 3, 6),
        1e4,
        standardized,
    ),
    "SkipModulus": (
        lambda **k: layers.SkipModulus(1, complex_maps=False, **k),
        (2, 3, 3, 6),
        1e4,
        skip_modulus,
    ),
    "Grayscale": (
        layers.Grayscale,
        (2, 3, 3, 3),
        2e4,
        lambda x, w: (x @ [0.299, 0.587, 0.114])[..., None],
    ),
    "LocallyConnected": (
        lambda **k: layers.LocallyConnected(4, 2, seed=0, **k),
        LINE,
        1e3,
        connected,
    ),
    "MorletFilters": (layers.MorletFilters, (2, 8, 8, 2), 1e3, morlet),
    "OrthogonalDense": (
        lambda **k: layers.OrthogonalDense(4, **k),
        (3, 7),
        1e2,
        lambda x, w: x @ orthogonal(w[0]) + w[1],
    ),
    "OrthogonalConv2D": (
        lambda **k: layers.OrthogonalConv2D(4, 3, **k),
        (2, 5, 5, 3),
        1e2,
        lambda x, w: convolved(x, orthogonal(w[0]), w[1]),
    ),
    "ApodizedConv2D": (
        lambda **k: layers.ApodizedConv2D(4, 3, **k),
        (2, 5, 5, 3),
        1e2,
        lambda x, w: convolved(x, windowed(w[0]), w[1]),
    ),
    "ApodizedOrthogonalConv2D": (
        lambda **k: layers.ApodizedOrthogonalConv2D(4, 3, **k),
        (2, 5, 5, 3),
        1e2,
        lambda x, w: convolved(x, windowed(orthogonal(w[0])), w[1]),
    ),
    "PerImageStandardization": (
        layers.PerImageStandardization,
        (2, 4, 4, 3),
        255,
        per_image,
    ),
    "PixelNormalization": (
        lambda **k: layers.PixelNormalization(0.4, 0.2, **k),
        (2, 4, 4, 3),
        255,
        lambda x, w: (x / 255 - 0.4) / 0.2,
    ),
    "PooledReLUConvolution": (
        lambda **k: layers.PooledReLUConvolution(2, 4, 3, **k),
        (2, 32, 32, 3),
        1e3,
        pooled_relu,
    ),
    "SubsampleAndPad": (
        lambda **k: layers.SubsampleAndPad(5, 2, **k),
        (2, 4, 4, 3),
        2e4,
        lambda x, w: np.pad(x[:, ::2, ::2], [(0, 0)] * 3 + [(0, 2)]),
    ),
}


def windowed(kernel):
    return kernel * apodization_window(3)[..., None, None]


def cast(array, dtype):
    kinds = {"bfloat16": ml_dtypes.bfloat16}
    return np.asarray(array, kinds.get(dtype, dtype))


def test_no_layer_is_left_out():
    classes = {
        name
        for name in layers.__all__
        if issubclass(getattr(layers, name), keras.layers.Layer)
    }
    assert {name.partition(",")[0].partition(" of")[0] for name in CASES} == (
        classes
    )


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", CASES)
def test_values(name, policy, rng):
    make, shape, size, expected = CASES[name]
    layer = make(dtype=policy)
    dtype = layer.compute_dtype
    inputs = cast(rng.uniform(-size, size, shape), dtype)
    layer.build(shape)
    for variable in layer.weights:
        if variable.name in ("gamma", "moving_variance"):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif variable.name == "kernel" and name.startswith("Pooled"):
            variable.assign(rng.normal(size=variable.shape))
    weights = [np.float64(cast(w, "float32")) for w in layer.weights]
    if policy == "float64":
        weights = [np.float64(w) for w in layer.weights]
    wanted = expected(np.float64(inputs), weights)
    takes_training = "training" in inspect.signature(layer.call).parameters
    # Batch statistics are another function.
    both = takes_training and not hasattr(layer, "moving_mean")
    for training in (False, True) if both else (False,):
        options = {"training": training} if takes_training else {}
        found = layer(keras.ops.convert_to_tensor(inputs, dtype), **options)
        assert keras.backend.standardize_dtype(found.dtype) == dtype
        difference = np.abs(np.float64(cast(found, "float64")) - wanted).max()
        assert difference <= ROUNDING[dtype] * np.abs(wanted).max()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("beta", [1e-12, 1e-9, 1e-4, 1 - 1e-4, 1 - 1e-9])
@pytest.mark.parametrize("z", [1e-3, 1.0, 1e3])
def test_a_fixed_beta_is_the_one_that_was_given(policy, beta, z):
    eta = beta / (1 - beta)
    layer = layers.BetaVQ(beta=beta, dtype=policy)
    z = float(cast(z, layer.compute_dtype))
    found = float(cast(layer(np.float64([z]))[0], "float64"))
    wanted = z * 0.5 * (1 + math.tanh(eta * z / 2))
    assert found == pytest.approx(wanted, rel=ROUNDING[layer.compute_dtype])


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("kind", [layers.ComplexModulus, layers.SkipModulus])
def test_gradients_of_the_modulus_are_finite_at_zero(kind, policy):
    import tensorflow as tf

    layer = kind(1, dtype=policy)
    zero = tf.zeros((1, 6), layer.compute_dtype)
    with tf.GradientTape() as tape:
        tape.watch(zero)
        total = tf.reduce_sum(layer(zero))
    gradient = tf.cast(tape.gradient(total, zero), "float64")
    assert np.all(np.isfinite(gradient)) and np.any(gradient)

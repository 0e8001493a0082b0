"""smaso.5 and smaso.6: known nonlinearities as soft choices, and limits."""

import dataclasses

import keras
import numpy as np
from keras import ops

from dlgn_tf.claims.small_networks import floating_point
from dlgn_tf.layers import BetaVQ, BetaVQPooling
from dlgn_tf.splines import nonlinearities, parameters, selection

BETAS = (0.1, 0.5, 0.9)
LIMITS = (0.0, 0.5, 1.0)
# Largest gap to the hard function, times eta, as the list of claims has it.
GAPS = {"relu": 0.278465, "leaky": 0.278465, "abs": 0.278465, "2x2": 0.603546}


def measure_identities(rng):
    with floating_point("float64"):
        differences = {
            "P3 SiGLU": _of_relu(rng, 0.5, keras.activations.silu),
            "P4 softmax pooling": softmax_pooling(rng),
            "P5 sigmoid": soft_relu(rng),
            "P6 max and softmax": fully_connected_pooling(rng),
            "tanh": tanh_as_sigmoid(rng),
            "abs gives tanh": abs_gives_tanh(rng),
            "P7 swish": [swish(rng, beta) for beta in BETAS],
            "BetaVQ": np.ravel([beta_vq_layer(rng, beta) for beta in BETAS]),
            "BetaVQPooling": np.ravel(
                [pooling_layer(rng, beta) for beta in BETAS]
            ),
        }
        control = _of_relu(rng, 0.9, keras.activations.silu)
    return {
        "|difference|": differences,
        "swish of beta 0.9 from SiGLU": control,
        "betas": BETAS,
    }


def _layer(rng, activation="relu", entropy="shannon"):
    """A dense layer with its pre-activations at some points."""
    kernel, bias = rng.normal(size=(6, 8)), rng.normal(size=8)
    x = rng.normal(size=(200, 6))
    affine = parameters.dense(kernel, bias)
    maso = parameters.activated(affine, parameters.slopes_of(activation))
    maso = dataclasses.replace(maso, entropy=entropy)
    return maso, x, x @ kernel + bias


def _of_relu(rng, beta, function):
    maso, x, z = _layer(rng)
    return _difference(maso(x, beta), function(ops.convert_to_tensor(z)))


def swish(rng, beta):
    """z sigmoid(eta z), where Keras computes the sigmoid."""
    eta = beta / (1 - beta)
    return _of_relu(rng, beta, lambda z: z * ops.sigmoid(eta * z))


def beta_vq_layer(rng, beta, entropy="shannon"):
    """The Keras layer of each kind, beta fixed and learned."""
    differences = []
    for kind in ("relu", "leaky", "abs"):
        maso, x, z = _layer(rng, kind, entropy)
        for mode in modes(beta):
            options = {"beta": beta, "beta_mode": mode, "entropy": entropy}
            layer = BetaVQ(kind, **options, dtype="float64")
            found = layer(z)
            # A learned beta starts at the nearest float32.
            expected = maso(x, float(layer.beta))
            differences.append(_difference(found, expected))
    return differences


def pooling_layer(rng, beta, entropy="shannon"):
    """The Keras layer, with windows that reach over the edge."""
    images = rng.normal(size=(7, 5, 5, 2))
    place = ((3, 3), (2, 2), "same")
    maso = parameters.max_pool((5, 5, 2), *place)
    maso = dataclasses.replace(maso, entropy=entropy)
    differences = []
    for mode in modes(beta):
        options = {"beta": beta, "beta_mode": mode, "entropy": entropy}
        layer = BetaVQPooling(*place, **options, dtype="float64")
        found = np.reshape(layer(images), (7, -1))
        expected = maso(images.reshape(7, -1), float(layer.beta))
        differences.append(_difference(found, expected))
    return differences


def modes(beta):
    """Those that a layer of this beta can have, of fixed and learned ones."""
    return ["fixed"] if beta in (0, 1) else ["fixed", "per_layer"]


def soft_relu(rng):
    maso, x, z = _layer(rng)
    active = maso.select(x, 0.5)[..., 1]
    return _difference(active, ops.sigmoid(z))


def abs_gives_tanh(rng):
    maso, x, z = _layer(rng, "abs")
    left, right = np.moveaxis(maso.select(x, 0.5), -1, 0)
    return [
        _difference(right - left, ops.tanh(z)),
        _difference(maso(x, 0.5), z * np.asarray(ops.tanh(z))),
    ]


def softmax_pooling(rng):
    """Windows cut out by hand, weighted by Keras' softmax."""
    images = rng.normal(size=(5, 4, 6, 2))
    windows = images.reshape(5, 2, 2, 3, 2, 2).transpose(0, 1, 3, 5, 2, 4)
    windows = windows.reshape(5, -1, 4)
    weights = np.asarray(ops.softmax(windows))
    maso = parameters.max_pool((4, 6, 2))
    found = maso(images.reshape(5, -1), 0.5)
    return _difference(found, (weights * windows).sum(axis=-1))


def fully_connected_pooling(rng):
    kernel, bias = rng.normal(size=(6, 9)), rng.normal(size=9)
    x = rng.normal(size=(200, 6))
    maso = parameters.maxout(kernel.T[..., None], bias[:, None])
    logits = x @ kernel + bias
    return [
        _difference(maso(x)[:, 0], logits.max(axis=1)),
        _difference(maso.select(x, 0.5)[:, 0], ops.softmax(logits)),
    ]


def tanh_as_sigmoid(rng):
    """V tanh(W x + b) + c, as soft choices with other weights."""
    kernel, bias = rng.normal(size=(6, 8)), rng.normal(size=8)
    last, shift = rng.normal(size=(8, 3)), rng.normal(size=3)
    x = rng.normal(size=(200, 6))
    native = np.asarray(ops.tanh(x @ kernel + bias)) @ last + shift
    relu = parameters.slopes_of("relu")
    doubled = parameters.dense(2 * kernel, 2 * bias)
    active = parameters.activated(doubled, relu).select(x, 0.5)[..., 1]
    found = active @ (2 * last) + shift - last.sum(axis=0)
    return _difference(found, native)


def measure_limits(rng):
    differences = {
        "beta 0": linear_limit(rng),
        "beta 1/2": _half_is_soft(rng),
        "beta 1": hard_limit(rng),
        "layers": [
            difference
            for of_layer in (beta_vq_layer, pooling_layer)
            for beta in LIMITS
            for difference in of_layer(rng, beta)
        ],
    }
    gaps = {kind: [gap(kind, beta) for beta in BETAS] for kind in GAPS}
    return {
        "|difference| at the limits": differences,
        "gap times eta": gaps,
        "constants": GAPS,
        "relative error": {
            kind: np.abs(np.divide(found, GAPS[kind]) - 1)
            for kind, found in gaps.items()
        },
        "betas": BETAS,
    }


def linear_limit(rng):
    """Mean slope of dense layers; average pooling, also at the border."""
    images = rng.normal(size=(7, 5 * 5 * 2))
    place = ((5, 5, 2), (3, 3), (2, 2), "same")
    pools = parameters.max_pool(*place), parameters.average_pool(*place)
    differences = [_difference(pools[0](images, 0.0), pools[1](images))]
    for activation in ("relu", "leaky", "abs"):
        maso, x, z = _layer(rng, activation)
        mean = np.mean(parameters.slopes_of(activation))
        differences.append(_difference(maso(x, 0.0), mean * z))
    return differences


def _half_is_soft(rng):
    scores = rng.normal(size=(50, 4))
    soft = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return _difference(selection.beta_vq(scores, 0.5), soft)


def hard_limit(rng):
    maso, x, z = _layer(rng)
    return [
        _difference(maso(x, 1.0), np.maximum(z, 0)),
        _difference(maso(x, 1 - 1e-15), np.maximum(z, 0)),
    ]


def gap(kind, beta, entropy="shannon"):
    """Largest gap to the hard function over a grid of inputs, times eta."""
    eta = beta / (1 - beta)
    if kind == "2x2":
        # Three equal pixels below the largest one are the worst case.
        below = -np.linspace(0, 20, 100_001) / eta
        maso = parameters.max_pool((2, 2, 1))
        maso = dataclasses.replace(maso, entropy=entropy)
        pixels = np.stack([0 * below, below, below, below], axis=1)
        return float((maso(pixels, 1.0) - maso(pixels, beta)).max() * eta)
    slopes = parameters.slopes_of(kind)
    z = np.linspace(-20, 20, 200_001) / (eta * (slopes[1] - slopes[0]))
    soft = nonlinearities.beta_vq_nonlinearity(z, slopes, beta, entropy)
    hard = np.maximum(slopes[0] * z, slopes[1] * z)
    return float((hard - soft).max() * eta)


def _difference(found, expected):
    return float(np.abs(np.asarray(found) - np.asarray(expected)).max())

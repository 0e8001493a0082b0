"""Small networks for the tests of this folder."""

import types

import keras
import numpy as np
import pytest

from dlgn_tf.rainbow.learned_layers import LayeredNetwork, copy_of


@pytest.fixture
def inputs(rng):
    return rng.standard_normal((400, 6)).astype("float32")


@pytest.fixture
def images(rng):
    return rng.standard_normal((60, 9, 9, 2)).astype("float32")


@pytest.fixture
def networks():
    """The functions below, which make networks."""
    return types.SimpleNamespace(
        mlp=mlp,
        convnet=convnet,
        settle=settle,
        permuted=permuted,
        doubled=doubled,
    )


def mlp(seed, widths=(12, 9), inputs=6, name="mlp", biases=False):
    """A network of dense layers with ReLUs, and three classes."""
    x = keras.Input((inputs,), name="x")
    h = x
    for index, width in enumerate(widths, start=1):
        h = keras.layers.Dense(
            width,
            activation="relu",
            use_bias=biases,
            kernel_initializer=keras.initializers.HeNormal(10 * seed + index),
            name=f"dense{index}",
        )(h)
    initial = keras.initializers.HeNormal(10 * seed)
    h = keras.layers.Dense(
        3, use_bias=biases, kernel_initializer=initial, name="logits"
    )(h)
    return keras.Model(x, h, name=name)


def convnet(seed, normalized="after"):
    """Convolutions of strides 2 and 1, 1x1 too, then a flattened map.

    Args:
        seed: Integer.
        normalized: `"after"` or `"before"` the ReLUs, without scale and offset.
    """

    def initial(k):
        return keras.initializers.HeNormal(10 * seed + k)

    x = keras.Input((9, 9, 2), name="x")
    h = x
    for k, (filters, size, strides) in enumerate(
        ((5, 3, 2), (6, 1, 1), (4, 3, 1))
    ):
        h = keras.layers.Conv2D(
            filters,
            size,
            strides=strides,
            use_bias=False,
            kernel_initializer=initial(k),
            name=f"conv{k + 1}",
        )(h)
        norm = keras.layers.BatchNormalization(
            center=False, scale=False, name=f"norm{k + 1}"
        )
        relu = keras.layers.ReLU(name=f"relu{k + 1}")
        for layer in (norm, relu) if normalized == "before" else (relu, norm):
            h = layer(h)
    h = keras.layers.Flatten()(h)
    h = keras.layers.Dense(
        3, use_bias=False, kernel_initializer=initial(9), name="logits"
    )(h)
    return keras.Model(x, h, name="convnet")


def settle(model, images):
    """Gives a network's normalisations the statistics of some images."""
    network = LayeredNetwork(model)
    for part in network.parts:
        if isinstance(part.layer, keras.layers.BatchNormalization):
            (read,) = network.read(images, [part])
            read = read.reshape(-1, read.shape[-1])
            part.layer.moving_mean.assign(read.mean(axis=0))
            part.layer.moving_variance.assign(read.var(axis=0))
    return model


def doubled(model):
    """The same function as an `mlp`'s, every first neuron there twice."""
    first, second, last = (np.asarray(x.kernel) for x in model.layers[1:])
    made = mlp(0, (2 * first.shape[1], second.shape[1]), first.shape[0])
    kernels = np.tile(first, (1, 2)), np.tile(second, (2, 1)) / 2, last
    for layer, kernel in zip(made.layers[1:], kernels, strict=True):
        layer.kernel.assign(kernel)
    return made


def permuted(model, rng):
    """The same function, its hidden neurons in another order.

    Of a chain without biases, and without scales and offsets.
    """
    network = LayeredNetwork(copy_of(model))
    order = None
    for part in network.parts:
        if part.label.startswith("norm"):
            for name in ("moving_mean", "moving_variance"):
                variable = getattr(part.layer, name)
                variable.assign(np.asarray(variable)[order])
            continue
        weights = part.weights
        weights = weights if order is None else weights[:, order]
        if part.label != network.classifier:
            order = rng.permutation(part.neurons)
            weights = weights[order]
        part.assign(weights)
    return network.model

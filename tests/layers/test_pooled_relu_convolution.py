"""Pooled ReLUs of many members against stock layers, one member a time."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf.layers import PooledReLUConvolution

SHAPE, MEMBERS, FILTERS = (6, 5, 2), 3, 4
BOTH_WAYS = pytest.mark.parametrize("training", [True, False])
ANY_SIDE = pytest.mark.parametrize("side", [1, 2, 3, 4])


def layers(rng, side):
    """The layer and, of each member, convolution-ReLU-GAP of stock Keras."""
    layer = PooledReLUConvolution(MEMBERS, FILTERS, side)
    layer.build((None, *SHAPE))
    for variable in layer.weights:
        variable.assign(rng.normal(size=variable.shape))
    stock = []
    for kernel, bias in zip(*layer.get_weights(), strict=True):
        conv = keras.layers.Conv2D(
            FILTERS, side, padding="same", activation="relu"
        )
        pool = keras.layers.GlobalAveragePooling2D()
        stock.append(keras.Sequential([keras.Input(SHAPE), conv, pool]))
        conv.set_weights([kernel, bias])
    return layer, stock


def draw(rng, count=3):
    return tf.constant(rng.normal(size=(count, *SHAPE)), keras.config.floatx())


@BOTH_WAYS
@ANY_SIDE
def test_equals_stock_layers(side, training, rng):
    layer, stock = layers(rng, side)
    images = draw(rng)
    pooled = layer(images, training=training)
    assert pooled.shape == (3, MEMBERS, FILTERS)
    for index, network in enumerate(stock):
        np.testing.assert_allclose(
            pooled[:, index], network(images), rtol=1e-5, atol=1e-6
        )


def test_unit_at_zero_is_off():
    """As TensorFlow's ReLU has it: no gradient at 0."""
    layer = PooledReLUConvolution(1, 2, 1)
    with tf.GradientTape() as tape:
        pooled = layer(tf.ones((1, 2, 2, 1)), training=True)
        total = tf.reduce_sum(pooled)
    kernel, bias = tape.gradient(
        total, [v.value for v in layer.trainable_variables]
    )
    assert not np.any(pooled) and not np.any(kernel) and not np.any(bias)


def test_weights_that_are_no_numbers_show(rng):
    """Closed gates hide nothing from the check of the loss."""
    layer, _ = layers(rng, 3)
    layer.kernel.assign(np.full(layer.kernel.shape, np.nan))
    assert np.all(np.isnan(layer(draw(rng), training=True)))


@ANY_SIDE
def test_preactivations(side, rng):
    layer, stock = layers(rng, side)
    images = draw(rng)
    found = layer.preactivations(images)
    assert len(found) == MEMBERS
    for q, network in zip(found, stock, strict=True):
        assert q.shape == (3, *SHAPE[:2], FILTERS)
        conv = network.layers[0]
        linear = tf.nn.conv2d(images, conv.kernel, 1, "SAME") + conv.bias
        np.testing.assert_allclose(q, linear, rtol=1e-4, atol=1e-5)

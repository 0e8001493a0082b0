"""Nets of an order: depths, shapes, what they compute, warm starts."""

import keras
import numpy as np
import pytest
from keras import ops

from dlgn_tf.complexity import disentangler as nets
from dlgn_tf.errors import UserError
from dlgn_tf.layers import PixelNormalization

IMAGE = (16, 16, 3)


def net(order=4, shape=(4, 4, 6), image=IMAGE, **options):
    return nets.disentangler(order, shape, image, width=1 / 32, **options)


def disturbed(model, rng):
    for variable in model.weights:
        noise = rng.uniform(0.1, 0.3, variable.shape)
        variable.assign(variable + noise.astype("float32"))
    return model


@pytest.mark.parametrize("order", [0, 1, 3, 5, 6, -2, 4.5])
def test_no_such_order(order):
    with pytest.raises(UserError, match="4, 7, 10, 13"):
        nets.blocks_of(order)


def macs(model):
    """Millions of multiplications of the convolutions, an image."""
    total = 0
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            _, height, width, _ = layer.output.shape
            total += height * width * np.prod(layer.kernel.shape)
    return total / 1e6


@pytest.mark.parametrize(
    ("order", "width", "side", "millions", "parameters"),
    [
        (4, 1, 32, 308, 1.66),
        (7, 1, 32, 761, 4.76),
        (4, 1 / 8, 16, 1.36, 0.030),
        (13, 1 / 8, 16, 6.66, 0.176),
        (25, 1 / 16, 16, 3.48, 0.094),
    ],
)
def test_cost_is_as_published(order, width, side, millions, parameters):
    model = nets.disentangler(
        order, (side // 4, side // 4, 64), (side, side, 3), width
    )
    kinds = [type(layer).__name__ for layer in model.layers]
    assert (kinds.count("ReLU"), kinds.count("Conv2D")) == (order, order + 1)
    assert nets.order_of(nets.blocks_of(order)) == order
    # The table's small nets are counted up to the last digit.
    assert macs(model) == pytest.approx(millions, rel=0.02)
    assert nets.parameters(model) / 1e6 == pytest.approx(parameters, rel=0.02)


@pytest.mark.parametrize(
    ("shape", "image"),
    [
        ((16, 16, 5), (16, 16, 1)),
        ((8, 8, 5), (16, 16, 3)),
        ((2, 2, 5), (16, 16, 3)),
        ((1, 1, 5), (16, 16, 3)),
        ((7, 7, 5), (28, 28, 1)),
        ((5, 3, 5), (12, 13, 3)),
        ((28, 28, 5), (224, 224, 3)),
        ((7, 7, 5), (224, 224, 3)),
        ((10,), (16, 16, 3)),
        ((3,), (1, 1, 3)),
    ],
)
def test_any_shape(shape, image):
    model = net(7, shape, image)
    assert tuple(model.output_shape[1:]) == shape
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds.count("ReLU") == 7
    images = np.zeros((1, *image), "float32")
    assert model(images).shape == (1, *shape)


def test_larger_than_the_image_is_refused():
    with pytest.raises(UserError, match="no larger than the image"):
        net(4, (32, 32, 3))


def normalized(h, layer):
    gamma, beta, mean, variance = map(np.array, layer.weights)
    return (h - mean) / np.sqrt(variance + 1e-5) * gamma + beta


def test_computes_what_the_paper_describes(rng):
    """Stem and blocks written out, the shortcuts as slices and zeros."""
    model = disturbed(net(7), rng)
    images = rng.normal(size=(2, *IMAGE)).astype("float32")

    def conv(h, name, stride=1):
        kernel = np.array(model.get_layer(name).kernel)
        return np.array(ops.conv(h, kernel, stride, "same"))

    h = conv(images, "stem_conv")
    h = np.maximum(normalized(h, model.get_layer("stem_bn")), 0)
    for stage, stride in ((1, 1), (2, 2), (3, 2)):
        for block in (1, 2):
            name = f"stage{stage}_block{block}"
            step = stride if block == 1 else 1
            branch = conv(h, f"{name}_conv", step)
            branch = normalized(branch, model.get_layer(f"{name}_bn"))
            skip = h[:, ::step, ::step]
            added = branch.shape[-1] - skip.shape[-1]
            skip = np.pad(skip, [(0, 0)] * 3 + [(0, added)])
            h = np.maximum(branch + skip, 0)
    kernel, bias = map(np.array, model.get_layer("output").weights)
    np.testing.assert_allclose(
        model(images), h @ kernel[0, 0] + bias, rtol=1e-3, atol=1e-3
    )


def test_normalises_like_the_network(rng):
    images = rng.integers(0, 256, (2, *IMAGE)).astype("float32")
    layer = PixelNormalization([0.4, 0.5, 0.6], 0.3)
    with_layer = net(normalization=layer, seed=1)
    without = net(seed=1)
    pixels = (images / 255 - [0.4, 0.5, 0.6]) / 0.3
    np.testing.assert_allclose(
        with_layer(images), without(pixels), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("shape", [(4, 4, 6), (9,), (5, 5, 2)])
def test_reloads(tmp_path, rng, shape):
    model = disturbed(net(7, shape, normalization=PixelNormalization()), rng)
    images = rng.integers(0, 256, (3, *IMAGE)).astype("float32")
    model.save(tmp_path / "net.keras")
    again = keras.models.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(again(images), model(images))


def test_every_variable_is_trained(rng):
    import tensorflow as tf

    model = net(7)
    images = rng.normal(size=(4, *IMAGE)).astype("float32")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(model(images, training=True) - 1.0))
    for variable, gradient in zip(
        model.trainable_variables,
        tape.gradient(loss, [v.value for v in model.trainable_variables]),
        strict=True,
    ):
        assert np.abs(gradient).max() > 0, variable.path


def test_seed():
    one, same, other = (net(seed=s).get_weights() for s in (3, 3, 4))
    assert all(map(np.array_equal, one, same))
    assert not np.array_equal(one[0], other[0])


@pytest.mark.parametrize(
    ("feature", "inputs"), [((8, 8, 64), 512), ((100,), 8 * 8 * 512)]
)
def test_kaiming_normal_and_a_tenth_of_it_for_the_output(feature, inputs):
    model = nets.disentangler(4, feature, (32, 32, 3), seed=0)
    kernel = np.array(model.get_layer("stage3_block1_conv").kernel)
    assert kernel.std() == pytest.approx(np.sqrt(2 / (9 * 256)), rel=0.01)
    kernel = np.array(model.get_layer("output").kernel)
    expected = 0.1 * np.sqrt(2 / inputs)
    assert kernel.shape[-2] == inputs
    assert kernel.std() == pytest.approx(expected, rel=0.02)


def test_warm_start_from_another_width_is_refused():
    other = nets.disentangler(4, (4, 4, 6), IMAGE, width=1 / 16)
    with pytest.raises(ValueError, match="shapes"):
        nets.warm_start(other, net(7))

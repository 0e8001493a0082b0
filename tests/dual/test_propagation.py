"""Kernels of networks that people train: against paths one by one."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from dlgn_tf import dual, from_keras
from dlgn_tf.command import scheduler
from dlgn_tf.dual import blocks, network_kernel
from dlgn_tf.dual.claims import tiny_networks
from dlgn_tf.dual.coverage import structure_of
from dlgn_tf.dual.image_arrays import ImageArrays
from dlgn_tf.dual.polynomials import Polynomials
from dlgn_tf.dual.propagation import Propagation
from dlgn_tf.dual.value_graph import plan_of
from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model

CLOSE = {"rtol": 1e-10, "atol": 1e-12}


def images_of(rng, count=3, shape=tiny_networks.SHAPE):
    return rng.integers(0, 256, (count, *shape)).astype("uint8")


def converted(kind, rng, family="dgn", **options):
    model = from_keras(
        tiny_networks.create(kind, rng),
        family,
        normalization="unit",
        keep="all",
        **options,
    )
    tiny_networks.draw_weights(model, rng)
    return model


def assert_close(found, expected):
    scale = np.abs(expected).max()
    assert scale > 0
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * scale)


# The others are variations, and claim dlgn.24 has them all.
FIRST = (
    "gated_after_pooling",
    "max_pooling",
    "original_padding",
    "preactivated_blocks",
    "depthwise",
    "same_stream_twice",
    "flattened",
)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(x, marks=() if x in FIRST else pytest.mark.slow)
        for x in tiny_networks.KINDS
    ],
)
def test_equals_enumeration(kind, rng):
    """Kernel, its derivative, and with biases, in soft gates."""
    model = converted(kind, rng, gate="soft", beta=4)
    images = images_of(rng)
    paths = Polynomials(model, images)
    assert_close(dual.neural_path_kernel(model, images), paths.kernel())
    variances = rng.uniform(0.5, 2, len(paths.variance))
    found = dual.neural_path_kernel(model, images, variances=variances)
    by_name = dict(zip(paths.variance, variances, strict=True))
    assert_close(found, paths.kernel(by_name, derivative=True))
    paths = Polynomials(model, images, biases=True)
    found = dual.neural_path_kernel(model, images[:1], images, biases=True)
    assert_close(found, paths.kernel()[:1])


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("kind", ["original_block", "flattened"])
def test_hard_gates_and_relu_networks(kind, rng):
    images = images_of(rng)
    for family, options in (
        ("dnn", {}),
        ("dgn", {"gate": "hard", "value_input": "ones"}),
    ):
        model = converted(kind, rng, family, **options)
        paths = Polynomials(model, images)
        assert_close(dual.neural_path_kernel(model, images), paths.kernel())


@pytest.mark.parametrize(
    "name,options",
    [
        ("c4gap_dlgn", {"depth": 3, "width": 3, "padding": "circular"}),
        ("c4gap_dlgn", {"depth": 3, "width": 3}),
        ("c4gap_dgn", {"depth": 2, "width": 2, "kernel_size": 2}),
        ("gconv_dgn", {"depth": 2, "width": 2, "head_width": 3}),
        ("fc_dgn", {"depth": 3, "width": 4}),
        ("fcresnet_dgn", {"depth": 6, "width": 3}),
    ],
)
@pytest.mark.parametrize("variances", [None, 0.3])
def test_equals_the_faster_ways(name, options, variances, rng, monkeypatch):
    model = create_model(name, (4, 5, 2), seed=0, **options)
    assert structure_of(model) is not None
    images = images_of(rng, 5, (4, 5, 2))
    kernel = dual.neural_path_kernel(model, images, variances=variances)
    monkeypatch.setattr(network_kernel, "structure_of", lambda _: None)
    found = dual.neural_path_kernel(model, images, variances=variances)
    np.testing.assert_allclose(found, kernel, rtol=1e-12, atol=1e-12)


def resnet8(_):
    return create_model("resnet20_dgn", (8, 8, 3), depth=8, width=4, seed=0)


def vgg(_):
    """Three groups of two convolutions, each pooled, as wide as 4, 8, 16."""
    h = x = keras.Input((8, 8, 3))
    for filters in (4, 8, 16):
        for _ in range(2):
            h = layers.Conv2D(filters, 3, padding="same")(h)
            h = layers.ReLU()(layers.BatchNormalization()(h))
        h = layers.AveragePooling2D(2)(h)
    return of_images(x, layers.GlobalAveragePooling2D()(h))


def own(_):
    """Separable convolutions, strides, concatenation, no batch norm."""
    x = keras.Input((8, 8, 3))
    h = layers.Conv2D(6, 3, strides=2, activation="relu")(x)
    side = layers.SeparableConv2D(6, 3, padding="same", activation="relu")(h)
    h = layers.Concatenate()([h, side])
    h = layers.Conv2D(8, 3, activation="relu")(h)
    return of_images(x, layers.Flatten()(h))


def of_images(x, h):
    model = keras.Model(x, layers.Dense(10)(h))
    return from_keras(model, "dlgn", normalization="unit", seed=0)


def draw_value_weights(model, variances, rng):
    """Weights of the value network as +-sigma, its shifts 0; a function."""
    kernels, names = [], iter(variances)
    for layer in model.value_network.layers:
        for variable in layer.weights:
            if variable.name.endswith("kernel"):
                kernels.append((variable, next(names)))
            elif variable.name in ("bias", "beta", "moving_mean"):
                variable.assign(np.zeros(variable.shape))

    def draw():
        for variable, variance in kernels:
            signs = rng.integers(2, size=variable.shape) * 2.0 - 1.0
            variable.assign(np.sqrt(variance) * signs)

    return draw


@pytest.mark.parametrize("create", [resnet8, vgg, own])
def test_blocks_of_another_process(create, rng):
    """What travels to a cluster computes the same bytes there."""
    pytest.importorskip("distributed", reason="needs dlgn_tf[cluster]")
    model = create(rng)
    images = images_of(rng, 4, model.image_shape)
    propagation = network_kernel._propagation(model, [images], 1.0)
    parts = scheduler.packed(propagation.of_block)
    # Nothing of the network itself.
    assert b"keras_tensor" not in parts[0]
    for block in (
        blocks.Block(slice(3), slice(3), True),
        blocks.Block(slice(2), slice(2, 4), False),
    ):
        found = scheduler.unpacked(parts)(block)
        assert found.tobytes() == propagation.of_block(block).tobytes()


def products_of_draws(model, images, variances, draws, rng):
    """Mean products of logits of two images, and their standard errors."""
    draw = draw_value_weights(model, variances, rng)
    entering = model.entering(images)
    forward = tf.function(model.value_network)
    products = []
    for _ in range(draws):
        draw()
        logits = np.asarray(forward(entering), "float64")
        products.append(logits @ logits.T / logits.shape[1])
    return np.mean(products, axis=0), np.std(products, axis=0) / draws**0.5


def standard_errors_off(found, mean, error):
    return np.abs((mean - found) / error).max()


@pytest.mark.slow
@pytest.mark.parametrize("create", [resnet8, vgg, own])
def test_mean_of_random_value_networks(create, rng):
    """Within 4 standard errors of 4,000; the kernel of darker images is not."""
    model = create(rng)
    for weight in model.value_network.weights:
        if weight.name in ("gamma", "moving_variance"):
            weight.assign(rng.uniform(0.5, 2, weight.shape))
    images = images_of(rng, 3, (8, 8, 3))
    plan = plan_of(model)
    kernel = dual.neural_path_kernel(model, images)
    others = dual.neural_path_kernel(model, images // 2)
    in_order = [
        variance
        for layer in model.value_network.layers
        for variance in plan.variances.get(layer.name, ())
    ]
    mean, error = products_of_draws(model, images, in_order, 4000, rng)
    assert standard_errors_off(kernel, mean, error) < 4
    assert standard_errors_off(others, mean, error) > 4


def test_inner_products_are_as_exact_as_their_sums(rng):
    """Products of soft gates, which a model keeps in float32, are float64."""
    model = converted("gated_after_pooling", rng, gate="soft", beta=4)
    plan = plan_of(model)
    (arrays,) = ImageArrays(model, plan.inputs)([images_of(rng)], 1.0)
    wide = {name: array.astype("float64") for name, array in arrays.items()}
    assert arrays[model.site_names[0]].dtype == "float32"
    found, expected = (Propagation(plan, each)() for each in (arrays, wide))
    np.testing.assert_allclose(found, expected, rtol=1e-13)


@pytest.mark.parametrize("name", ["fc_dlgn", "c4gap_dlgn", "fcresnet_dlgn"])
def test_single_precision_of_the_faster_ways(name, rng):
    model = create_model(name, (6, 6, 1), gate="soft", seed=0, width=8)
    assert structure_of(model) is not None
    images = images_of(rng, 4, (6, 6, 1))
    kernel = dual.neural_path_kernel(model, images)
    found = dual.neural_path_kernel(model, images, single=True)
    np.testing.assert_allclose(found, kernel, rtol=1e-4)
    assert np.any(found != kernel)


def test_single_precision_and_time(rng):
    """Of soft gates: nearly the same; of more pairs in proportion."""
    model = converted("original_padding", rng, gate="soft", beta=4)
    images = images_of(rng, 6)
    kernel = dual.neural_path_kernel(model, images)
    found = dual.neural_path_kernel(model, images, single=True)
    np.testing.assert_allclose(found, kernel, rtol=1e-4)
    assert np.any(found != kernel)
    plan = plan_of(model)
    (arrays,) = ImageArrays(model, plan.inputs)([images], 1.0)
    propagation = Propagation(plan, arrays)
    few, many = (
        min(propagation.expected_seconds(n, n, False) for _ in range(5))
        for n in (10, 1000)
    )
    assert 1e3 < many / few < 1e5
    assert dual.expected_seconds(model, images) > 0


@pytest.mark.parametrize(
    "layer,reason",
    [
        (layers.LayerNormalization(), "has weights of another kind"),
        (layers.Softmax(), "is not linear"),
        (layers.Permute((1, 3, 2)), "mixes channels"),
    ],
)
def test_layers_that_are_refused(layer, reason, rng):
    x = keras.Input(tiny_networks.SHAPE)
    h = layers.Conv2D(2, 3, padding="same", activation="relu")(x)
    layer = type(layer).from_config({**layer.get_config(), "name": "odd"})
    h = layers.GlobalAveragePooling2D()(layer(h))
    model = from_keras(keras.Model(x, layers.Dense(1)(h)), "dnn", keep="all")
    message = f"whose odd, an? {type(layer).__name__}, {reason}"
    with pytest.raises(UserError, match=message) as caught:
        dual.neural_path_kernel(model, images_of(rng))
    assert "\n" not in str(caught.value)


def test_a_layer_that_is_called_twice_is_refused(rng):
    x = keras.Input(tiny_networks.SHAPE)
    shared = layers.Conv2D(2, 3, padding="same", name="shared")
    h = layers.Flatten()(layers.ReLU()(shared(shared(x))))
    model = from_keras(keras.Model(x, layers.Dense(1)(h)), "dnn")
    with pytest.raises(UserError, match="shared, a Conv2D, is called 2 times"):
        dual.neural_path_kernel(model, images_of(rng))


def test_mixed_precision(rng, dtype_policy):
    """Layers are tried in float64, whatever they compute in."""
    images = images_of(rng, 3, (8, 8, 3))
    kernel = dual.neural_path_kernel(resnet8(rng), images)
    dtype_policy("mixed_bfloat16")
    found = dual.neural_path_kernel(resnet8(rng), images)
    np.testing.assert_allclose(found, kernel, rtol=0.1)


def test_outputs_in_units_of_targets(rng):
    """A regression's are the network's, each times its deviation."""
    options = {"depth": 3, "width": 4, "seed": 0}
    plain = create_model("fc_dgn", (3, 3, 2), 2, **options)
    model = create_model(
        "fc_dgn",
        (3, 3, 2),
        2,
        loss="squared",
        targets=([1, 2], [3, 5]),
        **options,
    )
    images = images_of(rng)
    scale = (3**2 + 5**2) / 2
    kernel = dual.neural_path_kernel(plain, images)
    assert_close(dual.neural_path_kernel(model, images), scale * kernel)
    features = dual.path_features(plain, images, 2)
    found = dual.path_features(model, images, 2)
    np.testing.assert_allclose(found, scale**0.5 * features, rtol=1e-5)
    # An offset is a path of its own; means are those over both.
    for layer in model.value_network.layers:
        if getattr(layer, "bias", None) is not None:
            layer.bias.assign(np.zeros(layer.bias.shape))
    found = dual.neural_path_kernel(model, images, biases=True)
    assert_close(found, scale * kernel + (1**2 + 2**2) / 2)


def test_each_logit_has_a_bias(rng):
    """The kernel is the mean over logits, each with a path of its own."""
    model = create_model("fc_dgn", (3, 3, 2), 2, depth=3, width=4, seed=0)
    *hidden, last = (x for x in model.value_network.layers if x.weights)
    for layer in hidden:
        layer.bias.assign(np.zeros(layer.bias.shape))
    last.bias.assign([2.0, -3.0])
    images = images_of(rng)
    kernel = dual.neural_path_kernel(model, images)
    found = dual.neural_path_kernel(model, images, biases=True)
    assert_close(found, kernel + (2**2 + 3**2) / 2)


def test_max_pooling_over_the_edge(rng):
    """Behind a ReLU it is that of an image with zeros around it."""

    def of_padding(padding):
        x = keras.Input(tiny_networks.SHAPE)
        h = layers.Conv2D(2, 2, padding="same", activation="relu")(x)
        if padding == "valid":
            h = layers.ZeroPadding2D(((0, 1), (0, 1)))(h)
        h = layers.MaxPooling2D(2, padding=padding)(h)
        h = layers.Conv2D(2, 2, padding="same", activation="relu")(h)
        model = from_keras(
            keras.Model(x, layers.Dense(1)(layers.Flatten()(h))),
            "dnn",
            normalization="unit",
            keep="all",
        )
        tiny_networks.draw_weights(model, np.random.default_rng(3))
        return model

    images = images_of(rng)
    found, expected = (
        dual.neural_path_kernel(of_padding(x), images)
        for x in ("same", "valid")
    )
    assert_close(found, expected)
    paths = Polynomials(of_padding("valid"), images)
    np.testing.assert_allclose(expected, paths.kernel(), rtol=1e-6)

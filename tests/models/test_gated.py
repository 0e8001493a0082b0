"""Gated networks: two networks, one loss, gates that can be read."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf.layers import Gate, PixelNormalization
from dlgn_tf.models.build import create_model
from dlgn_tf.models.gated import GatedNetwork, copy_weights

SHAPE = (6, 6, 2)
FAMILIES = ("dgn", "dlgn", "dlgn_sf")
RESNET = {"depth": 8, "width": 4}


def c4gap(family, seed=0, width=3, **arguments):
    return create_model(
        f"c4gap_{family}", SHAPE, 3, width=width, seed=seed, **arguments
    )


def gradients(model, images, labels):
    with tf.GradientTape() as tape:
        log_p = tf.nn.log_softmax(model(images))
        loss = -tf.reduce_sum(tf.gather(log_p, labels, batch_dims=1))
    return tape.gradient(loss, [v.value for v in model.trainable_variables])


def is_gating(model, variable):
    return any(variable is v for v in model.gating_network.weights)


# What the value network sees.


def test_no_gradient_to_the_image_with_hard_gates_and_ones(draw):
    images = tf.constant(draw(SHAPE).astype("float32"))
    for kind, value_input, flows in (
        ("hard", "ones", False),
        ("hard", "image", True),
        ("soft", "ones", True),
    ):
        model = c4gap("dgn", gate=kind, value_input=value_input)
        with tf.GradientTape() as tape:
            tape.watch(images)
            total = tf.reduce_sum(model(images)[:, 0])
        found = tape.gradient(total, images)
        assert (found is not None and np.any(found != 0)) == flows


# Gates and pre-activations.


def test_reading_gates_changes_no_moving_average(draw):
    model = create_model("resnet20_dlgn", (8, 8, 3), **RESNET)
    before = model.get_weights()
    images = draw((8, 8, 3), 2)
    model.gates(images)
    model(images)
    np.testing.assert_equal(before, model.get_weights())
    model(images, training=True)
    moved = [
        variable.path
        for variable, old in zip(model.weights, before, strict=True)
        if np.any(np.asarray(variable) != old)
    ]
    # Mean and variance of 7 layers in each network.
    assert len(moved) == 2 * 2 * 7
    assert all("moving" in path for path in moved)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    "name,shape,options",
    [
        ("c4gap", SHAPE, {"width": 3}),
        ("gconv", SHAPE, {"width": 2, "head_width": 5}),
        ("vgg11", (32, 32, 2), {"width": 2}),
        ("resnet20", (8, 8, 3), RESNET),
        ("resnet110", (8, 8, 3), RESNET),
        ("resnet164", (8, 8, 3), {"depth": 11, "width": 2}),
    ],
)
def test_tied_hard_gates_give_the_relu_network(
    draw, randomize, name, shape, options
):
    relu = create_model(f"{name}_dnn", shape, 3, **options)
    randomize(relu)
    gated = create_model(f"{name}_dgn", shape, 3, gate="hard", **options)
    copy_weights(relu.network, gated.gating_network)
    copy_weights(relu.network, gated.value_network)
    images = draw(shape, 5)
    np.testing.assert_allclose(gated(images), relu(images), atol=1e-10)
    gates = gated.gates(images)
    for site, gate in relu.gates(images).items():
        np.testing.assert_array_equal(gates[site], gate)


# Gradients.


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_gradient_reaches_the_gating_network_through_soft_gates(
    draw, randomize, family, kind
):
    model = c4gap(family, gate=kind, beta=4.0)
    randomize(model)
    found = gradients(model, draw(SHAPE), [0, 1, 2, 0, 1])
    for variable, gradient in zip(
        model.trainable_variables, found, strict=True
    ):
        if is_gating(model, variable) and kind == "hard":
            assert gradient is None, variable.path
        else:
            assert np.any(gradient != 0), variable.path


def test_frozen_gating_network_keeps_its_batch_normalisation(draw):
    model = create_model("resnet20_dlgn", (8, 8, 3), **RESNET)
    model.gating_network.trainable = False
    images = draw((8, 8, 3), 4)
    before = model.gating_network.get_weights()
    value = model.value_network.get_weights()
    model(images, training=True)
    np.testing.assert_equal(before, model.gating_network.get_weights())
    after = model.value_network.get_weights()
    assert any(
        np.any(old != new) for old, new in zip(value, after, strict=True)
    )


# Parts that do not fit.


def parts(gating_filters=(3, 3), value_filters=(3, 3)):
    image = keras.Input(SHAPE)
    h, qs = image, []
    for filters in gating_filters:
        h = keras.layers.Conv2D(filters, 3, padding="same")(h)
        qs.append(h)
    gating = keras.Model(image, qs)
    image, gates = keras.Input(SHAPE), []
    h = image
    for filters in value_filters:
        h = keras.layers.Conv2D(filters, 3, padding="same")(h)
        gates.append(keras.Input((6, 6, filters)))
        h = h * gates[-1]
    h = keras.layers.GlobalAveragePooling2D()(h)
    return gating, keras.Model([image, *gates], h)


def assemble(gating, value, names=("a", "b"), **arguments):
    return GatedNetwork(
        gating, value, Gate(), PixelNormalization(), names, **arguments
    )


def test_networks_that_fit(draw):
    assert assemble(*parts())(draw(SHAPE)).shape == (5, 3)


@pytest.mark.parametrize(
    "gating,value,options,message",
    [
        ((3, 3, 3), (3, 3), {}, "with 3 .* with 2"),
        ((3, 3), (3, 3, 3), {}, "with 2 .* with 3"),
        ((3, 3), (3, 3), {"names": "abc"}, "3 gate sites .* with 2 .* with 2"),
        # Such as gates that are permuted although their shapes differ.
        ((4, 3), (3, 4), {}, "shape"),
        # A gate is never broadcast.
        ((1, 3), (3, 3), {}, "shape"),
        (
            (3, 3),
            (3, 3),
            {"value_input": "zeros"},
            r"'image', 'ones'.*value_input='zeros'",
        ),
    ],
)
def test_parts_that_do_not_fit(gating, value, options, message):
    with pytest.raises(ValueError, match=message):
        assemble(*parts(gating, value), **options)


# Copying weights.


def test_copy_weights_goes_by_name():
    """Dependent initialisation: the head has no counterpart."""
    model = c4gap("dgn")
    copy_weights(model.value_network, model.gating_network)
    for name in ("conv1", "conv2", "conv3", "conv4"):
        np.testing.assert_equal(
            model.value_network.get_layer(name).get_weights(),
            model.gating_network.get_layer(name).get_weights(),
        )


def test_copy_weights_copies_moving_averages_too(randomize):
    source = create_model("resnet20_dnn", (8, 8, 3), **RESNET)
    randomize(source)
    target = create_model("resnet20_dlgn", (8, 8, 3), **RESNET)
    copy_weights(source.network, target.gating_network)
    for layer in target.gating_network.layers:
        wanted = source.network.get_layer(layer.name).get_weights()
        np.testing.assert_equal(layer.get_weights(), wanted)


def test_copy_weights_lacks_a_layer():
    model = c4gap("dgn")
    with pytest.raises(ValueError, match="Expected a layer 'logits'"):
        copy_weights(model.gating_network, model.value_network)


def test_copy_weights_of_another_shape():
    with pytest.raises(ValueError, match="shape"):
        copy_weights(
            c4gap("dgn", width=4).value_network, c4gap("dgn").gating_network
        )


# Numbers of 16 bits, graphs, replicas.


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize(
    "name,shape,options",
    [
        ("c4gap_dlgn", SHAPE, {"width": 3}),
        ("resnet20_dgn", (8, 8, 3), RESNET),
        ("resnet20_dnn", (8, 8, 3), RESNET),
    ],
)
def test_mixed_precision_is_close(
    draw, dtype_policy, policy, name, shape, options
):
    single = create_model(name, shape, 3, **options)
    dtype_policy(policy)
    mixed = create_model(name, shape, 3, **options)
    mixed.set_weights(single.get_weights())
    assert {weight.dtype for weight in mixed.weights} == {"float32"}
    images = draw(shape, 5)
    exact = np.asarray(single(images))
    error = np.abs(np.asarray(mixed(images), "float32") - exact).max()
    precision = 2**-8 if "bfloat16" in policy else 2**-11
    assert error <= 16 * precision * np.abs(exact).max()

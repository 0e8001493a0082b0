"""A feature is what a site sees, and trunk and head make the network."""

import keras
import numpy as np
import pytest

from dlgn_tf.complexity import features
from dlgn_tf.complexity.features import feature_of
from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model

SHAPE = (8, 8, 3)


@pytest.fixture(scope="module")
def images(images):
    return images[:7]


def network(name, **options):
    model = create_model(name, SHAPE, width=4, seed=1, **options)
    # Statistics and biases as after a training.
    rng = np.random.default_rng(2)
    for variable in model.weights:
        noise = rng.uniform(0.05, 0.3, variable.shape)
        variable.assign(variable + noise.astype("float32"))
    return model


def assert_whole(feature, images, model):
    """Trunk and head make what the network makes of images."""
    f = feature.trunk(images)
    np.testing.assert_allclose(
        feature.head(f, images), model(images.astype("float32")), rtol=1e-4
    )


def small_graph(last="linear"):
    image = keras.Input(SHAPE)
    h = keras.layers.Conv2D(4, 3, strides=2, name="conv")(image)
    h = keras.layers.ReLU(name="relu")(h)
    h = keras.layers.Flatten(name="flatten")(h)
    h = keras.layers.Dense(6, name="dense")(h)
    h = keras.layers.ReLU(name="relu2")(h)
    out = keras.layers.Dense(3, activation=last, name="out")(h)
    return keras.Model(image, out, name="small")


@pytest.mark.parametrize(
    "name",
    ["c4gap_dnn", "vconv_dgn", "c4gap_dlgn", "c4gap_dlgn_sf", "fc_dlgn"],
)
def test_default_feature_is_the_last_site(name, images, monkeypatch):
    monkeypatch.setattr(features, "BATCH_SIZE", 3)
    model = network(name)
    feature = feature_of(model)
    f = feature.trunk(images)
    assert feature.shape == model.site_shapes[model.site_names[-1]]
    assert f.shape == (len(images), *feature.shape)
    np.testing.assert_allclose(
        feature.head(f, images), model(images), rtol=1e-5
    )


@pytest.mark.parametrize("name", ["resnet20_dnn", "resnet20_dgn"])
def test_shortcuts_go_round_a_feature(name, images):
    """In the middle of a block the head needs the image's shortcut too."""
    model = network(name, depth=8)
    feature = feature_of(model, "group3_block1_1")
    assert_whole(feature, images, model)
    of_others = feature.head(feature.trunk(images), images[::-1])
    assert np.abs(of_others - np.asarray(model(images))).max() > 1e-3


def test_relu_head_is_relu_pooling_and_dense(images):
    model = network("resnet20_dnn", depth=8)
    feature = feature_of(model)
    f = np.random.default_rng(3).normal(size=(5, *feature.shape))
    kernel, bias = map(np.array, model.network.get_layer("logits").weights)
    expected = np.maximum(f, 0).mean(axis=(1, 2)) @ kernel + bias
    np.testing.assert_allclose(
        feature.head(f, images[:5]), expected, rtol=1e-4, atol=1e-5
    )


def test_feature_is_the_preactivation(images):
    model = network("c4gap_dnn")
    for site, expected in model.preactivations(images).items():
        np.testing.assert_allclose(
            feature_of(model, site).trunk(images), expected, rtol=1e-5
        )


def test_value_feature_is_gated_by_the_image(images):
    model = network("c4gap_dlgn")
    feature = feature_of(model)
    f = np.random.default_rng(3).normal(size=(7, *feature.shape))
    gate = np.asarray(model.gates(images)["conv4"])
    kernel, bias = map(
        np.array, model.value_network.get_layer("logits").weights
    )
    expected = (f * gate).mean(axis=(1, 2)) @ kernel + bias
    np.testing.assert_allclose(
        feature.head(f, images), expected, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("permutation", [None, [2, 0, 3, 1]])
def test_gating_feature_makes_one_gate(images, permutation):
    """The gate made of it changes, wherever it is used, and no other."""
    model = network("c4gap_dlgn", gate_permutation=permutation)
    feature = feature_of(model, "conv3", network="gating")
    f = feature.trunk(images)
    preactivations = model.preactivations(images)
    np.testing.assert_allclose(f, preactivations["conv3"], rtol=1e-5)
    np.testing.assert_allclose(
        feature.head(f, images), model(images), rtol=1e-5
    )
    changed = f - f.mean()
    made = model.gates_of(model.routed({**preactivations, "conv3": changed}))
    expected = model.value_network(
        [model.normalization(images), *made.values()]
    )
    np.testing.assert_allclose(
        feature.head(changed, images), expected, rtol=1e-5
    )
    assert np.abs(feature.head(changed, images) - model(images)).max() > 1e-6


def test_other_layers_by_name(images):
    model = network("resnet20_dnn", depth=8)
    feature = feature_of(model, "group2_block1_add")
    np.testing.assert_allclose(
        feature.trunk(images),
        feature_of(model, "group2_block1_2").trunk(images),
    )


def copied(model):
    copies = [type(x).from_config(x.get_config()) for x in model.layers]
    return keras.Sequential(copies)


def shared(model):
    """Of layers that are another model's too."""
    model = keras.Sequential(model.layers)
    feature_of(model, "dense")
    return model


def called_again(model):
    """A graph whose layers were called in others before."""
    h = image = keras.Input(model.input_shape[1:])
    for layer in model.layers[1:]:
        layer(layer.input)
        h = layer(h)
    return keras.Model(image, h)


@pytest.mark.parametrize("made", [lambda x: x, copied, shared, called_again])
@pytest.mark.parametrize("saved", [False, True])
def test_keras_graph(made, saved, images, tmp_path):
    model = made(small_graph())
    if saved:
        model.save(tmp_path / "model.keras")
        model = keras.models.load_model(tmp_path / "model.keras")
    assert_whole(feature_of(model, "dense"), images, model)


def test_trunk_is_the_layers_output(images):
    model, names = small_graph(), ("conv", "relu", "flatten", "dense")
    outputs = [model.get_layer(name).output for name in names]
    expected = keras.Model(model.inputs, outputs)(images.astype("float32"))
    for name, output in zip(names, expected, strict=True):
        feature = feature_of(model, name)
        np.testing.assert_allclose(feature.trunk(images), output)
        assert_whole(feature, images, model)


def test_a_model_can_be_saved_afterwards(tmp_path):
    """Keras lost the value network's inputs where it was cut in place."""
    model = network("c4gap_dgn")
    feature_of(model)
    model.save(tmp_path / "model.keras")


def test_softmax_becomes_logits(images):
    model = small_graph("softmax")
    feature = feature_of(model, "dense")
    pixels = (images / 255).astype("float32")
    logits = feature.head(feature.trunk(pixels), pixels)
    np.testing.assert_allclose(
        np.exp(logits), model(pixels), rtol=1e-5, atol=1e-7
    )


def test_last_layer_has_no_head(images):
    feature = feature_of(small_graph(), "out")
    f = feature.trunk(images)
    np.testing.assert_array_equal(feature.head(f, images), f)


@pytest.mark.parametrize(
    ("make", "arguments", "message"),
    [
        (lambda: network("c4gap_dnn"), ("conv9",), "conv1, conv2.*conv9"),
        (lambda: network("c4gap_dlgn"), ("conv9", "gating"), "conv1.*conv9"),
        (lambda: network("c4gap_dlgn"), ("convv4",), "nearest.*conv4"),
        (small_graph, ("nothing",), "conv, relu, flatten, dense.*nothing"),
        (small_graph, (), "conv, relu"),
        (lambda: network("c4gap_dnn"), ("conv1", "gating"), "DGN or DLGN"),
        (lambda: network("c4gap_dlgn"), (None, "values"), "gating, value"),
        (lambda: network("c1gap_dnn", members=2), (), "of the zoo"),
    ],
)
def test_one_line_for_what_cannot_be(make, arguments, message):
    with pytest.raises(UserError, match=message) as error:
        feature_of(make(), *arguments)
    assert "\n" not in str(error.value)


def test_long_lists_are_cut():
    with pytest.raises(UserError, match=r"stem, .*\.\.\..* in all"):
        feature_of(network("resnet20_dnn"), "nothing")

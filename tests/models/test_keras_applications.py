"""keras.applications, taken apart: the identities, and sites counted."""

import keras
import numpy as np
import pytest

import dlgn_tf
from dlgn_tf.errors import UserError

# Side of an image.
NETWORKS = {
    "MobileNet": 32,
    "MobileNetV2": 32,
    "EfficientNetB0": 32,
    "VGG16": 32,
    "VGG19": 32,
    "ResNet50": 32,
    "ResNet101": 32,
    "ResNet50V2": 32,
    "DenseNet121": 32,
    "Xception": 71,
    "InceptionV3": 75,
    "NASNetMobile": 32,
    "ConvNeXtTiny": 32,
}
QUICK = ("MobileNet",)
each = pytest.mark.parametrize(
    "name",
    [
        pytest.param(x, marks=[pytest.mark.slow] * (x not in QUICK))
        for x in NETWORKS
    ],
)
GATED = {"relu", "relu6", "silu", "swish", "gelu", "hard_silu", "hard_swish"}


def built(name):
    side = NETWORKS[name]
    keras.utils.set_random_seed(0)
    options = {"alpha": 0.35} if name.startswith("MobileNetV2") else {}
    model = getattr(keras.applications, name)(
        weights=None, input_shape=(side, side, 3), classes=10, **options
    )
    rng = np.random.default_rng(0)
    own = any(isinstance(x, keras.layers.Rescaling) for x in model.layers)
    images = rng.uniform(0, 255, (8, side, side, 3))
    images = images if own else images / 127.5 - 1
    draw_weights(model, images, rng)
    return model, images[:2].astype(keras.config.floatx())


def draw_weights(model, images, rng):
    """Scales and moving statistics at random, such that images differ behind.

    With statistics that are none of theirs all images come to the same logits.
    """
    for weight in model.weights:
        if weight.name == "gamma":
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    normalizations = [
        layer
        for layer in model.layers
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    momenta = [layer.momentum for layer in normalizations]
    for layer in normalizations:
        layer.momentum = 0.0
    model(images, training=True)
    for layer, momentum in zip(normalizations, momenta, strict=True):
        layer.momentum = momentum
        variance = layer.moving_variance.numpy()
        shift = 0.1 * rng.normal(size=variance.shape) * np.sqrt(variance)
        layer.moving_mean.assign_add(shift)
        layer.moving_variance.assign(
            variance * rng.uniform(0.8, 1.2, variance.shape)
        )


def activations(description):
    """Names of nonlinearities in a configuration, one for each call.

    Read off the JSON alone: nodes of layers that are a ReLU or have one.
    """
    found = []
    for layer in description["config"]["layers"]:
        config, kind = layer["config"], layer["class_name"]
        name = config.get("activation")
        if kind == "ReLU":
            name = "relu"
        found += [name] * len(layer["inbound_nodes"])
    return [x for x in found if x in GATED]


def check_identities(graphs, name, as_dnn, as_dgn):
    """The DNN is the network, and so is a tied DGN under its own gates."""
    model, images = built(name)
    counted = activations(keras.saving.serialize_keras_object(model))
    expected = graphs.logits_of(model, images)
    for family, gate, most in (("dnn", None, as_dnn), ("dgn", "own", as_dgn)):
        made = dlgn_tf.from_keras(
            model, family, weights="copy", keep="all", gate=gate
        )
        assert len(made.site_names) == len(counted) > 10
        found = made(images)
        assert graphs.difference(found, expected) < most
        # Control: of two images the logits are far apart.
        assert graphs.difference(found[::-1], expected) > 10 * as_dgn


@each
def test_identities(name, graphs, float64):
    check_identities(graphs, name, 1e-10, 1e-10)


@each
def test_identities_in_float32(name, graphs):
    check_identities(graphs, name, 1e-6, 1e-4)


@pytest.mark.slow
def test_what_may_stay_is_named():
    """Gates of a sigmoid, between branches."""
    model, _ = built("EfficientNetB0")
    with pytest.raises(UserError, match="sigmoid"):
        dlgn_tf.from_keras(model, "dnn")

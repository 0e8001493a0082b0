"""keras.applications, taken apart: the identities, and sites counted."""

import keras
import numpy as np
import pytest

import dlgn_tf
from dlgn_tf.errors import UserError

# Side of an image; what is no site and may stay, by its name in the message.
NETWORKS = {
    "MobileNet": (32, {}),
    "MobileNetV2": (32, {}),
    "EfficientNetB0": (32, {"sigmoid"}),
    "VGG16": (32, {}),
    "VGG19": (32, {}),
    "ResNet50": (32, {}),
    "ResNet101": (32, {}),
    "ResNet50V2": (32, {}),
    "DenseNet121": (32, {}),
    "Xception": (71, {}),
    "InceptionV3": (75, {}),
    "NASNetMobile": (32, {}),
    "ConvNeXtTiny": (32, {}),
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
    side, _ = NETWORKS[name]
    keras.utils.set_random_seed(0)
    options = {"alpha": 0.35} if name.startswith("MobileNetV2") else {}
    model = getattr(keras.applications, name)(
        weights=None, input_shape=(side, side, 3), classes=10, **options
    )
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if weight.name == "moving_variance":
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        if weight.name == "moving_mean":
            weight.assign(0.1 * rng.normal(size=weight.shape))
    own = any(isinstance(x, keras.layers.Rescaling) for x in model.layers)
    images = rng.uniform(0, 255, (2, side, side, 3))
    return model, images if own else images / 127.5 - 1


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


def centred(logits):
    logits = keras.ops.convert_to_numpy(logits)
    return logits - logits.mean(axis=1, keepdims=True)


def difference(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


@each
def test_identities(name, float64):
    """Of float64; rounding is larger in float32 by the ratio of precisions."""
    model, images = built(name)
    _, kept = NETWORKS[name]
    if kept:
        with pytest.raises(UserError, match="|".join(kept)):
            dlgn_tf.from_keras(model, "dnn")
    made = {
        family: dlgn_tf.from_keras(
            model,
            family,
            weights="copy",
            keep="all",
            gate=None if family == "dnn" else "own",
        )
        for family in ("dnn", "dgn")
    }
    counted = activations(keras.saving.serialize_keras_object(model))
    assert len(made["dnn"].site_names) == len(counted) > 10
    expected = centred(np.log(model(images, training=False)))
    assert difference(centred(made["dnn"](images)), expected) < 1e-10
    assert difference(centred(made["dgn"](images)), expected) < 1e-10


def test_in_float32():
    model, images = built("MobileNetV2")
    images = images.astype("float32")
    expected = centred(np.log(model(images)))
    for family, gate, most in (("dnn", None, 1e-5), ("dgn", "own", 1e-4)):
        made = dlgn_tf.from_keras(model, family, weights="copy", gate=gate)
        assert (
            difference(centred(made(images.astype("float32"))), expected) < most
        )

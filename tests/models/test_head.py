"""What stands behind an architecture: two logits of one output, numbers."""

import json

import keras
import numpy as np
import pytest
from keras import layers
from scipy.special import expit, softmax

from dlgn_tf import config
from dlgn_tf.errors import UserError
from dlgn_tf.models import create_model, from_keras, load_model
from dlgn_tf.models.build import redrawn
from dlgn_tf.models.initializers import as_pytorch
from dlgn_tf.models.registry import FAMILIES

OF_VECTORS = {
    "fc": {"depth": 3, "width": 4},
    "fcresnet": {"depth": 6, "width": 4},
    "mlp": {"width": 4},
}


@pytest.fixture
def vectors(rng):
    return (100 * rng.standard_normal((6, 5))).astype("float32")


def dense_layers(model):
    return [
        layer
        for network in model.networks.values()
        for layer in network.layers
        if isinstance(layer, layers.Dense)
    ]


@pytest.mark.parametrize("architecture", OF_VECTORS)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("biases", [False, True])
def test_one_output_of_vectors(architecture, family, biases, vectors):
    model = create_model(
        f"{architecture}_{family}",
        (1, 1, 5),
        2,
        loss="logistic",
        biases=biases,
        seed=0,
        **OF_VECTORS[architecture],
    )
    logits = np.asarray(model(vectors))
    head = model.logits_network.get_layer("logits")
    assert (head.units, logits.shape, model.classes) == (1, (6, 2), 2)
    np.testing.assert_array_equal(logits[:, 0], -logits[:, 1])
    assert np.ptp(logits[:, 1]) > 0
    assert {x.use_bias for x in dense_layers(model)} == {biases}


def test_biases_of_a_head_are_none_of_shallow_features():
    for loss in ("crossentropy", "logistic"):
        model = create_model(
            "resnet20_dlgn_sf", (8, 8, 1), 2, loss=loss, depth=8, width=2
        )
        of_gates = model.gating_network.layers
        assert not any(getattr(x, "use_bias", False) for x in of_gates)


@pytest.mark.parametrize("family", FAMILIES)
def test_numbers_are_in_the_units_of_their_targets(family, vectors, tmp_path):
    options = {"depth": 3, "width": 4, "seed": 0}
    mean, std = np.array([[10.0, -20.0], [1.0, 5.0]])
    plain, scaled = (
        create_model(f"fc_{family}", (1, 1, 5), 2, **options, **more)
        for more in ({}, {"loss": "squared", "targets": (mean, std)})
    )
    expected = np.asarray(plain(vectors)) * std + mean
    np.testing.assert_allclose(scaled(vectors), expected, rtol=1e-5)
    assert scaled.objective.variance == 13
    path = tmp_path / "model.keras"
    scaled.save(path)
    again = load_model(path)
    np.testing.assert_array_equal(again(vectors), scaled(vectors))
    assert again.objective == scaled.objective != plain.objective


def with_a_sigmoid(kind):
    """A network of one probability, which says so in one way or another."""
    vector = keras.Input((5,))
    h = layers.Dense(4, activation="relu")(vector)
    if kind == "inside":
        return keras.Model(vector, layers.Dense(1, activation="sigmoid")(h))
    h = layers.Dense(1)(h)
    if kind == "a function":
        return keras.Model(vector, keras.ops.sigmoid(h))
    own = keras.Model(vector, layers.Activation("sigmoid")(h))
    return keras.Model(vector, own(vector)) if kind == "nested" else own


@pytest.mark.parametrize("kind", ["inside", "a layer", "a function", "nested"])
@pytest.mark.parametrize("family, gate", [("dnn", None), ("dgn", "own")])
def test_a_sigmoid_of_one_unit_is_two_logits(
    kind, family, gate, vectors, tmp_path
):
    own = with_a_sigmoid(kind)
    model = from_keras(own, family, weights="copy", gate=gate)
    # A run is told so by the file.
    own.save(tmp_path / "own.keras")
    name = f"--model=keras:{tmp_path / 'own.keras'}_{family}"
    asked = config.from_flags(name, "--dataset=sklearn:breast_cancer")
    assert asked.loss == "logistic"
    vectors = vectors / 100
    found = softmax(np.asarray(model(vectors)), axis=1)
    np.testing.assert_allclose(found[:, 1:], own(vectors), rtol=1e-5)
    assert (model.classes, model.objective.loss) == (2, "logistic")


def test_one_output_of_a_keras_model_is_as_is_said(vectors):
    own = keras.Sequential(
        [keras.Input((5,)), layers.Dense(4, "relu"), layers.Dense(1)]
    )
    vectors, options = vectors / 100, {"family": "dnn", "weights": "copy"}
    numbers = from_keras(own, loss="squared", **options)
    np.testing.assert_allclose(numbers(vectors), own(vectors), rtol=1e-5)
    two = softmax(from_keras(own, loss="logistic", **options)(vectors), axis=1)
    np.testing.assert_allclose(two[:, 1:], expit(own(vectors)), rtol=1e-5)
    with pytest.raises(UserError, match="one output .--loss=logistic"):
        create_model(
            "keras.own_dnn",
            (1, 1, 5),
            2,
            network=json.loads(numbers.description),
        )


@pytest.mark.parametrize(
    "name, shape, options",
    [
        ("fc_dlgn", (1, 1, 5), {"depth": 3, "width": 64}),
        ("fc_dlgn_sf", (1, 1, 5), {"depth": 3, "width": 64}),
        ("c4gap_dnn", (6, 6, 2), {"depth": 2, "width": 16}),
    ],
)
def test_weights_as_pytorch_draws_them(name, shape, options):
    def drawn(seed, **more):
        return create_model(name, shape, 8, seed=seed, **options, **more)

    model = drawn(0, initializer="pytorch")
    for made in (model, redrawn(model, 1)):
        weighted = [x for x in made._flatten_layers() if hasattr(x, "kernel")]
        assert len(weighted) >= 3
        for layer in weighted:
            kernel, bias = layer.get_weights()
            scaled = kernel * np.prod(kernel.shape[:-1]) ** 0.5
            assert 0.85 < np.abs(scaled).max() <= 1
            # Uniform in +-1.
            assert np.std(scaled) == pytest.approx(3**-0.5, rel=0.15)
            shifts = bias * np.prod(kernel.shape[:-1]) ** 0.5
            assert 0.4 < np.abs(shifts).max() <= 1
    same, other, published = (
        drawn(0, initializer="pytorch").get_weights(),
        drawn(1, initializer="pytorch").get_weights(),
        drawn(0).get_weights(),
    )
    for each, twin, *others in zip(
        model.get_weights(), same, other, published, strict=True
    ):
        np.testing.assert_array_equal(each, twin)
        assert all(np.any(each != x) for x in others)


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"loss": "logistic", "classes": 3}, "two classes.*3 classes"),
        ({"loss": "hinge"}, "Invalid loss. Expected one of"),
        ({"initializer": "zeros"}, "Invalid initializer. Expected one of"),
        ({"loss": "squared", "members": 2, "classes": 2}, "2 members"),
    ],
)
def test_what_cannot_be(options, expected):
    with pytest.raises(UserError, match=expected):
        create_model("c1gap_dnn", (6, 6, 1), **options)


def test_kernels_of_other_shapes_as_pytorch_draws_them():
    """Of a depthwise convolution a unit has the inputs of one channel."""
    image = keras.Input((6, 6, 8))
    h = layers.DepthwiseConv2D(3, depth_multiplier=8, name="depthwise")(image)
    h = layers.SeparableConv2D(32, 3, name="separable")(h)
    h = layers.Conv2D(64, 1, groups=4, name="grouped")(h)
    h = layers.Conv2DTranspose(16, 2, name="transposed")(h)
    network = as_pytorch(keras.Model(image, h))
    # PyTorch takes the outputs of a transposed convolution for its inputs.
    expected = {
        "depthwise": (9, 9),
        "separable": (9, 64, 64),
        "grouped": (8, 8),
        "transposed": (64, 64),
    }
    for name, fans in expected.items():
        for weight, fan in zip(
            network.get_layer(name).get_weights(), fans, strict=True
        ):
            assert 0.75 < np.abs(weight).max() * fan**0.5 <= 1, name
    rows = keras.Input((4, 8))
    attended = layers.MultiHeadAttention(2, 4, name="seen")(rows, rows)
    with pytest.raises(UserError, match="Received: seen, a MultiHeadAtt"):
        as_pytorch(keras.Model(rows, attended))

"""The empirical NTK against gradients that are taken one image at a time."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf import from_keras
from dlgn_tf.claims.small_networks import leave_initial_point
from dlgn_tf.dual import tangent_kernel
from dlgn_tf.dual.coverage import structure_of
from dlgn_tf.dual.example_gradients import ExampleGradients
from dlgn_tf.dual.tangent_kernel import empirical_ntk
from dlgn_tf.dual.value_graph import plan_of
from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model
from dlgn_tf.models.relu import ReLUNetwork

SMALL = (6, 6, 2)
MODELS = {
    "fc_dnn": (SMALL, {"width": 8, "depth": 3}),
    "fc_dlgn": (SMALL, {"width": 8, "depth": 3}),
    "c4gap_dgn": (SMALL, {"width": 4}),
    "c4gap_dlgn": (SMALL, {"width": 4, "padding": "circular"}),
    "gconv_dlgn_sf": (SMALL, {"width": 4, "head_width": 8}),
    "vconv_dgn": (SMALL, {"width": 4, "head_width": 8}),
    "resnet20_dnn": ((9, 7, 2), {"width": 4, "depth": 8}),
    "resnet20_dlgn": ((9, 7, 2), {"width": 4, "depth": 8, "shortcut": "B"}),
    "wrn16_4_dlgn": ((9, 7, 2), {"width": 2, "depth": 10}),
    "vgg16_dgn": ((32, 32, 1), {"width": 2}),
    "fcresnet_dgn": (SMALL, {"width": 8, "depth": 8}),
    "smallcnn_dgn": ((10, 10, 1), {"width": 12, "apodized": True}),
}


def create(name, rng, **options):
    """A model in general position, and images."""
    shape, defaults = MODELS[name]
    model = create_model(
        name, shape, 3, seed=0, mean=0.5, std=0.25, **{**defaults, **options}
    )
    for network in model.networks.values():
        leave_initial_point(network, rng)
    return model, rng.uniform(0, 255, (5, *shape))


def gradients(model, network, images, logit):
    """A gradient for each image, `(n, weights)`, and the weights' names."""
    rows = []
    for image in images:
        with tf.GradientTape() as tape:
            logits = model(image[None], training=False)[0]
            chosen = tf.reduce_sum(logits) if logit == "sum" else logits[logit]
        found = tape.gradient(
            chosen, network.trainable_variables, unconnected_gradients="zero"
        )
        rows.append(np.concatenate([np.ravel(g) for g in found]))
    return np.array(rows)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", MODELS)
def test_every_part_is_that_of_explicit_gradients(name, rng):
    model, images = create(name, rng)
    found = empirical_ntk(model, images, logit=1)
    assert set(found.parts) == set(model.networks)
    for part, network in model.networks.items():
        rows = gradients(model, network, images, 1)
        kernel = rows @ rows.T
        assert kernel.max() > 0
        np.testing.assert_allclose(
            found.parts[part], kernel, atol=1e-10 * kernel.max()
        )


@pytest.mark.usefixtures("float64")
def test_a_layer_that_is_called_twice_counts_twice(rng):
    image = keras.Input(SMALL)
    shared = keras.layers.Dense(4)
    h = keras.ops.relu(keras.layers.Dense(4)(keras.layers.Flatten()(image)))
    h = keras.ops.relu(shared(keras.ops.relu(shared(h))))
    network = keras.Model(image, keras.layers.Dense(3)(h))
    model = from_keras(network, "dgn")
    images = rng.uniform(0, 1, (4, *SMALL))
    found = empirical_ntk(model, images, logit=1)
    for part, each in model.networks.items():
        rows = gradients(model, each, images, 1)
        kernel = rows @ rows.T
        np.testing.assert_allclose(
            found.parts[part], kernel, atol=1e-10 * max(kernel.max(), 1e-9)
        )


@pytest.mark.usefixtures("float64")
def test_sum_and_each_logit(rng):
    model, images = create("c4gap_dlgn", rng)
    network = model.value_network
    rows = gradients(model, network, images, "sum")
    found = empirical_ntk(model, images)
    np.testing.assert_allclose(found.value, rows @ rows.T)
    each = [gradients(model, network, images, c) for c in range(3)]
    found = empirical_ntk(model, images, logit="each")
    expected = sum(of_logit @ of_logit.T for of_logit in each)
    np.testing.assert_allclose(found.value, expected)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", ["c4gap_dlgn", "few_places"])
def test_blocks_of_any_size_give_the_same(name, rng, monkeypatch):
    if name == "few_places":
        # So few that the last convolutions' gradients stay in two factors.
        model, images = create("resnet20_dnn", rng, width=12)
    else:
        model, images = create(name, rng)
    whole = empirical_ntk(model, images)
    for rows, batch in ((1, 1), (2, 3), (3, 2)):
        monkeypatch.setattr(
            tangent_kernel, "_block_sizes", lambda *_, s=(rows, batch): s
        )
        found = empirical_ntk(model, images)
        parts = empirical_ntk(model, images[:3], images[1:])
        for part, kernel in whole.parts.items():
            close = {"rtol": 0, "atol": 1e-10 * kernel.max()}
            np.testing.assert_allclose(found.parts[part], kernel, **close)
            np.testing.assert_allclose(
                parts.parts[part], kernel[:3, 1:], **close
            )


def test_hard_gates_pass_nothing(rng):
    model, images = create("c4gap_dgn", rng, gate="hard")
    model.gating_network.trainable = True
    found = empirical_ntk(model, images)
    assert not found.gating.any()
    np.testing.assert_array_equal(found.total, found.value)


def test_frozen_gates_are_constants(rng):
    soft, images = create("c4gap_dgn", rng)
    value, gating = (
        getattr(empirical_ntk(soft, images), part)
        for part in ("value", "gating")
    )
    assert gating.any()
    soft.gating_network.trainable = False
    found = empirical_ntk(soft, images)
    assert not found.gating.any()
    np.testing.assert_allclose(found.value, value, rtol=1e-5)


def test_float32_models_and_uint8_images(rng):
    model, images = create("c4gap_dlgn", rng)
    images = images.astype("uint8")
    found = empirical_ntk(model, images)
    assert found.total.dtype == np.float64
    rows = gradients(model, model.gating_network, images, "sum")
    np.testing.assert_allclose(found.gating, rows @ rows.T, rtol=1e-3)


def test_a_model_is_left_as_it_was(rng, tmp_path):
    model, images = create("resnet20_dnn", rng)
    before = np.asarray(model(images))
    empirical_ntk(model, images)
    # Asks Keras for the input of layers, which must be one.
    assert model.gates(images)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(model(images), before)


def test_memory_bound(rng):
    model, images = create("c4gap_dlgn", rng)
    sizes = ExampleGradients(model)
    little, much = (
        tangent_kernel._block_sizes(sizes, 500, gib) for gib in (0.003, 1.0)
    )
    assert little < much
    with pytest.raises(UserError, match="memory_gib of at least"):
        empirical_ntk(model, images, memory_gib=1e-6)


@pytest.mark.parametrize("logit", [3, -1, True, "mean", 1.0])
def test_logits_that_are_not_there(rng, logit):
    model, images = create("fc_dnn", rng)
    with pytest.raises(UserError, match="from 0 to 2"):
        empirical_ntk(model, images, logit=logit)


def test_ensembles_are_refused(rng):
    model = create_model("c1gap_dnn", (6, 6, 1), width=2, members=3)
    with pytest.raises(UserError, match="EnsembleNetwork"):
        empirical_ntk(model, np.zeros((1, 6, 6, 1)))


@pytest.mark.usefixtures("float64")
def test_layers_with_options_are_no_plain_ones(rng):
    """A nonlinearity inside a layer, groups and dilation, and what says so."""
    image = keras.Input((6, 6, 2))
    y = keras.layers.Conv2D(4, 2, groups=2, activation="tanh", name="a")(image)
    y = keras.layers.Conv2D(4, 2, dilation_rate=2, name="b")(y)
    y = keras.layers.Dense(40, activation="tanh", name="c")(
        keras.layers.Flatten()(y)
    )
    y = keras.layers.Activation("relu", name="site_relu")(y)
    network = keras.Model(image, keras.layers.Dense(3)(y))
    model = ReLUNetwork(network, keras.layers.Rescaling(1 / 255), ["site"])
    images = rng.uniform(0, 255, (4, 6, 6, 2))
    rows = gradients(model, network, images, 1)
    found = empirical_ntk(model, images, logit=1)
    np.testing.assert_allclose(found.parts["network"], rows @ rows.T)
    assert structure_of(model) is None
    with pytest.raises(UserError, match="a, a Conv2D, has activation=tanh"):
        plan_of(model)

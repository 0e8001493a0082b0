"""Nonlinearities at gate sites: options, gates, and which weights fit."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf.errors import UserError
from dlgn_tf.layers import BetaVQ
from dlgn_tf.models import activations, lineage, transfer
from dlgn_tf.models.build import create_model
from dlgn_tf.models.gated import copy_weights

SHAPE = (8, 8, 1)
NAMES = tuple(activations.ACTIVATIONS)
each_activation = pytest.mark.parametrize("activation", NAMES)

# With eta = 1, the published default; written here, not taken from the layers.
FUNCTIONS = {
    "relu": lambda q: np.maximum(q, 0),
    "swish": lambda q: q / (1 + np.exp(-q)),
    "beta_vq": lambda q: q / (1 + np.exp(-q)),
    "leaky_beta_vq": lambda q: q * (0.01 + 0.99 / (1 + np.exp(-0.99 * q))),
    "abs_beta_vq": lambda q: q * np.tanh(q),
}


def create(name, activation, **options):
    given = {"width": 4, "seed": 0, **options}
    return create_model(name, SHAPE, activation=activation, **given)


HARD_SILU = {"beta": 0.25, "beta_mode": "fixed", "entropy": "tsallis"}


@pytest.mark.parametrize(
    "activation,options,function",
    [
        *((name, {}, function) for name, function in FUNCTIONS.items()),
        ("beta_vq", HARD_SILU, lambda q: q * np.clip(q / 6 + 0.5, 0, 1)),
    ],
)
def test_a_dnn_applies_its_nonlinearity(images, activation, options, function):
    given = {f"activation_{k}": v for k, v in options.items()}
    model = create("fc_dnn", activation, depth=3, **given)
    assert model.activation == activation
    h = np.asarray(model.normalization(images)).reshape(len(images), -1)
    for index, site in enumerate(model.site_names, start=1):
        kernel, bias = model.network.get_layer(f"dense{index}").get_weights()
        q = h @ kernel + bias
        np.testing.assert_allclose(
            model.preactivations(images)[site], q, rtol=1e-4, atol=1e-5
        )
        h = function(q)
    kernel, bias = model.network.get_layer("logits").get_weights()
    np.testing.assert_allclose(
        model(images), h @ kernel + bias, rtol=1e-4, atol=1e-5
    )


@each_activation
def test_a_dnn_is_the_value_network_under_its_own_gates(images, activation):
    """f(q) = q g(q), and the gates are g(q), for every nonlinearity."""
    model = create("resnet20_dnn", activation, depth=8)
    for layer in model._flatten_layers():
        if isinstance(layer, BetaVQ):
            layer.u.assign(0.8)
    value = create("resnet20_dgn", None, depth=8).value_network
    copy_weights(model.network, value)
    gates = model.gates(images)
    np.testing.assert_allclose(
        value([model.normalization(images), *gates.values()]),
        model(images),
        rtol=1e-4,
        atol=1e-5,
    )


@each_activation
def test_a_dgn_has_it_in_its_gating_network_alone(images, activation):
    model = create("c4gap_dgn", activation)
    gating = {x.name for x in model.gating_network.layers}
    # The last site's leads nowhere: the network ends in pre-activations.
    assert {f"conv{i}_{activation}" for i in (1, 2, 3)} <= gating
    assert not any(activation in x.name for x in model.value_network.layers)
    q = model.preactivations(images)
    again = model.gating_network.get_layer("conv2")(
        FUNCTIONS[activation](np.asarray(q["conv1"]))
    )
    np.testing.assert_allclose(q["conv2"], again, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        model.gates(images)["conv2"],
        1 / (1 + np.exp(-10 * np.asarray(q["conv2"]))),
        rtol=1e-4,
        atol=1e-5,
    )


def test_all_of_one_beta_start_as_swish(images):
    swish, soft = create("c4gap_dnn", "swish"), create("c4gap_dnn", "beta_vq")
    np.testing.assert_allclose(soft(images), swish(images), rtol=1e-5)
    assert soft.count_params() - swish.count_params() == 4
    channels = create(
        "c4gap_dnn", "beta_vq", activation_beta_mode="per_channel"
    )
    assert channels.count_params() - swish.count_params() == 4 * 4


def test_hard_beta_is_the_relu_network(images):
    hard = create(
        "c4gap_dnn", "beta_vq", activation_beta=1, activation_beta_mode="fixed"
    )
    relu = create("c4gap_dnn", None)
    np.testing.assert_array_equal(hard(images), relu(images))
    for site, gate in relu.gates(images).items():
        np.testing.assert_array_equal(hard.gates(images)[site], gate)


def test_betas_are_learned_and_frozen_ones_are_not(images):
    for regime, learned in (("joint", True), ("frozen_random", False)):
        model = create("c4gap_dgn", "beta_vq", gate_regime=regime)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(model(images, training=True)))
        betas = [v for v in model.trainable_variables if v.name == "u"]
        # That of the last site is used by nobody and not made.
        assert len(betas) == (3 if learned else 0)
        gradients = tape.gradient(loss, [v.value for v in betas])
        assert all(g is not None and float(g) != 0 for g in gradients)


def test_gates_come_from_a_network_of_the_same_nonlinearity(images):
    source = create("c4gap_dnn", "beta_vq", seed=3)
    for layer in source._flatten_layers():
        if isinstance(layer, BetaVQ):
            layer.u.assign(1.5)
    target = create("c4gap_dgn", "beta_vq", gate_regime="frozen_learned")
    transfer.copy_gates(source, target)
    for site, q in source.preactivations(images).items():
        np.testing.assert_array_equal(target.preactivations(images)[site], q)
    with pytest.raises(UserError, match="Received: no 'conv1_relu'"):
        transfer.copy_gates(source, create("c4gap_dgn", None))
    fixed = create("c4gap_dgn", "beta_vq", activation_beta_mode="fixed")
    with pytest.raises(UserError, match="Received: 'conv1_beta_vq' with beta"):
        transfer.copy_gates(source, fixed)


def test_lineage_has_relus_only(tmp_path):
    model = create("resnet20_dnn", "swish", depth=8)
    with pytest.raises(UserError, match="activation=relu.*Received: swish"):
        lineage.load(tmp_path / "none", model)


@pytest.mark.parametrize("activation", ["beta_vq", "abs_beta_vq"])
def test_two_replicas_learn_as_one(two_replicas, images, activation):
    """Gradients of shared betas are summed over replicas."""

    def gradients(model, batch):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(model(batch, training=True)))
        return tape.gradient(loss, [v.value for v in model.trainable_variables])

    alone = create("fc_dnn", activation, depth=3)
    expected = gradients(alone, images[:4])
    with two_replicas.scope():
        shared = create("fc_dnn", activation, depth=3)
    halves = two_replicas.experimental_distribute_values_from_function(
        lambda context: tf.constant(
            images[:4][2 * context.replica_id_in_sync_group :][:2]
        )
    )

    @tf.function
    def step():
        each = two_replicas.run(
            lambda batch: gradients(shared, batch), (halves,)
        )
        return [two_replicas.reduce("sum", g, axis=None) for g in each]

    for found, wanted in zip(step(), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("family", ["dlgn", "dlgn_sf"])
def test_linear_gating_networks_have_none(family):
    with pytest.raises(UserError, match=f"on a {family}, .* linear"):
        create(f"c4gap_{family}", "relu")


@pytest.mark.parametrize(
    "options,message",
    [
        ({"activation": "gelu"}, "one of relu, swish, beta_vq"),
        ({"activation_beta": 0.5}, "no effect on activation=relu"),
        (
            {"activation": "swish", "activation_beta": 0.5},
            "no effect on activation=swish",
        ),
        (
            {"activation": "beta_vq", "activation_slope": 0.1},
            "leaky_beta_vq alone",
        ),
        ({"activation": "beta_vq", "activation_beta": 1.5}, "from 0 to 1"),
        ({"activation": "beta_vq", "activation_beta": 1.0}, "cannot leave"),
        (
            {"activation": "beta_vq", "activation_entropy": "renyi"},
            "Invalid activation_entropy",
        ),
        (
            {"activation": "beta_vq", "activation_beta_mode": "global"},
            "one of fixed, per_layer, per_channel",
        ),
        (
            {"activation": "leaky_beta_vq", "activation_slope": 1.0},
            "between 0 and 1",
        ),
    ],
)
def test_wrong_options(options, message):
    with pytest.raises(UserError, match=message) as caught:
        activations.resolve("dnn", options)
    assert "Received" in str(caught.value) and "\n" not in str(caught.value)


def test_ensembles_are_of_relu_networks():
    with pytest.raises(UserError, match="activation=relu for an ensemble"):
        activations.resolve("dnn", {"activation": "swish"}, members=4)
    assert activations.resolve("dnn", {}, members=4)["activation"] == "relu"


def test_layers_of_two_nonlinearities_are_refused():
    model = create("c4gap_dnn", "swish")
    broken = type(model)(model.network, model.normalization, ["conv1", "pool"])
    with pytest.raises(ValueError, match="one nonlinearity"):
        broken.gates(np.zeros((1, *SHAPE)))


def test_swish_keeps_keras_own_layer():
    model = create("c4gap_dnn", "swish")
    layer = model.network.get_layer("conv1_swish")
    assert layer.activation is keras.activations.silu

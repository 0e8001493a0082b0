"""Learned layers: weights and what they read against the layers' outputs."""

import keras
import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model
from dlgn_tf.models.orthogonal_options import OrthogonalFilters
from dlgn_tf.rainbow.learned_layers import (
    LayeredNetwork,
    Normalization,
    copy_of,
)


def mixed_network():
    """Convolutions of each kind, a flattened map, a dense layer."""
    x = keras.Input((9, 9, 2), name="x")
    h = keras.layers.Conv2D(3, 3, strides=2, use_bias=False, name="stride")(x)
    h = keras.layers.ReLU()(h)
    h = keras.layers.BatchNormalization(name="norm")(h)
    h = keras.layers.Conv2D(4, 1, use_bias=False, name="one")(h)
    h = keras.layers.Conv2D(5, (3, 2), padding="same", name="same")(h)
    h = keras.layers.Flatten()(keras.layers.ReLU()(h))
    h = keras.layers.Dense(6, name="flat")(h)
    h = keras.layers.Dense(3, name="logits")(h)
    return keras.Model(x, h, name="mixed")


@pytest.fixture
def network():
    return LayeredNetwork(mixed_network())


class TestLearnedLayer:
    def test_sizes(self, network):
        found = [
            (x.label, x.neurons, x.channels, x.patch) for x in network.layers
        ]
        assert found == [
            ("stride", 3, 2, 9),
            ("one", 4, 3, 1),
            ("same", 5, 4, 6),
            ("flat", 6, 5, 16),
            ("logits", 3, 6, 1),
        ]
        assert [x.reads_input for x in network.layers] == [True] + 4 * [False]
        assert network.classifier == "logits"
        assert network.hidden == ("stride", "one", "same", "flat")
        assert network.widths == (3, 4, 5, 6, 3)

    def test_whole_maps(self, rng):
        """What a flattened layer reads is one vector, without a patch."""
        network = LayeredNetwork(mixed_network(), whole_maps=True)
        layer = network["flat"]
        assert (layer.channels, layer.patch, layer.dimension) == (80, 1, 80)
        np.testing.assert_array_equal(layer.matrix.T, layer.layer.kernel)
        images = rng.standard_normal((2, 9, 9, 2)).astype("float32")
        (read,) = network.read(images, [layer])
        np.testing.assert_array_equal(layer.patches(read), read)
        assert network["same"].patch == 6
        assert network.copy()["flat"].patch == 1

    @pytest.mark.parametrize(
        "label", ("stride", "one", "same", "flat", "logits")
    )
    def test_matrix_on_patches_is_the_layer(self, network, label, rng):
        layer = network[label]
        if layer.bias is not None:
            layer.layer.bias.assign(rng.standard_normal(layer.neurons))
        images = rng.standard_normal((2, 9, 9, 2)).astype("float32")
        (read,) = network.read(images, [layer])
        until = keras.Model(network.model.inputs, layer.layer.output)
        wanted = np.asarray(until([images])).reshape(-1, layer.neurons)
        found = layer.patches(read) @ layer.matrix.T
        if layer.bias is not None:
            found = found + layer.bias
        np.testing.assert_allclose(found, wanted, atol=1e-5)

    def test_channels_come_first_in_the_matrix(self, network):
        layer = network["stride"]
        kernel = np.asarray(layer.layer.kernel)
        # Neuron 1, channel 1, row 2 and column 0 of the patch.
        assert layer.weights[1, 1, 6] == kernel[2, 0, 1, 1]
        assert layer.matrix[1, 9 + 6] == kernel[2, 0, 1, 1]

    def test_assigned_weights_come_back(self, network, rng):
        for layer in network.layers:
            weights = rng.standard_normal(layer.weights.shape)
            layer.assign(weights)
            np.testing.assert_allclose(layer.weights, weights, rtol=1e-6)
        with pytest.raises(ValueError, match="Expected weights of logits"):
            layer.assign(weights[:2])

    def test_normalizations_know_their_neurons(self, network):
        (norm,) = [p for p in network.parts if isinstance(p, Normalization)]
        assert (norm.label, norm.neurons_of) == ("norm", ("stride",))
        images = np.zeros((2, 9, 9, 2), "float32")
        (read,) = network.read(images, [norm])
        assert read.shape == (2, 4, 4, 3)


class TestGatedNetworks:
    def test_both_networks_in_order(self):
        model = create_model("c4gap_dlgn", (8, 8, 1), depth=2, width=4)
        network = LayeredNetwork(model)
        wanted = ("gating/conv1", "gating/conv2")
        assert network.labels == (
            *wanted,
            "value/conv1",
            "value/conv2",
            "value/logits",
        )
        assert network.classifier == "value/logits"
        gating = LayeredNetwork(model, "gating")
        assert (gating.labels, gating.classifier) == (wanted, None)

    def test_a_value_layer_reads_gated_values(self, rng):
        model = create_model("fc_dgn", (3, 3, 1), depth=3, width=5, seed=1)
        images = rng.integers(0, 256, (4, 3, 3, 1)).astype("uint8")
        network = LayeredNetwork(model)
        read = network.read(
            images, [network["value/dense2"], network["gating/dense2"]]
        )
        pixels = np.asarray(model.normalization(images)).reshape(4, -1)
        first = model.value_network.get_layer("dense1")
        kernel, bias = map(np.asarray, (first.kernel, first.bias))
        gate = np.asarray(model.gates(images)["dense1"])
        wanted = (pixels @ kernel + bias) * gate
        np.testing.assert_allclose(read[0], wanted, rtol=1e-4, atol=1e-4)
        wanted = np.maximum(model.preactivations(images)["dense1"], 0)
        np.testing.assert_allclose(read[1], wanted, rtol=1e-5)

    def test_every_gate_of_a_shallow_network_reads_the_image(self):
        model = create_model("c4gap_dlgn_sf", (8, 8, 1), depth=3, width=4)
        network = LayeredNetwork(model, "gating")
        assert [x.reads_input for x in network.layers] == [True] * 3

    def test_one_of_a_network_that_has_none(self):
        model = create_model("fc_dnn", (3, 3, 1), width=4)
        with pytest.raises(UserError, match="Expected a gated network"):
            LayeredNetwork(model, "gating")
        with pytest.raises(UserError, match="one of gating, value"):
            LayeredNetwork(model, "feature")


class TestCopies:
    @pytest.mark.parametrize("name", ("resnet20_dlgn", "fc_dnn"))
    def test_a_copy_shares_nothing(self, name, rng):
        model = create_model(name, (8, 8, 1), width=4, seed=0)
        images = rng.integers(0, 256, (3, 8, 8, 1)).astype("uint8")
        before = np.asarray(model(images))
        copy = copy_of(model)
        np.testing.assert_array_equal(copy(images), before)
        for layer in LayeredNetwork(copy).layers:
            layer.assign(0 * layer.weights)
        np.testing.assert_array_equal(model(images), before)

    def test_frozen_gates_stay_frozen(self):
        model = create_model("fc_dgn", (3, 3, 1), width=4, gate="hard")
        assert not copy_of(model).gating_network.trainable

    def test_orthogonal_filters_are_folded(self, rng):
        options = OrthogonalFilters()
        model = create_model(
            "fc_dnn", (4, 4, 1), width=4, orthogonal=options, seed=0
        )
        images = rng.integers(0, 256, (3, 4, 4, 1)).astype("uint8")
        network = LayeredNetwork(model)
        np.testing.assert_allclose(
            network.model(images), model(images), rtol=1e-4
        )
        rows = network["dense2"].matrix
        np.testing.assert_allclose(
            rows @ rows.T, np.diag(np.diag(rows @ rows.T)), atol=1e-5
        )


class TestRefusals:
    def test_ensembles(self):
        model = create_model("c1gap_dnn", (8, 8, 1), width=4, members=2)
        with pytest.raises(UserError, match="Expected a single network"):
            LayeredNetwork(model)

    def test_groups(self):
        x = keras.Input((4, 4, 4))
        model = keras.Model(x, keras.layers.Conv2D(4, 3, groups=2)(x))
        with pytest.raises(UserError, match="one group"):
            LayeredNetwork(model)

    def test_nothing_learned(self):
        x = keras.Input((4,))
        with pytest.raises(UserError, match="which has none"):
            LayeredNetwork(keras.Model(x, keras.layers.ReLU()(x)))

    def test_an_unknown_layer(self, network):
        with pytest.raises(UserError, match="stride, one, same, flat, logits"):
            network["conv7"]

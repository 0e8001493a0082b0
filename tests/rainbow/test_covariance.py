"""Weight covariances: of permuted twins, of widths, of what cannot be."""

import keras
import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.rainbow import covariance, reference
from dlgn_tf.rainbow.covariance import operator_norm_error, weight_covariances
from dlgn_tf.rainbow.learned_layers import LayeredNetwork
from dlgn_tf.rainbow.moments import in_batches


def second_moment(layer):
    return layer.matrix.T @ layer.matrix / layer.neurons


class TestPermutedTwins:
    """Alignment undoes a permutation of neurons, exactly."""

    @pytest.mark.parametrize("basis", ("mean", 0, 1))
    def test_dense(self, networks, inputs, rng, basis):
        model = networks.mlp(1)
        twins = [model, networks.permuted(model, rng)]
        twins.append(networks.permuted(model, rng))
        np.testing.assert_allclose(twins[1](inputs), model(inputs), atol=1e-5)
        found = weight_covariances(twins, in_batches(inputs, 100), basis)
        for layer in LayeredNetwork(twins[1 if basis == 1 else 0]).layers:
            np.testing.assert_allclose(
                found.matrices[layer.label], second_moment(layer), atol=1e-5
            )
        assert min(min(e.values()) for e in found.explained) > 1 - 1e-9
        assert max(max(e.values()) for e in found.errors) < 1e-9

    @pytest.mark.parametrize("normalized", ("before", "after"))
    def test_convolutions(self, networks, images, rng, normalized):
        model = networks.settle(networks.convnet(2, normalized), images)
        twin = networks.permuted(model, rng)
        np.testing.assert_allclose(twin(images), model(images), atol=1e-4)
        found = weight_covariances([model, twin], [images], reference=0)
        for layer in LayeredNetwork(model).layers:
            np.testing.assert_allclose(
                found.matrices[layer.label], second_moment(layer), atol=1e-4
            )


class TestEstimates:
    @pytest.mark.parametrize("basis", ("mean", 0))
    def test_few_samples_leave_a_basis_alone(self, networks, inputs, basis):
        """Fewer than channels: nothing would tell most directions."""
        model = networks.mlp(1)
        found = weight_covariances([model], [inputs[:4]], basis)
        for layer in LayeredNetwork(model).layers:
            np.testing.assert_allclose(
                found.matrices[layer.label], second_moment(layer), atol=1e-12
            )

    def test_activations_are_second_moments(self, networks, inputs):
        model = networks.mlp(1)
        found = weight_covariances([model], in_batches(inputs, 70))
        hidden = np.maximum(inputs @ np.asarray(model.layers[1].kernel), 0)
        np.testing.assert_allclose(
            found.activations[0]["dense2"], hidden.T @ hidden / 400, rtol=1e-4
        )

    def test_the_mean_is_that_of_aligned_activations(self, networks, inputs):
        models = [networks.mlp(k) for k in (1, 2, 3)]
        layered = [LayeredNetwork(model) for model in models]
        mean = reference.mean(layered, [inputs], num_iters=1)
        (found,) = mean.activations(inputs, ["dense2"])
        hidden = [
            np.float64(net.read(inputs, [net["dense2"]])[0]) for net in layered
        ]
        wanted = hidden[0]
        for other in hidden[1:]:
            left, _, right = np.linalg.svd(hidden[0].T @ other)
            wanted = wanted + other @ (left @ right).T
        np.testing.assert_allclose(found, wanted / 3, atol=1e-6)

    def test_iterating_brings_networks_nearer_to_their_mean(
        self, networks, inputs
    ):
        models = [networks.mlp(k, widths=(30, 9)) for k in range(4)]
        once, twice = (
            weight_covariances(models, [inputs], num_iters=n) for n in (1, 2)
        )
        assert once.explained[0]["dense2"] == pytest.approx(1)
        mean = [
            np.mean([e["dense2"] for e in each.explained[1:]])
            for each in (once, twice)
        ]
        assert mean[1] > mean[0]

    def test_agreement_of_images_that_were_held_out(self, networks, inputs):
        """An alignment to one image holds for this one alone."""
        models = [networks.mlp(1), networks.mlp(2)]
        few, others = inputs[:1], inputs[1:]
        fitted = weight_covariances(models, [few], 0)
        scored = weight_covariances(models, [few], 0, held_out=[others])
        enough = weight_covariances(models, [others], 0)
        assert fitted.explained[1]["dense2"] == pytest.approx(1)
        assert (
            scored.explained[1]["dense2"] < enough.explained[1]["dense2"] - 0.1
        )
        assert scored.errors[1]["dense2"] > enough.errors[1]["dense2"] + 0.1
        np.testing.assert_array_equal(
            scored.matrices["dense2"], fitted.matrices["dense2"]
        )
        turn = scored.alignments[1]["dense2"]
        np.testing.assert_allclose(
            turn.weights(LayeredNetwork(models[1])["dense2"].weights)[..., 0],
            scored.weights["dense2"][1],
        )

    def test_narrower_networks_are_embedded(self, networks, inputs):
        wide, narrow = networks.mlp(1, (16, 9)), networks.mlp(2, (4, 7))
        found = weight_covariances([wide, narrow], [inputs], reference=0)
        rows = found.weights["dense2"][1]
        assert rows.shape == (7, 16)
        own = LayeredNetwork(narrow)["dense2"].matrix
        # Turned, and a quarter of the dimension of the reference.
        np.testing.assert_allclose(rows @ rows.T, own @ own.T / 4, atol=1e-5)

    @pytest.mark.parametrize("basis", ("mean", 0))
    def test_neurons_that_are_there_twice(self, networks, inputs, basis):
        """A wider network of the same function has the same covariances."""
        model = networks.mlp(1)
        twin = networks.doubled(model)
        np.testing.assert_allclose(twin(inputs), model(inputs), atol=1e-5)
        found = weight_covariances([model, twin], [inputs], basis)
        for label in ("dense2", "logits"):
            layer = LayeredNetwork(model)[label]
            np.testing.assert_allclose(
                found.matrices[label], second_moment(layer), atol=1e-5
            )
            assert max(each[label] for each in found.errors) < 1e-9
        reference = found.reference
        (mean,) = reference.activations(inputs, ["dense2"])
        own = LayeredNetwork(model)
        np.testing.assert_allclose(
            mean, own.read(inputs, [own["dense2"]])[0], atol=1e-5
        )
        np.testing.assert_allclose(
            reference.mean_weights("dense2"), own["dense2"].weights, atol=1e-5
        )

    def test_zero_weights(self, networks, inputs):
        model = networks.mlp(1)
        layer = LayeredNetwork(model)["dense2"]
        layer.assign(0 * layer.weights)
        found = weight_covariances([model, networks.mlp(2)], [inputs], 0)
        assert not found.weights["dense2"][0].any()
        # What reads them is zero as well: nothing to align to.
        assert found.explained[1]["logits"] == 0
        assert np.isfinite(found.matrices["logits"]).all()


class TestRefusals:
    @pytest.mark.parametrize(
        "other,options,message",
        [
            (
                {"widths": (12, 9, 5), "name": "deep"},
                {},
                "one architecture.*deep with 4 layers",
            ),
            ({"inputs": 7}, {}, "same inputs and classes"),
            *(
                ({}, {"reference": basis}, "Expected reference 'mean'")
                for basis in (2, -1, "first", True)
            ),
            ({}, {"num_iters": 0}, "num_iters >= 1"),
            ({}, {"memory_gib": 1e-6}, "Moments of 2 networks: .* bytes"),
        ],
    )
    def test_of_two_networks(self, networks, inputs, other, options, message):
        models = [networks.mlp(1), networks.mlp(1, **other)]
        with pytest.raises(UserError, match=message) as raised:
            weight_covariances(models, [inputs], **options)
        assert "\n" not in str(raised.value)

    def test_another_kernel_size(self, images):
        x = keras.Input((9, 9, 2))
        models = []
        for size in (1, 3):
            h = keras.layers.Conv2D(3, size, padding="same")(x)
            h = keras.layers.GlobalAveragePooling2D()(h)
            models.append(keras.Model(x, keras.layers.Dense(3)(h)))
        with pytest.raises(UserError, match="one architecture"):
            weight_covariances(models, [images])

    def test_no_network(self, inputs):
        with pytest.raises(UserError, match="at least one network"):
            weight_covariances([], [inputs])

    @pytest.mark.parametrize("basis", ("mean", 0))
    def test_batches_that_are_over(self, networks, inputs, basis):
        """A generator has nothing left for the second time."""
        models = [networks.mlp(1), networks.mlp(2)]
        spent = iter([inputs])
        if basis == 0:
            next(spent)
        with pytest.raises(UserError, match="can be gone through again"):
            weight_covariances(models, spent, basis)

    @pytest.mark.parametrize("bad", (np.nan, np.inf))
    def test_weights_that_are_not_finite(self, networks, inputs, bad):
        model = networks.mlp(1)
        kernel = np.array(model.get_layer("dense2").kernel)
        kernel[0, 0] = bad
        model.get_layer("dense2").kernel.assign(kernel)
        with pytest.raises(UserError, match="finite weights.*mlp, dense2"):
            weight_covariances([model], [inputs])

    def test_images_that_are_not_finite(self, networks, inputs):
        inputs[3, 2] = np.nan
        with pytest.raises(UserError, match="images of finite pixels"):
            weight_covariances([networks.mlp(1)], [inputs])

    def test_no_neurons(self):
        for weights in ([], [np.zeros((0, 3))]):
            with pytest.raises(UserError, match="one neuron. Received: none"):
                covariance.covariance(weights)


class TestComparisons:
    def test_operator_norm(self):
        first, second = np.diag([3.0, 1.0]), np.diag([2.0, 4.0])
        assert operator_norm_error(first, second) == pytest.approx(3 / 4)
        zero = np.zeros((2, 2))
        assert operator_norm_error(zero, zero) == 0
        assert operator_norm_error(first, zero) == np.inf

    def test_overlap(self):
        first = np.diag([5.0, 4, 3, 2, 1])
        assert covariance.leading_overlap(first, first, 2) == pytest.approx(1)
        second = np.diag([5.0, 1, 3, 4, 2])
        assert covariance.leading_overlap(first, second, 2) == pytest.approx(
            0.5
        )

    def test_all_neurons_count_alike(self, rng):
        many, few = rng.standard_normal((30, 4)), rng.standard_normal((10, 4))
        every = np.concatenate([many, few])
        np.testing.assert_allclose(
            covariance.covariance([many, few]), every.T @ every / 40
        )

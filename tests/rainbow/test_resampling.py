"""Resampling: what is drawn, turned, measured anew, and what stays."""

import types

import keras
import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model
from dlgn_tf.models.evaluation import accuracy
from dlgn_tf.rainbow import drawn_weights, heads
from dlgn_tf.rainbow.covariance import weight_covariances
from dlgn_tf.rainbow.drawn_weights import draw_weights
from dlgn_tf.rainbow.learned_layers import LayeredNetwork
from dlgn_tf.rainbow.moments import in_batches
from dlgn_tf.rainbow.resampling import resample


def drawn_from(model, batches, like=None, **options):
    """A model like another one, from the covariances of a first."""
    covariances = weight_covariances([model], batches)
    return resample(like or model, covariances, batches, 0, **options)


@pytest.fixture
def redraw(monkeypatch):
    """Resamples a model from its own covariances, of the trained neurons.

    What is drawn are these themselves, in another order.
    """

    def redraw(model, batches, **options):
        left = iter(LayeredNetwork(model).layers)

        def draw(covariances, labels, neurons, rng, **options):
            (label,) = labels
            rows = next(left).matrix
            np.testing.assert_allclose(
                covariances.matrices[label], rows.T @ rows / neurons, atol=1e-6
            )
            return rows[rng.permutation(neurons)]

        covariances = weight_covariances([model], batches)
        monkeypatch.setattr(drawn_weights, "draw_rows", draw)
        return resample(model, covariances, batches, 0, **options)

    return redraw


class TestDraws:
    def test_orthogonal_ones_have_it_exactly(self, rng):
        mixing = rng.standard_normal((5, 3))
        rows = draw_weights(mixing @ mixing.T, 4, rng, orthogonal=True)
        np.testing.assert_allclose(rows.T @ rows / 4, mixing @ mixing.T)

    def test_fewer_neurons_than_directions(self, rng):
        """Exactly orthogonal neurons, of that covariance in the mean."""
        scales = np.array([3.0, 2, 1, 1])
        drawn = [
            draw_weights(np.diag(scales), 2, rng, orthogonal=True)
            for _ in range(4000)
        ]
        white = drawn[0] / np.sqrt(scales)
        np.testing.assert_allclose(white @ white.T, 4 * np.eye(2), atol=1e-9)
        mean = np.mean([w.T @ w / 2 for w in drawn], axis=0)
        np.testing.assert_allclose(mean, np.diag(scales), atol=0.15)

    @pytest.mark.parametrize("orthogonal", (True, False))
    def test_zero(self, rng, orthogonal):
        rows = draw_weights(np.zeros((3, 3)), 4, rng, orthogonal)
        np.testing.assert_array_equal(rows, np.zeros((4, 3)))


class TestRows:
    @pytest.fixture
    def covariances(self, rng):
        """Of two networks, of fewer neurons than dimensions."""
        weights = [rng.standard_normal((2, 5)) for _ in range(2)]
        matrix = sum(w.T @ w for w in weights) / 4
        return types.SimpleNamespace(
            weights={"layer": weights}, matrices={"layer": matrix}
        )

    @pytest.fixture
    def pair(self, rng):
        """Gates and values of 8 neurons, in 3 and 2 dimensions, correlated."""
        gates = rng.standard_normal((8, 3))
        values = gates[:, :2] + 0.1 * rng.standard_normal((8, 2))
        weights = {"gating/a": [gates], "value/a": [values]}
        return types.SimpleNamespace(
            weights=weights,
            matrices={k: w[0].T @ w[0] / 8 for k, w in weights.items()},
        )

    @pytest.mark.parametrize("orthogonal", (True, False))
    @pytest.mark.parametrize("white", (False, True))
    def test_covariance(self, rng, covariances, white, orthogonal):
        rows = drawn_weights.draw_rows(
            covariances, ["layer"], 50_000, rng, white, orthogonal
        )
        wanted = covariances.matrices["layer"]
        energy = np.trace(wanted) / 5
        if white:
            wanted = energy * np.eye(5)
        np.testing.assert_allclose(
            rows.T @ rows / 5e4, wanted, atol=0.05 * energy
        )

    def test_gaussian(self, rng, covariances):
        rows = drawn_weights.draw_rows(covariances, ["layer"], 20_000, rng)
        scaled = rows[:, 0] / np.sqrt(covariances.matrices["layer"][0, 0])
        assert np.mean(scaled**4) == pytest.approx(3, abs=0.2)

    @pytest.mark.parametrize("white", (False, True))
    def test_two_layers_side_by_side(self, rng, pair, white):
        """Their covariance is that of rows of both; white, none is."""
        labels = ["gating/a", "value/a"]
        rows = drawn_weights.draw_rows(pair, labels, 50_000, rng, white)
        both = np.concatenate([pair.weights[x][0] for x in labels], axis=1)
        wanted = both.T @ both / 8
        if white:
            energies = [np.trace(pair.matrices[x]) for x in labels]
            wanted = np.diag(np.repeat(energies, (3, 2)) / [3, 3, 3, 2, 2])
        np.testing.assert_allclose(rows.T @ rows / 5e4, wanted, atol=0.1)


class TestTurning:
    """If draws only permute neurons, alignment must undo it exactly."""

    @pytest.mark.parametrize("layers", (None, ("dense1",)))
    def test_dense(self, networks, inputs, redraw, layers):
        """Layers that are not drawn are turned, too."""
        model = networks.mlp(1)
        drawn = redraw(model, in_batches(inputs, 150), layers=layers)
        first = [np.asarray(m.layers[1].kernel) for m in (drawn, model)]
        assert not np.allclose(*first)
        np.testing.assert_allclose(drawn(inputs), model(inputs), atol=1e-4)

    @pytest.mark.parametrize("normalized", ("before", "after"))
    def test_convolutions(self, networks, images, redraw, normalized):
        """Strided and 1x1, normalised before or after, a flattened map."""
        model = networks.convnet(3, normalized)
        networks.settle(model, images)
        drawn = redraw(model, in_batches(images, 25))
        np.testing.assert_allclose(drawn(images), model(images), atol=2e-3)

    def test_complex_maps(self, networks, rng, redraw):
        """Of both parts of a channel alike, however its neurons are ordered."""
        images = rng.integers(0, 256, (40, 32, 32, 3)).astype("uint8")
        model = create_model(
            "scattering3_mini_dnn", (32, 32, 3), width=2, skip=True, seed=0
        )
        networks.settle(model, images)
        drawn = redraw(model, [images])
        third = [m.network.get_layer("conv3").kernel for m in (drawn, model)]
        assert not np.allclose(*third)
        np.testing.assert_allclose(drawn(images), model(images), atol=2e-3)

    def test_whole_maps(self, networks, images):
        """The classifier is turned as one that reads a vector."""
        model = networks.settle(networks.convnet(3), images)
        layered = LayeredNetwork(model, whole_maps=True)
        drawn = drawn_from(layered, [images], model)
        before, after = (
            np.float64(keras.Model(m.input, m.layers[-2].output)(images))
            for m in (model, drawn)
        )
        left, _, right = np.linalg.svd(before.T @ after)
        np.testing.assert_allclose(
            drawn.layers[-1].kernel,
            (left @ right).T @ np.asarray(model.layers[-1].kernel),
            atol=1e-4,
        )

    @pytest.mark.parametrize("what", ("weights", "images"))
    def test_numbers_that_are_not_finite(self, networks, inputs, what):
        model = networks.mlp(1)
        covariances = weight_covariances([model], [inputs])
        if what == "images":
            inputs = np.full_like(inputs, np.nan)
        else:
            model.layers[-1].kernel.assign(np.full((9, 3), np.nan))
        with pytest.raises(UserError, match=f"finite (pixels|{what})"):
            resample(model, covariances, [inputs], 0)

    def test_is_needed(self, networks, inputs, redraw):
        model = networks.mlp(1)
        drawn = redraw(model, [inputs], aligned=False)
        gap = np.asarray(drawn(inputs) - model(inputs))
        assert np.sqrt(np.mean(gap**2)) > 0.2 * np.std(model(inputs))

    def test_the_reference_may_be_a_twin(self, networks, inputs, rng):
        """Classifier and basis are the reference's, not the model's."""
        model = networks.mlp(1)
        twin = networks.permuted(model, rng)
        one, other = (drawn_from(twin, [inputs], m) for m in (model, twin))
        np.testing.assert_allclose(one(inputs), other(inputs), atol=1e-4)

    @pytest.mark.parametrize("wider", (False, True))
    def test_a_layer_after_trained_ones(self, networks, inputs, rng, wider):
        """It is drawn in the reference's basis, and turned to the model's."""
        model = networks.mlp(1)
        twin = (
            networks.doubled(model) if wider else networks.permuted(model, rng)
        )
        one, other = (
            drawn_from(model, [inputs], m, layers=("dense2",))
            for m in (model, twin)
        )
        np.testing.assert_allclose(one(inputs), other(inputs), atol=1e-4)

    def test_the_classifiers_biases_are_the_references(
        self, networks, inputs, rng
    ):
        """Their mean, as of its weights; neurons of logits have an order."""
        models = [networks.mlp(k, biases=True) for k in (1, 2, 3)]
        for model in models[:2]:
            model.layers[-1].bias.assign(rng.standard_normal(3))
        covariances = weight_covariances(models[:2], [inputs])
        drawn = resample(models[2], covariances, [inputs], 0)
        wanted = np.mean([m.layers[-1].bias for m in models[:2]], axis=0)
        np.testing.assert_allclose(drawn.layers[-1].bias, wanted, rtol=1e-6)

    def test_a_mean_of_permuted_twins(self, networks, inputs, rng):
        model = networks.mlp(1)
        twins = [model, *(networks.permuted(model, rng) for _ in range(2))]
        drawn = [
            resample(model, weight_covariances(each, [inputs]), [inputs], 4)
            for each in (twins, twins[:1])
        ]
        logits = [np.asarray(m(inputs)) for m in drawn]
        # Of one covariance; square roots agree but for rounding.
        np.testing.assert_allclose(*logits, atol=2e-2)


class TestNormalizations:
    def test_are_measured_anew(self, networks, images):
        model = networks.settle(networks.convnet(3), images)
        drawn = drawn_from(model, in_batches(images, 25))
        network = LayeredNetwork(drawn)
        for part in network.parts:
            if part.label.startswith("norm"):
                (read,) = network.read(images, [part])
                read = read.reshape(-1, read.shape[-1])
                np.testing.assert_allclose(
                    part.layer.moving_mean, read.mean(axis=0), atol=1e-5
                )
                np.testing.assert_allclose(
                    part.layer.moving_variance, read.var(axis=0), rtol=1e-4
                )

    @staticmethod
    def affine(gamma):
        """A network whose neurons have such scales and biases."""
        x = keras.Input((5,))
        h = keras.layers.Dense(20, use_bias=True, name="dense1")(x)
        h = keras.layers.BatchNormalization(name="norm")(h)
        h = keras.layers.Dense(3, name="logits")(keras.layers.ReLU()(h))
        model = keras.Model(x, h)
        model.get_layer("norm").gamma.assign(gamma)
        model.get_layer("norm").beta.assign(10 * gamma)
        model.get_layer("dense1").bias.assign(gamma)
        return model

    @pytest.mark.parametrize("reference", ("mean", 0))
    def test_scales_and_offsets_stay_pairs(self, rng, reference):
        """Those of all networks, be the basis that of one alone."""
        gammas = rng.standard_normal((2, 20)).astype("float32")
        models = [self.affine(gamma) for gamma in gammas]
        data = rng.standard_normal((50, 5)).astype("float32")
        covariances = weight_covariances(models, [data], reference)
        drawn = resample(models[0], covariances, [data], 0)
        norm = drawn.get_layer("norm")
        np.testing.assert_allclose(norm.beta, 10 * np.asarray(norm.gamma))
        for values in (norm.gamma, drawn.get_layer("dense1").bias):
            assert set(np.asarray(values)) <= set(gammas.ravel())
            assert all(set(np.asarray(values)) & set(x) for x in gammas)

    def test_rows_keep_their_scales(self, rng):
        """A neuron that is drawn has its bias, scale and offset, too."""
        gamma = np.arange(1, 21, dtype="float32")
        data = rng.standard_normal((50, 5)).astype("float32")
        drawn = drawn_from(self.affine(gamma), [data], weights="rows")
        norm, dense = drawn.get_layer("norm"), drawn.get_layer("dense1")
        np.testing.assert_array_equal(norm.gamma, dense.bias)
        np.testing.assert_array_equal(norm.beta, 10 * np.asarray(dense.bias))
        assert len(set(np.asarray(norm.gamma))) < 20


class TestOptions:
    @pytest.fixture
    def model(self, networks):
        return networks.mlp(1, widths=(40, 30), biases=True)

    @pytest.fixture
    def covariances(self, model, networks, inputs):
        others = [networks.mlp(k, (40, 30), biases=True) for k in (2, 3)]
        return weight_covariances([model, *others], [inputs])

    def test_repeatable_and_the_model_stays(self, model, covariances, inputs):
        before = model.get_weights()
        one, same, other = (
            resample(model, covariances, [inputs], seed) for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(one(inputs), same(inputs))
        assert np.abs(one(inputs) - other(inputs)).max() > 0.1
        for old, new in zip(before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)

    def test_nothing_is_drawn(self, model, covariances, inputs):
        drawn = resample(model, covariances, [inputs], 0, layers=())
        np.testing.assert_array_equal(drawn(inputs), model(inputs))

    @pytest.mark.parametrize("widths", ((20, 15), (64, 50)))
    def test_another_width(self, networks, model, covariances, inputs, widths):
        """Pre-activations are as large as those of the trained width."""
        like = networks.mlp(9, widths, biases=True)
        drawn = resample(like, covariances, [inputs], 0)
        found, wanted = np.std(drawn(inputs)), np.std(model(inputs))
        assert 0.3 * wanted < found < 2 * wanted

    def test_another_width_is_aligned(self, networks, covariances, inputs):
        with pytest.raises(UserError, match="Expected aligned layers"):
            resample(
                networks.mlp(9, (20, 15), biases=True),
                covariances,
                [inputs],
                0,
                aligned=False,
            )

    def test_what_there_is_not(self, networks, model, covariances, inputs):
        with pytest.raises(UserError, match="Expected a learned layer"):
            resample(model, covariances, [inputs], 0, layers=("dense7",))
        with pytest.raises(UserError, match="both networks of a gated model"):
            resample(model, covariances, [inputs], 0, joint=True)
        with pytest.raises(UserError, match="one of covariance, white"):
            resample(model, covariances, [inputs], 0, weights="black")
        with pytest.raises(UserError, match="one architecture"):
            resample(networks.mlp(1, (5, 5, 5)), covariances, [inputs], 0)
        with pytest.raises(UserError, match="with the biases"):
            resample(networks.mlp(1, (40, 30)), covariances, [inputs], 0)

    def test_no_samples(self, networks, images):
        model = networks.convnet(1)
        covariances = weight_covariances([model], [images])
        with pytest.raises(UserError, match="at least one sample"):
            resample(model, covariances, [], 0, layers=("conv1",))

    def test_zero_covariance(self, networks, inputs):
        model = networks.mlp(1)
        layer = LayeredNetwork(model)["dense2"]
        layer.assign(0 * layer.weights)
        drawn = drawn_from(model, [inputs])
        assert not LayeredNetwork(drawn)["dense2"].weights.any()
        np.testing.assert_array_equal(drawn(inputs), np.zeros((400, 3)))


class TestGatedNetworks:
    @pytest.fixture
    def model(self):
        return create_model("c4gap_dlgn", (6, 6, 1), depth=2, width=6, seed=0)

    @pytest.fixture
    def pixels(self, rng):
        return rng.integers(0, 256, (30, 6, 6, 1)).astype("uint8")

    @staticmethod
    def changed(model, drawn):
        pairs = zip(
            LayeredNetwork(model).layers,
            LayeredNetwork(drawn).layers,
            strict=True,
        )
        return {
            a.label for a, b in pairs if not np.allclose(a.matrix, b.matrix)
        }

    @pytest.mark.parametrize("network", ("gating", "value"))
    def test_one_network_alone(self, model, pixels, network):
        layered = LayeredNetwork(model, network)
        drawn = drawn_from(layered, [pixels], model, network=network)
        assert self.changed(model, drawn) == set(layered.labels)
        assert np.isfinite(drawn(pixels)).all()

    @pytest.mark.parametrize(
        "layers,turned",
        [
            # The first value layer reads the image: nothing to turn.
            (
                ("gating/conv1", "gating/conv2"),
                {"value/conv2", "value/logits"},
            ),
            (("value/conv1", "value/conv2"), {"value/logits"}),
            (None, {"value/logits"}),
        ],
    )
    def test_what_reads_drawn_layers_is_turned(
        self, model, pixels, layers, turned
    ):
        drawn = drawn_from(model, [pixels], layers=layers)
        new = layers or LayeredNetwork(model).hidden
        assert self.changed(model, drawn) == {*new, *turned}

    @staticmethod
    def neurons(model, drawn, label):
        """Which trained neuron each of a layer that reads images is."""
        trained, new = (LayeredNetwork(m)[label] for m in (model, drawn))
        gaps = np.abs(new.matrix[:, None] - trained.matrix).max(axis=2)
        assert gaps.min(axis=1).max() < 1e-6
        found = gaps.argmin(axis=1)
        np.testing.assert_allclose(new.bias, trained.bias[found])
        return found.tolist()

    @pytest.mark.parametrize("joint", (True, False))
    def test_rows_of_neurons(self, pixels, joint):
        """Weights and bias stay together, and with `joint` gate and value."""
        model = create_model("fc_dlgn", (6, 6, 1), width=16, depth=3, seed=0)
        for layer in LayeredNetwork(model).layers:
            layer.layer.bias.assign(np.arange(layer.neurons))
        drawn = drawn_from(model, [pixels], weights="rows", joint=joint)
        gates, values = (
            self.neurons(model, drawn, f"{network}/dense1")
            for network in ("gating", "value")
        )
        assert (gates == values) == joint
        assert len(set(gates)) < 16

    def test_all_neurons_together_are_the_network(self, pixels, monkeypatch):
        """Each trained neuron once, in another order: alignment undoes it."""
        model = create_model("fc_dlgn", (6, 6, 1), width=16, depth=3, seed=0)
        made = np.random.default_rng

        class Permuting:
            """Draws numbers without replacement."""

            def __init__(self, seed):
                self._rng = made(seed)

            def integers(self, count, size):
                assert count == size
                return self._rng.permutation(count)

        covariances = weight_covariances([model], [pixels])
        monkeypatch.setattr(np.random, "default_rng", Permuting)
        outputs = [
            resample(
                model, covariances, [pixels], 0, weights="rows", joint=joint
            )(pixels)
            for joint in (True, False)
        ]
        wanted = np.asarray(model(pixels))
        np.testing.assert_allclose(outputs[0], wanted, rtol=0.01, atol=0.01)
        assert np.abs(outputs[1] - wanted).max() > 0.1 * np.abs(wanted).max()


class TestHeads:
    @pytest.fixture
    def labels(self, inputs):
        return (inputs @ np.arange(1, 7) > 0).astype(int) + (inputs[:, 0] > 1)

    def test_ridge_solves_the_normal_equations(self, networks, inputs, labels):
        model = networks.mlp(1)
        found = heads.retrain_head(model, inputs, labels, penalty=2.0)
        hidden = inputs
        for layer in model.layers[1:-1]:
            hidden = np.maximum(hidden @ np.asarray(layer.kernel, float), 0)
        targets = np.where(np.eye(3)[labels] > 0, 1.0, -1.0)
        penalty = 2 * hidden.var(axis=0).mean()
        gram = hidden.T @ hidden + penalty * np.eye(hidden.shape[1])
        wanted = np.linalg.solve(gram, hidden.T @ targets)
        kernel = np.asarray(found.layers[-1].kernel)
        np.testing.assert_allclose(kernel, wanted, atol=1e-4)
        np.testing.assert_array_equal(
            found.layers[1].kernel, model.layers[1].kernel
        )

    @pytest.mark.parametrize("method", ("ridge", "logistic"))
    @pytest.mark.parametrize("biases", (True, False))
    def test_better_than_before(self, networks, inputs, labels, method, biases):
        model = networks.mlp(1, biases=biases)
        found = heads.retrain_head(model, inputs, labels, method)
        before, after = (accuracy(m, inputs, labels) for m in (model, found))
        assert after > 0.6 > before

    @pytest.mark.parametrize("method", ("ridge", "logistic"))
    def test_the_unit_of_features_does_not_matter(
        self, networks, inputs, labels, method
    ):
        model = networks.mlp(1)
        small = networks.mlp(1)
        small.layers[-2].kernel.assign(1e-3 * small.layers[-2].kernel)
        found = [
            np.asarray(heads.retrain_head(m, inputs, labels, method)(inputs))
            for m in (model, small)
        ]
        np.testing.assert_allclose(*found, rtol=1e-2, atol=1e-2)

    def test_two_classes(self, rng, inputs):
        x = keras.Input((6,))
        model = keras.Model(x, keras.layers.Dense(2)(x))
        labels = (inputs[:, 1] > 0.3).astype(int)
        found = heads.retrain_head(model, inputs, labels, "logistic")
        assert accuracy(found, inputs, labels) > 0.95

    def test_a_flattened_map(self, networks, images, rng):
        model = networks.convnet(1)
        labels = rng.permutation(np.arange(60) % 3)
        found = heads.retrain_head(model, images, labels, penalty=1e-3)
        assert accuracy(found, images, labels) > 0.6

    def test_refusals(self, networks, inputs, labels):
        model = networks.mlp(1)
        with pytest.raises(UserError, match="one of ridge, logistic"):
            heads.retrain_head(model, inputs, labels, "lasso")
        with pytest.raises(UserError, match="labels of all 3 classes"):
            heads.retrain_head(model, inputs, 0 * labels)

"""Students, selectivity and specialisation, against NumPy."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.layers import LocallyConnected
from dlgn_tf.locality import (
    passes,
    responses,
    selectivity,
    specialization,
    student,
    student_data,
    student_training,
    teachers,
)
from dlgn_tf.locality.responses import Responses
from dlgn_tf.locality.worlds import GRAPHS

OVERLAPPING = GRAPHS["overlapping"]


@pytest.fixture
def teacher(rng):
    return teachers.content_teacher(OVERLAPPING, rng, uniform=True)


def local_network(network):
    """The weights of a functional student as a `LocalNetwork` of ReLUs."""
    layers = [x for x in network.layers if isinstance(x, LocallyConnected)]
    weights = [
        np.concatenate([x.kernel.numpy(), x.bias.numpy()[:, None]], axis=1)
        for x in layers
    ]
    return passes.LocalNetwork(OVERLAPPING, tuple(weights), linear_top=False)


def under_gates(network, h, gate_of):
    """What a network makes of `h`, each level times its gates."""
    made = []
    for level, weights in enumerate(network.weights):
        inputs = passes.gathered(OVERLAPPING, level + 1, h)
        made.append(np.einsum("xri,rio->xro", inputs, weights))
        h = made[-1] * gate_of(level, made[-1])
    return made


def randomize_biases(model, rng):
    for layer in model._flatten_layers():
        if isinstance(layer, LocallyConnected):
            layer.bias.assign(rng.normal(0, 0.3, layer.bias.shape))


@pytest.fixture(params=student.FAMILIES)
def family(request):
    return request.param


class TestStudent:
    def test_relu_student_is_the_network_of_the_equations(self, teacher, rng):
        model = student.create_student("dnn", OVERLAPPING, width=4, seed=1)
        randomize_biases(model, rng)
        found = Responses(model)(student.images_of(teacher).images)
        f, raw, gates = passes.forward(
            local_network(model.network), teacher.one_hot_leaves()
        )
        for level in range(3):
            np.testing.assert_allclose(
                found["outputs"][level], f[level + 1], atol=1e-5
            )
            np.testing.assert_allclose(
                found["values"][level], raw[level + 1], atol=1e-5
            )
            sure = np.abs(raw[level + 1]) > 1e-5
            np.testing.assert_array_equal(
                found["gates"][level][sure], gates[level + 1][sure]
            )

    @pytest.mark.parametrize("name", ("dgn", "dlgn"))
    def test_gated_students_multiply(self, name, teacher, rng, monkeypatch):
        # Several batches, the last one smaller: of 86, 85 and 85.
        monkeypatch.setattr(responses, "_BATCH", 100)
        images, leaves = (
            student.images_of(teacher).images,
            teacher.one_hot_leaves(),
        )
        model = student.create_student(name, OVERLAPPING, width=4, seed=1)
        randomize_biases(model, rng)
        made = under_gates(
            local_network(model.gating_network),
            leaves,
            lambda _, q: q > 0 if name == "dgn" else 1,
        )
        gates = [1 / (1 + np.exp(-10 * q)) for q in made]
        # Half of each batch further on.
        others = [
            np.concatenate(
                [
                    np.roll(part, len(part) // 2, axis=0)
                    for part in np.split(gate, (86, 171))
                ]
            )
            for gate in gates
        ]

        def values(h, gates):
            network = local_network(model.value_network)
            return under_gates(network, h, lambda level, _: gates[level])

        expected = {
            "preactivations": made,
            "gates": gates,
            "values": values(leaves, gates),
            "outputs": map(np.multiply, values(leaves, gates), gates),
            "values_of_gates": values(np.ones_like(leaves), gates),
            "values_of_inputs": values(leaves, others),
        }
        found = Responses(model)(images)
        for kind, levels in expected.items():
            for one, level in zip(found[kind], levels, strict=True):
                np.testing.assert_allclose(one, level, atol=1e-4)
        np.testing.assert_allclose(
            found["logits"], model(images), rtol=1e-5, atol=1e-5
        )

    @pytest.mark.parametrize("batch_norm", [False, True])
    def test_file(self, family, teacher, tmp_path, batch_norm):
        model = student.create_student(
            family, OVERLAPPING, width=4, batch_norm=batch_norm, seed=2
        )
        images = student.images_of(teacher).images
        model.save(tmp_path / "student.keras")
        loaded = keras.models.load_model(tmp_path / "student.keras")
        np.testing.assert_array_equal(loaded(images), model(images))
        assert loaded.site_names == ["level1", "level2", "level3"]

    def test_batch_norm_is_per_region_and_node(self, teacher):
        model = student.create_student(
            "dnn", OVERLAPPING, width=4, batch_norm=True, seed=2
        )
        images = student.images_of(teacher).images
        model(images, training=True)
        norm = model.network.get_layer("level2_norm")
        assert norm.gamma.shape == (3 * 4,)
        inside = keras.Model(model.network.inputs, norm.output)
        made = inside(model.normalization(images), training=True).numpy()
        np.testing.assert_allclose(made.mean(axis=0), 0, atol=1e-4)

    def test_seed(self, family):
        first, again, other = (
            student.create_student(family, OVERLAPPING, seed=seed).get_weights()
            for seed in (1, 1, 2)
        )
        for a, b in zip(first, again, strict=True):
            np.testing.assert_array_equal(a, b)
        assert any((a != b).any() for a, b in zip(first, other, strict=True))

    def test_refusals(self, teacher):
        with pytest.raises(UserError, match="dnn, dgn, dlgn.*dlgn_sf"):
            student.create_student("dlgn_sf", OVERLAPPING)
        uneven = np.linspace(1, 2, 256) / np.linspace(1, 2, 256).sum()
        with pytest.raises(UserError, match="equally likely"):
            student.images_of(
                dataclasses.replace(teacher, probabilities=uneven)
            )

    def test_images(self, teacher):
        images = student.images_of(teacher)
        assert images.images.shape == (256, 8, 1, 2)
        assert set(np.unique(images.images)) == {0, 255}
        pixels = images.images[:, :, 0, 1] == 255
        np.testing.assert_array_equal(pixels, teachers.all_inputs(8))
        np.testing.assert_array_equal(images.labels, np.arange(256))


class TestSelectivity:
    def test_correlations(self, rng):
        a, b = rng.normal(size=(50, 3)), rng.normal(size=(50, 2))
        np.testing.assert_allclose(
            selectivity.correlations(a, b),
            np.corrcoef(a.T, b.T)[:3, 3:],
            atol=1e-14,
        )

    def test_nodes_that_do_not_vary(self):
        constant = np.full((30, 1), np.float32(0.1))
        found = selectivity.correlations(constant, np.arange(30.0)[:, None])
        np.testing.assert_array_equal(found, 0)

    def test_by_level(self, rng, teacher):
        nodes = [rng.normal(size=(256, r, 5)) for r in (4, 3, 1)]
        # One node says exactly one of the events of a region.
        nodes[1][:, 2, 0] = teacher.events[2][:, 2] == 7
        found = selectivity.by_level(nodes, teacher)
        best = []
        for region, event in itertools.product(range(3), range(16)):
            indicator = teacher.events[2][:, region] == event
            table = np.corrcoef(indicator, nodes[1][:, region].T)
            best.append(np.abs(table[0, 1:]).max())
        assert max(best) == pytest.approx(1)
        assert found[1] == pytest.approx(np.mean(best))
        assert found.shape == (3,)
        # Events that never happen do not count.
        more = dataclasses.replace(
            teacher, counts=tuple(2 * count for count in teacher.counts)
        )
        np.testing.assert_array_equal(selectivity.by_level(nodes, more), found)


class TestTraining:
    @pytest.fixture
    def data(self, rng):
        return student_data.latent_tree(2, rng, train=1000, test=300)

    def test_learns_and_measures(self, family, data):
        model = student.create_student(family, data.train.fields, seed=0)
        run = student_training.train(
            model, data.train, data.test, seed=0, epochs=15
        )
        # Batches of 128, and an epoch is as many of them as are whole.
        np.testing.assert_array_equal(run.steps, 7 * np.arange(16))
        images = student.images_of(data.test)
        right = model(images.images).numpy().argmax(axis=1) == images.labels
        assert run.accuracies[-1] == pytest.approx(right.mean())
        assert run.accuracies[-1] > 0.8
        found = Responses(model)(images.images)
        np.testing.assert_allclose(
            run.selectivity["gates"][-1],
            selectivity.by_level(found["gates"], data.test),
        )

    def test_other_labels_are_what_is_learned(self, data):
        model = student.create_student("dnn", data.train.fields, seed=0)
        run = student_training.train(
            model, data.train, data.test, 0, 15, 1 - data.train.labels
        )
        assert run.accuracies[-1] < 0.2

    def test_lookup_data(self, rng):
        data = student_data.lookup_tables(3, rng, 4, train=500, test=200)
        assert data.train.counts == data.test.counts == (2, 4, 4, 4)
        assert len(data.train.labels) == 500
        # The label of a test input is that of the same training input.
        train, test = (
            dict(zip(map(tuple, x.events[0]), x.labels, strict=True))
            for x in (data.train, data.test)
        )
        both = train.keys() & test.keys()
        assert len(both) > 50 and all(train[x] == test[x] for x in both)


class TestSpecialization:
    def test_teacher(self, rng):
        layers = specialization.draw_teacher((10, 15), 50, rng)
        assert [w.shape for w, _ in layers] == [(20, 10), (10, 15), (15, 50)]
        for weights, biases in layers:
            norms = np.linalg.norm(weights, axis=0)
            np.testing.assert_allclose(norms, 1)
            assert len(np.unique(weights.round(9), axis=1).T) == len(biases)
            # Multiples of a quarter, before they were divided by the norm.
            quarter = 0.25 / np.sqrt((weights**2).sum(axis=0))
            assert np.abs(biases).max() <= 0.5 / quarter.min() * 4

    def test_student_starts_as_pytorch_draws(self, rng):
        weights, biases = specialization.draw_student((400,), 5, rng)[0]
        for drawn in (weights, biases):
            assert np.abs(drawn).max() <= 1 / np.sqrt(20)
        assert weights.std() == pytest.approx(1 / np.sqrt(60), rel=0.05)

    def test_activations(self, rng):
        layers = specialization._constants(
            specialization.draw_teacher((4, 3), 2, rng)
        )
        x = rng.normal(size=(6, 20)).astype("float32")
        found = specialization.activations(layers, x)
        h = x
        for made, (weights, biases) in zip(found, layers, strict=True):
            h = h @ weights.numpy() + biases.numpy()
            h = h if made is found[-1] else np.maximum(h, 0)
            np.testing.assert_allclose(made, h, atol=1e-5)

    def test_winners(self):
        first = [np.array([[0.1, 0.5, 0.3], [0.9, 0.2, 0.1]])]
        last = [np.array([[0.9, 0.2, 0.1], [0.9, 0.2, 0.1]])]
        best = [np.array([[0.5, 0.9], [0.9, 0.9]])]
        found = specialization.Specialization(best, first, last, np.zeros(2))
        np.testing.assert_array_equal(found.winners_first_ranks()[0], [2, 0])
        np.testing.assert_allclose(found.means(), [[0.7], [0.9]])

    def test_training(self):
        run = specialization.train((5,), 20, 4, 2, seed=0)
        assert run.losses[-1] < run.losses[0] / 4
        assert run.first[0].shape == (5, 20)
        assert run.best[0].shape == (3, 5)
        np.testing.assert_allclose(run.best[0][-1], run.last[0].max(axis=1))
        again = specialization.train((5,), 20, 4, 2, seed=0)
        np.testing.assert_allclose(again.last[0], run.last[0], atol=1e-4)

"""The claims on locally connected networks hold, and their checks can fail."""

import math

import numpy as np
import pytest

from dlgn_tf.claims import registry
from dlgn_tf.locality import claims  # noqa: F401

EXACT = (1, 2, 3, 4, 5, 6, 8, 9)
STATISTICAL = (7, 10, 11, 12, 13)


@pytest.mark.parametrize("number", EXACT)
def test_exact_claim_holds(number, measure_claim):
    measurement = measure_claim(f"tian.{number}")
    assert measurement.holds, measurement


@pytest.mark.slow
@pytest.mark.parametrize("number", STATISTICAL)
def test_statistical_claim_is_measured(number, assert_measured):
    assert_measured(f"tian.{number}")


def test_numbers():
    numbers = [claim.number for claim in registry.claims("tian")]
    assert numbers == list(range(1, 14))


class TestExact:
    def test_verdicts(self):
        from dlgn_tf.locality.claims import exact

        assert exact.exact_holds([1e-15], [0.1])
        assert not exact.exact_holds([1e-15, 1e-9], [0.1])
        assert not exact.exact_holds([1e-15], [0.1, 1e-3])
        assert not exact.exact_holds([math.nan], [0.1])
        assert exact.falls([0.3, 0.2, 0.0])
        assert not exact.falls([0.3, 0.3, 0.0])
        assert not exact.falls([0.3, math.nan, 0.0])

        good, uninformed = [0.5, 0.4, 0.3, 0.0], [0.5, 0.5, 0.48, 0.45]
        assert exact.lossy_teachers_hold([good], [uninformed])
        assert not exact.lossy_teachers_hold([uninformed], [uninformed])
        assert not exact.lossy_teachers_hold([good, uninformed], [uninformed])
        # Where events of other inputs do as well, events are not what helps.
        assert not exact.lossy_teachers_hold([good], [good])
        assert not exact.lossy_teachers_hold([[0.5, 0.4, math.nan, 0.0]], [])

    def test_a_wrong_identity_is_seen(self, rng, monkeypatch):
        from dlgn_tf.locality import marginal_gradients
        from dlgn_tf.locality.claims import exact

        # As if pixels were independent of what lies outside.
        monkeypatch.setattr(
            marginal_gradients,
            "conditional_mean",
            lambda values, groups, p: np.broadcast_to(
                np.tensordot(p, values, 1), values.shape
            ),
        )
        assert not exact.measure_marginal_gradients(rng).holds

    def test_a_control_that_does_not_fail_is_seen(self, rng, monkeypatch):
        """As if the claim on marginal gradients could not tell P(x)."""
        from dlgn_tf.locality import marginal_gradients
        from dlgn_tf.locality.claims import exact

        right = marginal_gradients.identity_errors
        monkeypatch.setattr(
            marginal_gradients,
            "identity_errors",
            lambda *arguments: right(*arguments[:4]),
        )
        assert not exact.measure_marginal_gradients(rng).holds


class TestBatchNorm:
    def test_energy_verdict(self):
        from dlgn_tf.locality.claims import batch_norm

        good = {
            "identity": 1e-14,
            "product": 1e-9,
            "drift": 1e-3,
            "drift_without": 0.1,
        }
        assert batch_norm.energy_holds(good)
        for name, value in (
            ("identity", 1e-9),
            ("product", 1e-5),
            ("drift", 0.003),
            ("drift_without", 0.01),
        ):
            assert not batch_norm.energy_holds({**good, name: value})
            assert not batch_norm.energy_holds({**good, name: math.nan})

    def test_another_layer_is_seen(self, rng, monkeypatch):
        """A layer without scale by the deviation is not the projector."""
        from dlgn_tf.locality import projection
        from dlgn_tf.locality.claims import batch_norm

        assert batch_norm.projection_holds(
            batch_norm.layer_case(rng, (16, 3), "float64", 0.1)
        )
        right = projection.jacobian
        monkeypatch.setattr(
            projection, "jacobian", lambda f, c, e: right(f, c, 0.0)
        )
        assert not batch_norm.projection_holds(
            batch_norm.layer_case(rng, (16, 3), "float64", 0.1)
        )


class TestLinearAndReLU:
    def test_verdicts(self):
        from dlgn_tf.locality.claims import linear_and_relu as module

        circle, tree, found = {8: (1e-20, 5.0)}, {3: (0.0, 4.0)}, [True]
        assert module.constructions_hold(circle, tree, found)
        assert not module.constructions_hold({8: (1e-9, 5.0)}, tree, found)
        assert not module.constructions_hold({8: (0.0, 5.01)}, tree, found)
        assert not module.constructions_hold(circle, {3: (0.0, 3.9)}, found)
        assert not module.constructions_hold(circle, tree, [True, False])
        assert module.training_holds([1e-5], [11.01], [12.0, 0.0])
        assert not module.training_holds([1e-5, 1.0], [11.01], [12.0])
        assert not module.training_holds([1e-5], [11.1], [12.0])
        # A check that dead outputs pass tells nothing.
        assert not module.training_holds([1e-5], [11.01], [1e-5])
        assert not module.training_holds([math.nan], [11.01], [12.0])

    def test_every_size_is_measured(self):
        from dlgn_tf.locality.claims import linear_and_relu as module

        assert list(module.ROWS) == list(range(4, 65))
        assert list(module.PIXELS) == list(range(2, 9))

    def test_a_centre_that_counts_as_a_vertex_is_seen(self, monkeypatch):
        from dlgn_tf.locality import constructions
        from dlgn_tf.locality.claims import linear_and_relu as module

        assert module.circle_vertices(5)
        monkeypatch.setattr(
            constructions, "vertices", lambda rows: np.ones(len(rows), bool)
        )
        assert not module.circle_vertices(5)


class TestDisentanglement:
    def test_verdicts(self):
        from dlgn_tf.locality.claims import disentanglement as module

        assert module.forward_holds([1e-15], {"weight": [0.1], "table": [0.2]})
        assert not module.forward_holds([1e-11], {"weight": [0.1]})
        # Each draw counts, not the middle one.
        assert not module.forward_holds([1e-15], {"weight": [0.1, 0.1, 0.001]})
        assert not module.forward_holds(
            [1e-15], {"weight": [0.1], "table": [0.1, 0.1, 0.001]}
        )
        good = {
            "centred": [1e-15],
            "uncentred": [0.1],
            "weights": [1e-14],
            "uncentred_weights": [0.1],
        }
        assert module.update_holds(good)
        for name, value in (
            ("centred", 1e-9),
            ("uncentred", 1e-3),
            ("weights", 1e-9),
            ("uncentred_weights", 1e-3),
        ):
            assert not module.update_holds({**good, name: [value]})


class TestStudents:
    CURVE = np.array([[0.9, 0.8, 0.5, 0.4], [0.91, 0.85, 0.7, 0.8]])

    def test_verdicts(self):
        from dlgn_tf.locality.claims import students

        assert students.latents_found(0.89, 0.9, self.CURVE)
        assert not students.latents_found(0.87, 0.9, self.CURVE)
        assert not students.latents_found(0.89, 0.9, self.CURVE[::-1])
        moved = self.CURVE + [[0, 0, 0, 0], [0.05, 0, 0, 0]]
        assert not students.latents_found(0.89, 0.9, moved)
        permuted = np.array([0.06, -0.35, -0.2, -0.1, 0.02])
        true = np.array([0.31, 0.17, 0.27, 0.2, 0.3])
        found = students.nothing_found
        assert found(list(zip(permuted, true, strict=True))) is True
        # Labels that teach as much as the true ones are not permuted.
        assert found(list(zip(true + 0.001, true, strict=True))) is False
        noise = np.array([0.1, -0.1, 0.05, -0.05, 0.02])
        close = zip(permuted, permuted + noise, strict=True)
        assert found(list(close)) is None
        assert found([(0.114, 0.311), (-0.352, 0.171)]) is None
        assert found([(math.nan, 0.2)] * 3) is None

    def test_pairs_differ_in_their_labels_alone(self):
        from dlgn_tf.locality.claims import students

        short = {"epochs": 0, "depth": 2, "train": 20}
        true, permuted = (
            students.train(np.random.default_rng(3), kind, **short)
            for kind in (False, True)
        )
        np.testing.assert_array_equal(
            true[0].selectivity["outputs"], permuted[0].selectivity["outputs"]
        )
        assert true[1] == permuted[1]


class TestSpecialized:
    def test_verdicts(self):
        from dlgn_tf.locality.claims import specialized

        two, four = (0.995, 0.96), (0.995, 0.95, 0.8, 0.85)
        assert specialized.depth_holds(two, four)
        assert not specialized.depth_holds((0.98, 0.96), four)
        assert not specialized.depth_holds(two, (0.995, 0.89, 0.8, 0.85))
        assert not specialized.depth_holds(two, (0.995, 0.95, 0.8, 0.96))
        good = {1: [0.9, 0.8], 2: [0.98, 0.99], 5: [0.99, 0.99]}
        assert specialized.width_holds(good)
        # Each seed counts, not their mean.
        assert not specialized.width_holds({**good, 1: [0.98, 0.8]})
        assert not specialized.width_holds({**good, 2: [0.95, 0.999]})

    def test_nodes_of_a_half_open_teacher_are_on_for_half_of_the_inputs(self):
        from dlgn_tf.locality import specialization

        rng = np.random.default_rng(0)
        drawn = specialization.draw_teacher((10, 15), 5, rng)
        layers = specialization.half_open(drawn, rng)
        h = 10 * rng.normal(size=(20_000, 20))
        for weights, biases in layers[:-1]:
            h = np.maximum(h @ weights + biases, 0)
            np.testing.assert_allclose((h > 0).mean(axis=0), 0.5, atol=0.04)
        for (kept, _), (weights, _) in zip(layers, drawn, strict=True):
            np.testing.assert_array_equal(kept, weights)

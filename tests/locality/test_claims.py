"""The claims on locally connected networks hold, and their checks can fail."""

import dataclasses
import math
import types

import numpy as np
import pytest

from dlgn_tf.locality import (
    constructions,
    marginal_gradients,
    projection,
    specialization,
)
from dlgn_tf.locality.claims import linear_and_relu, students

EXACT = (1, 2, 3, 4, 5, 6, 8, 9, 14, 15, 16, 17, 18, 19, 21)
STATISTICAL = (7, 10, 11, 12, 13, 20)


@pytest.mark.parametrize("number", EXACT)
def test_exact_claim_holds(number, measure_claim):
    measurement = measure_claim(f"tian.{number}")
    assert measurement.holds, measurement


@pytest.mark.slow
@pytest.mark.parametrize("number", STATISTICAL)
def test_statistical_claim_is_measured(number, assert_measured):
    assert_measured(f"tian.{number}")


class TestExact:
    def test_a_wrong_identity_is_seen(self, measure_claim, monkeypatch):
        # As if pixels were independent of what lies outside.
        monkeypatch.setattr(
            marginal_gradients,
            "conditional_mean",
            lambda values, groups, p: np.broadcast_to(
                np.tensordot(p, values, 1), values.shape
            ),
        )
        measured = measure_claim("tian.1").measured
        assert measured.startswith("fails: max |difference|")

    def test_a_control_that_does_not_fail_is_seen(
        self, measure_claim, monkeypatch
    ):
        """As if the claim on marginal gradients could not tell P(x)."""
        right = marginal_gradients.identity_errors
        monkeypatch.setattr(
            marginal_gradients,
            "identity_errors",
            lambda *arguments: right(*arguments[:4]),
        )
        found = measure_claim("tian.1")
        assert found.holds is None
        assert found.measured.startswith("control fails: update under")


class TestBatchNorm:
    def test_another_layer_is_seen(self, measure_claim, monkeypatch):
        """A projector that leaves eps out is not the layer."""
        right = projection.jacobian
        monkeypatch.setattr(
            projection, "jacobian", lambda f, c, e: right(f, c, 0.0)
        )
        found = measure_claim("tian.5")
        assert found.holds is False
        assert "fails: |autodiff - projector| float32" in found.measured


class TestLinearAndReLU:
    def test_every_size_is_measured(self):
        assert list(linear_and_relu.ROWS) == list(range(4, 65))
        assert list(linear_and_relu.PIXELS) == list(range(2, 9))

    def test_a_centre_that_counts_as_a_vertex_is_seen(self, monkeypatch):
        assert linear_and_relu.circle_vertices(5)
        monkeypatch.setattr(
            constructions, "vertices", lambda rows: np.ones(len(rows), bool)
        )
        assert not linear_and_relu.circle_vertices(5)


class TestStudents:
    @pytest.mark.parametrize(
        "permuted, true, holds",
        [
            ((0.06, -0.35, -0.2, -0.1, 0.02), (0.31, 0.17, 0.27, 0.2, 0.3), 1),
            # Labels that teach as much as the true ones are not permuted.
            ((0.31, 0.17, 0.27, 0.2, 0.3), (0.31, 0.17, 0.27, 0.2, 0.3), 0),
            ((0.06, -0.35, -0.2, -0.1), (0.16, -0.45, -0.15, -0.15), None),
            ((0.114, -0.352), (0.311, 0.171), None),
            ((math.nan,) * 3, (0.2,) * 3, None),
        ],
    )
    def test_permuted_labels_are_compared(
        self, measure_claim, monkeypatch, permuted, true, holds
    ):
        rises = {False: list(true), True: list(permuted)}

        def train(rng, kind):
            curve = np.zeros((2, 4))
            curve[1, -2:] = rises[kind].pop(0)
            return types.SimpleNamespace(
                selectivity={"outputs": curve}, accuracies=[0.5]
            ), 0.9

        monkeypatch.setattr(students, "train", train)
        monkeypatch.setattr(students, "PAIRS", len(true))
        assert measure_claim("tian.11").holds == holds

    def test_pairs_differ_in_their_labels_alone(self):
        short = {"epochs": 0, "depth": 2, "count": 20}
        true, permuted = (
            students.train(np.random.default_rng(3), kind, **short)
            for kind in (False, True)
        )
        np.testing.assert_array_equal(
            true[0].selectivity["outputs"], permuted[0].selectivity["outputs"]
        )
        assert true[1] == permuted[1]


class TestSpecialized:
    def test_nodes_of_a_half_open_teacher_are_on_for_half_of_the_inputs(self):
        rng = np.random.default_rng(0)
        drawn = specialization.draw_teacher((10, 15), 5, rng)
        layers = specialization.half_open(drawn, rng)
        h = 10 * rng.normal(size=(20_000, 20))
        for weights, biases in layers[:-1]:
            h = np.maximum(h @ weights + biases, 0)
            np.testing.assert_allclose((h > 0).mean(axis=0), 0.5, atol=0.04)
        for (kept, _), (weights, _) in zip(layers, drawn, strict=True):
            np.testing.assert_array_equal(kept, weights)

    def test_strong_nodes_weigh_more_in_every_node_above(self):
        """w_i / i^p before nodes are normalised, so ratios stay."""
        even, decaying = (
            specialization.draw_teacher(
                (4, 3), 5, np.random.default_rng(0), recipe
            )
            for recipe in (
                specialization.TWO_LAYERS,
                dataclasses.replace(specialization.TWO_LAYERS, decay=1.5),
            )
        )
        np.testing.assert_array_equal(even[0][0], decaying[0][0])
        assert even[0][0].shape == (100, 4)
        for layer, width in ((1, 4), (2, 3)):
            (before, _), (after, _) = even[layer], decaying[layer]
            expected = before / np.arange(1, width + 1)[:, None] ** 1.5
            expected /= np.linalg.norm(expected, axis=0)
            np.testing.assert_allclose(after, expected)

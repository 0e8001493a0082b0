"""The claims on the zoo's networks hold, and their checks can fail."""

import keras
import numpy as np
import pytest

from dlgn_tf.claims.small_networks import floating_point
from dlgn_tf.dual.claims import (
    constant_input,
    frozen_gates,
    linearity,
    published_figures,
    tied_gates,
)
from dlgn_tf.models.gated import copy_weights

CLAIMS = ("dlgn.3", "dlgn.4", "dlgn.5", "dlgn.8", "dlgn.9")


@pytest.mark.parametrize("claim_id", CLAIMS)
def test_claim_holds(claim_id, measure_claim):
    measurement = measure_claim(claim_id)
    assert measurement.holds, measurement


class TestTiedGates:
    @pytest.fixture
    def tied(self, rng):
        dgn, dnn, images = tied_gates.create_pair(
            tied_gates.C4GAP, "float32", rng
        )
        copy_weights(dnn.network, dgn.gating_network)
        copy_weights(dnn.network, dgn.value_network)
        return dgn, images, dnn(images)

    @pytest.mark.parametrize("network", ["gating_network", "value_network"])
    def test_one_perturbed_weight_is_seen(self, tied, check_of, network):
        def holds():
            found = {"tied": {"float32": tied_gates.difference(*tied)}}
            found["tied"]["float64"] = 0.0
            return check_of("dlgn.3").decide({**found, "gates untied": 1}).holds

        dgn, _, _ = tied
        assert holds() is True
        kernel = getattr(dgn, network).get_layer("conv2").kernel
        perturbed = kernel.numpy()
        perturbed[1, 1, 0, 0] += 0.5
        kernel.assign(perturbed)
        assert holds() is False

    def test_precision_is_put_back(self):
        with floating_point("float64"):
            assert keras.Input((1,)).dtype == "float64"
            assert keras.layers.Dense(1).dtype == "float64"
        assert keras.Input((1,)).dtype == "float32"
        assert keras.layers.Dense(1).dtype == "float32"


class TestLinearity:
    def test_a_dgn_is_not_affine(self, rng, check_of):
        dlgn, dgn = (
            linearity.deviation(
                linearity.create(linearity.C4GAP, family, rng), rng
            )
            for family in ("dlgn", "dgn")
        )
        for affine, controls, holds in (
            ([dlgn], [dgn], True),
            ([dlgn, dgn], [dgn], False),
            ([dlgn], [dgn, dlgn], False),
        ):
            figures = {"affine": affine, "DGNs or max pooling": controls}
            assert check_of("dlgn.4").decide(figures).holds is holds

    def test_gates_that_ignore_the_image_are_no_proof(self, rng, check_of):
        model = linearity.create(linearity.C4GAP, "dlgn", rng)
        kernel = model.gating_network.get_layer("conv1").kernel
        kernel.assign(np.zeros(kernel.shape))
        with np.errstate(all="ignore"):
            deviation = linearity.deviation(model, rng)
        figures = {"affine": deviation, "DGNs or max pooling": 1.0}
        assert check_of("dlgn.4").decide(figures).holds is False


class TestConstantInput:
    def test_the_image_as_value_input_is_seen(self, rng, check_of):
        network = constant_input.NETWORKS[0]
        ones, image = (
            constant_input.dependence(
                network.create("dgn", rng, value_input=value_input), rng
            )
            for value_input in ("ones", "image")
        )
        for first, second, holds in (
            (ones, image, True),
            (image, image, False),
            (ones, ones, False),
        ):
            figures = {"(x, 1)": first, "(x, x)": second}
            assert check_of("dlgn.5").decide(figures).holds is holds


class TestFrozenGates:
    @pytest.mark.filterwarnings("ignore:Gradients do not exist")
    def test_gates_that_are_not_frozen_are_seen(self, rng):
        # The penalty alone moves them: no gradient passes a hard gate.
        model = frozen_gates.C4GAP.create("dgn", rng, gate="hard")
        model.gating_network.trainable = True
        assert frozen_gates.least_gradient(model, rng) == 0
        gating, _ = frozen_gates.train(model, rng)
        assert gating > 0

    def test_dependent_start_is_compared_weight_by_weight(self, rng):
        model = frozen_gates.RESNET.create("dgn", rng)
        assert frozen_gates.dependent_start_difference(model) > 0.1
        copy_weights(model.value_network, model.gating_network)
        assert frozen_gates.dependent_start_difference(model) == 0
        variance = model.gating_network.get_layer("stem_bn").moving_variance
        variance.assign(variance + 0.25)
        assert frozen_gates.dependent_start_difference(model) == 0.25


class TestPublishedFigures:
    def test_a_wrong_figure_is_named(self, monkeypatch, measure_claim):
        narrow = ("c1gap_dnn", (8, 8, 3), {"width": 2})
        wrong = (*narrow, published_figures.Counts(87, 86, 1))
        monkeypatch.setattr(published_figures, "NETWORKS", (wrong,))
        found = measure_claim("dlgn.9")
        assert found.holds is False
        wrong = "count - published c1gap_dnn 2 parameters -1"
        assert found.measured.startswith(f"fails: {wrong}; ")

"""The claims on the zoo's networks hold, and their checks can fail."""

import dataclasses
import math

import numpy as np
import pytest

from dlgn_tf.dual.claims import gated_networks  # noqa: F401

CLAIMS = ("dlgn.3", "dlgn.4", "dlgn.5", "dlgn.8", "dlgn.9")


@pytest.mark.parametrize("claim_id", CLAIMS)
def test_claim_holds(claim_id, measure_claim):
    measurement = measure_claim(claim_id)
    assert measurement.holds, measurement


class TestTiedGates:
    @pytest.fixture
    def tied(self, rng):
        from dlgn_tf.dual.claims.gated_networks import tied_gates
        from dlgn_tf.models.gated import copy_weights

        dgn, dnn, images = tied_gates.create_pair(
            tied_gates.C4GAP, "float32", rng
        )
        copy_weights(dnn.network, dgn.gating_network)
        copy_weights(dnn.network, dgn.value_network)
        return dgn, images, dnn(images)

    @pytest.mark.parametrize("network", ["gating_network", "value_network"])
    def test_one_perturbed_weight_is_seen(self, tied, network):
        from dlgn_tf.dual.claims.gated_networks import tied_gates

        dgn, _, _ = tied
        assert self.holds(tied_gates.difference(*tied))
        kernel = getattr(dgn, network).get_layer("conv2").kernel
        perturbed = kernel.numpy()
        perturbed[1, 1, 0, 0] += 0.5
        kernel.assign(perturbed)
        assert not self.holds(tied_gates.difference(*tied))

    @staticmethod
    def holds(difference, untied=1.0):
        from dlgn_tf.dual.claims.gated_networks import tied_gates

        return tied_gates.verdict(
            {"float32": {"c4gap": difference}}, {"float32": {"c4gap": untied}}
        )

    def test_verdict(self):
        assert self.holds(1e-6)
        assert not self.holds(2e-5)
        assert not self.holds(math.nan)
        assert not self.holds(1e-6, untied=1e-3)

    def test_precision_is_put_back(self):
        import keras

        from dlgn_tf.claims.small_networks import floating_point

        with floating_point("float64"):
            assert keras.Input((1,)).dtype == "float64"
            assert keras.layers.Dense(1).dtype == "float64"
        assert keras.Input((1,)).dtype == "float32"
        assert keras.layers.Dense(1).dtype == "float32"


class TestLinearity:
    def test_a_dgn_is_not_affine(self, rng):
        from dlgn_tf.dual.claims.gated_networks import linearity

        dlgn, dgn = (
            linearity.deviation(
                linearity.create(linearity.C4GAP, family, rng), rng
            )
            for family in ("dlgn", "dgn")
        )
        assert linearity.verdict([dlgn], [dgn])
        assert not linearity.verdict([dlgn, dgn], [dgn])
        assert not linearity.verdict([dlgn], [dgn, dlgn])
        assert not linearity.verdict([dlgn, math.nan], [dgn])

    def test_gates_that_ignore_the_image_are_no_proof(self, rng):
        from dlgn_tf.dual.claims.gated_networks import linearity

        model = linearity.create(linearity.C4GAP, "dlgn", rng)
        kernel = model.gating_network.get_layer("conv1").kernel
        kernel.assign(np.zeros(kernel.shape))
        with np.errstate(all="ignore"):
            deviation = linearity.deviation(model, rng)
        assert not linearity.verdict([deviation], [1.0])


class TestConstantInput:
    def test_the_image_as_value_input_is_seen(self, rng):
        from dlgn_tf.dual.claims.gated_networks import constant_input

        network = constant_input.NETWORKS[0]
        ones, image = (
            constant_input.dependence(
                network.create("dgn", rng, value_input=value_input), rng
            )
            for value_input in ("ones", "image")
        )
        assert constant_input.verdict([ones], [image])
        assert not constant_input.verdict([image], [image])
        assert not constant_input.verdict([ones], [ones])

    @pytest.mark.parametrize(
        "change", [{"same_gates": math.nan}, {"gradient": 0.0}]
    )
    def test_verdict_needs_figures(self, change):
        from dlgn_tf.dual.claims.gated_networks import constant_input

        ones = constant_input.Dependence(0.0, 0.0, 0.0, 1.0)
        image = constant_input.Dependence(1.0, 1.0, 1.0, 1.0)
        assert constant_input.verdict([ones], [image])
        changed = dataclasses.replace(ones, **change)
        assert not constant_input.verdict([changed], [image])


class TestFrozenGates:
    @pytest.mark.filterwarnings("ignore:Gradients do not exist")
    def test_gates_that_are_not_frozen_are_seen(self, rng):
        from dlgn_tf.dual.claims.gated_networks import frozen_gates

        # The penalty alone moves them: no gradient passes a hard gate.
        model = frozen_gates.C4GAP.create("dgn", rng, gate="hard")
        model.gating_network.trainable = True
        assert frozen_gates.least_gradient(model, rng) == 0
        changes = frozen_gates.train(model, rng)
        assert changes.gating > 0
        assert not self.verdict({"FL": {"c4gap": changes}})

    @staticmethod
    def verdict(changes, gradient=1.0, alone=("logits",), start=0.0):
        from dlgn_tf.dual.claims.gated_networks import frozen_gates

        return frozen_gates.verdict(
            changes, {"c4gap": gradient}, {"c4gap": list(alone)}, start
        )

    def test_verdict(self):
        from dlgn_tf.dual.claims.gated_networks.frozen_gates import Changes

        frozen, learnt = Changes(0.0, 1.0), Changes(1.0, 1.0)
        fine = {"FL": {"c4gap": frozen}, "soft": {"c4gap": learnt}}
        assert self.verdict(fine)
        assert not self.verdict({**fine, "soft": {"c4gap": frozen}})
        assert not self.verdict({**fine, "FL": {"c4gap": Changes(0.0, 0.0)}})
        assert not self.verdict(fine, gradient=0.0)
        assert not self.verdict(fine, gradient=math.nan)
        assert not self.verdict(fine, alone=("conv1", "logits"))
        assert not self.verdict(fine, start=1e-9)

    def test_dependent_start_is_compared_weight_by_weight(self, rng):
        from dlgn_tf.dual.claims.gated_networks import frozen_gates
        from dlgn_tf.models.gated import copy_weights

        model = frozen_gates.RESNET.create("dgn", rng)
        assert frozen_gates.dependent_start_difference(model) > 0.1
        copy_weights(model.value_network, model.gating_network)
        assert frozen_gates.dependent_start_difference(model) == 0
        variance = model.gating_network.get_layer("stem_bn").moving_variance
        variance.assign(variance + 0.25)
        assert frozen_gates.dependent_start_difference(model) == 0.25


class TestPublishedFigures:
    def test_a_count_agrees_exactly_and_a_rate_to_float32(self):
        from dlgn_tf.dual.claims.gated_networks.published_figures import agrees

        assert agrees(33_883_210, 33_883_210)
        assert not agrees(33_883_211, 33_883_210)
        assert agrees(float(np.float32(0.1)), 0.1)
        assert not agrees(0.10001, 0.1)

    def test_a_wrong_figure_is_named(self, monkeypatch):
        from dlgn_tf.dual.claims.gated_networks import published_figures

        narrow = ("c1gap_dnn", (8, 8, 3), {"width": 2})
        wrong = (*narrow, published_figures.Counts(87, 86, 1))
        monkeypatch.setattr(published_figures, "NETWORKS", (wrong,))
        measurement = published_figures.measure(None)
        assert not measurement.holds
        assert "c1gap_dnn 2 parameters 86 instead of 87" in measurement.measured

"""The claims on the dual view hold, and their checks can fail."""

import numpy as np
import pytest

from dlgn_tf.claims.small_networks import SmallNetwork
from dlgn_tf.data import sources
from dlgn_tf.dual import kernels, terms, theorems
from dlgn_tf.dual.claims import (
    convergence,
    enumeration,
    invariance,
    learned_features,
    learned_gates,
    removal,
    tiny_networks,
    trained_networks,
)
from dlgn_tf.dual.claims import kernel_regression as regression
from dlgn_tf.dual.claims import sums_and_products as sums

EXACT = ("dlgn.1", "dlgn.2", "dlgn.6", "dlgn.7", "dlgn.14")
STATISTICAL = ("dlgn.10", "dlgn.11", "dlgn.12", "dlgn.13")


@pytest.mark.parametrize(
    "claim_id",
    [*EXACT, *(pytest.param(x, marks=pytest.mark.slow) for x in STATISTICAL)],
)
def test_claim_holds(claim_id, measure_claim):
    measurement = measure_claim(claim_id)
    assert measurement.holds, measurement


class TestEnumeration:
    def test_a_wrong_count_is_seen(self, measure_claim, monkeypatch):
        right = enumeration.count
        monkeypatch.setattr(
            enumeration,
            "count",
            lambda found: (35, 35) if right(found)[0] == 36 else right(found),
        )
        measured = measure_claim("dlgn.1").measured
        assert measured.startswith(
            "fails: paths residual 35; bundles residual 35; "
        )

    def test_a_kernel_without_a_layer_is_seen(self, measure_claim, monkeypatch):
        fully_connected = kernels.fully_connected
        monkeypatch.setattr(
            kernels,
            "fully_connected",
            lambda gates, inputs: fully_connected(gates[1:], inputs),
        )
        assert measure_claim("dlgn.2").holds is False


class TestInvariance:
    def test_a_permutation_that_fits_is_not_refused(self, rng):
        assert not invariance.refuses(SmallNetwork("c4gap"), rng)

    def test_no_rotation_changes_nothing_anywhere(self, rng, monkeypatch):
        """The controls change through the rotation, not by chance."""
        model = invariance.create(invariance.ZERO_PADDED, rng)
        images = invariance.ZERO_PADDED.images(rng)
        monkeypatch.setattr(
            invariance, "_pairs", lambda *_: (images, images.copy())
        )
        assert max(invariance.changes(model, rng).values()) == 0


class TestConvergence:
    def test_every_setting_belongs_to_one_claim(self, rng, monkeypatch):
        asked = []
        monkeypatch.setattr(
            convergence, "_measured", lambda rng, names, *_: asked.extend(names)
        )
        convergence.measure_theorems(rng)
        convergence.measure_variants(rng)
        convergence.measure_control(rng)
        assert sorted(asked) == sorted(s.name for s in theorems.SETTINGS)


class TestRemoval:
    def test_another_block_is_seen(self, rng, monkeypatch):
        """Closing the gates of one block is not leaving out the next."""
        closed = removal._closed
        monkeypatch.setattr(
            removal,
            "_closed",
            lambda gates, block: closed(gates, block % removal.SKIPS + 1),
        )
        found = removal.differences(1, rng)
        assert found["closed gates"] > 1e-3
        assert found["outputs"] > 1e-3

    def test_there_are_two_to_the_skips_sub_networks(self, rng):
        model = removal.create(rng)
        gates, inputs = removal.gates_by_block(
            model, removal.NETWORK.images(rng)
        )
        kept = [kept for kept, _ in removal.sub_networks(gates, inputs)]
        assert len(set(kept)) == len(kept) == 2**removal.SKIPS


class TestLearnedFeatures:
    def test_training_learns(self, rng):
        images, labels = learned_features.two_digits()
        assert set(labels) == {1.0, -1.0}
        points = learned_features.train(images, labels, 60, rng)
        assert [points[0]["step"], points[-1]["step"]] == [0, 60]
        assert points[-1]["accuracy"] > 0.9 > points[0]["accuracy"]
        assert points[0]["quantity"] != points[-1]["quantity"]


class TestKernelRegression:
    @pytest.fixture
    def drawn(self, rng):
        """Images, targets, weights and gates of a small network."""
        images = regression.IMAGES + 7
        x, targets = rng.normal(size=(images, 5)), rng.normal(size=images)
        weights = [rng.normal(size=s) / 3 for s in ((5, 6), (6, 6), (6, 1))]
        gates = [rng.integers(2, size=(images, 6)) * 1.0 for _ in range(2)]
        return x, targets, weights, gates

    @pytest.mark.parametrize("fixed", [True, False])
    def test_a_step_follows_the_gradient(self, drawn, fixed):
        x, targets, weights, gates = drawn
        gates = gates if fixed else None

        def loss(weights):
            *_, outputs = regression.forward(weights, x, gates)
            return 0.5 * np.sum((outputs - targets)[: regression.IMAGES] ** 2)

        stepped = regression.train(weights, x, targets, 1e-9, gates, steps=1)
        for layer, entry in ((0, (1, 2)), (1, (3, 0)), (2, (4, 0))):
            sides = []
            for sign in (1, -1):
                moved = [matrix.copy() for matrix in weights]
                moved[layer][entry] += sign * 1e-6
                sides.append(loss(moved))
            slope = (sides[0] - sides[1]) / 2e-6
            step = (weights[layer] - stepped[layer])[entry]
            assert step == pytest.approx(1e-9 * slope, rel=1e-4, abs=1e-15)

    def test_regression_is_descent_in_its_features(self, rng):
        """Also where the kernel is singular."""
        features = rng.normal(size=(regression.IMAGES + 7, 9))
        known, asked = (
            features[: regression.IMAGES],
            features[regression.IMAGES :],
        )
        targets = rng.normal(size=regression.IMAGES)
        rate = 0.5 / np.linalg.norm(known, 2) ** 2
        weights = np.zeros(9)
        for _ in range(30):
            weights += rate * known.T @ (targets - known @ weights)
        found = regression.regressed(features @ features.T, targets, rate, 30)
        np.testing.assert_allclose(found, asked @ weights, rtol=1e-9)

    def test_a_linear_network_is_its_kernel(self, drawn):
        """One layer without gates: nothing is left of the error."""
        x, targets, *_ = drawn
        rate = 0.5 / np.linalg.norm(x[: regression.IMAGES], 2) ** 2
        weights = [np.ones((5, 1))]
        assert regression.error(weights, x, targets, rate, x @ x.T, []) < 1e-10
        other = np.eye(len(x)) + x @ x.T
        assert regression.error(weights, x, targets, rate, other, []) > 0.01

    def test_wider_is_nearer_under_fixed_gates_alone(self, rng):
        drawn = [regression.odd_and_even(rng) for _ in range(6)]
        found = [
            [regression.errors(x, targets, width, rng) for x, targets in drawn]
            for width in (12, 96)
        ]
        mean = {
            name: [np.mean([e[name] for e in of_width]) for of_width in found]
            for name in (regression.FIXED, *regression.CONTROLS)
        }
        narrow, wide = mean[regression.FIXED]
        assert wide < 0.6 * narrow
        for control in regression.CONTROLS:
            assert mean[control][1] / mean[control][0] > 1.15 * wide / narrow


class TestSumsAndProducts:
    def test_it_is_measured_on_digits_without_a_folder(self, rng, check_of):
        figures = sums.measure(rng, None, {"digits": (40, 20)})
        found = check_of("dlgn.23").decide(figures)
        assert found.values["identities off"] < 1e-14
        assert len(found.values["accuracies"]) == sums.DRAWS
        assert "no --data_dir" in found.measured
        assert min(each[1] for each in found.values["accuracies"]) > 40
        # Shuffled labels are learned by none.
        shuffled = {**figures, **figures["labels shuffled"]}
        assert check_of("dlgn.23").decide(shuffled).holds is not True

    def test_products_that_are_needed_are_seen(self, rng):
        """Labels of third order in the direction: of no use to one layer."""
        directions = rng.normal(size=(240, 3))
        angle = 3 * np.arctan2(directions[:, 0], directions[:, 1])
        labels = (np.cos(angle) > 0) * 1
        found = [
            sums.accuracies(directions[part], labels[part], 60)
            for part in np.split(np.arange(240), 3)
        ]
        assert np.mean([each[4] - each[1] for each in found]) > 3

    def test_verdicts_need_each_product_and_the_identities(self, check_of):
        found = [{1: 30, 2: 32 + x, 4: 33 - x} for x in (0, 0.1, 0.2)]
        worse = [{**each, 4: 20 + each[4] % 1} for each in found]
        equal = [{**each, 4: 29 + x} for x, each in enumerate(found)]
        for draws, off, holds in (
            (found, 0, True),
            (worse, 0, False),
            (equal, 0, None),
            (found, 1e-3, False),
        ):
            figures = {
                **sums.compare(draws),
                "identities off": off,
            }
            assert check_of("dlgn.23").decide(figures).holds is holds


class TestLearnedGates:
    """dlgn.34, on few digits."""

    def test_gates_learn(self, rng):
        digits, _ = sources.load("digits", train_examples=160)
        part = slice(60), slice(60, 160)
        known, asked = ((digits.images[x], digits.labels[x]) for x in part)
        found = learned_gates.accuracies(known, asked, 12, rng)
        trained = found.pop("training")
        # What was shuffled is learned by rote, if at all.
        assert trained["learned"] > trained["shuffled"] + 10
        # Gates that have learned are other ones.
        assert len(set(found.values())) == 3
        assert min(found["random"], found["learned"]) > 50

    def test_images_of_runs_are_others(self, rng, check_of, monkeypatch):
        seen = []

        def accuracies(known, asked, epochs, rng):
            seen.extend([*known[0], *asked[0]])
            assert (len(known[1]), len(asked[1]), epochs) == (20, 10, 4)
            shuffled = 40 + rng.random()
            learned = 44 + rng.random()
            return {
                "random": 40,
                "learned": learned,
                "shuffled": shuffled - 1,
                "training": {},
            }

        monkeypatch.setattr(learned_gates, "accuracies", accuracies)
        figures = learned_gates.measure(rng, None, {"digits": (20, 10)}, 4)
        assert len({image.tobytes() for image in seen}) == 30 * 5
        assert check_of("dlgn.34").decide(figures).holds is True

    def test_verdicts_need_labels_to_be_of_use(self, check_of):
        few = np.array([2.0, 2.4, 1.8, 2.2, 1.9])
        for learned, shuffled, holds in (
            (few, few[::-1] - 2, True),
            (few - 2, few[::-1] - 2, None),
            (-few, few[::-1] - 2, False),
            # As good after shuffled labels: the labels are not what helps.
            (few, few[::-1] + 1, None),
        ):
            figures = {
                "learned - random": learned,
                "learned - shuffled": learned - shuffled,
                "shuffled - random": shuffled,
            }
            assert check_of("dlgn.34").decide(figures).holds is holds


class TestTrainedNetworks:
    @pytest.mark.slow
    @pytest.mark.parametrize("claim_id", ["dlgn.24", "dlgn.25", "dlgn.26"])
    def test_claim_holds(self, claim_id, measure_claim):
        measurement = measure_claim(claim_id)
        assert measurement.holds, measurement

    def test_a_kernel_without_skips_is_seen(self, rng, monkeypatch, check_of):
        """Sums that keep their first branch alone."""
        kinds = {"original_block": tiny_networks.original_block}
        monkeypatch.setattr(tiny_networks, "KINDS", kinds)
        found = trained_networks.measure_enumeration(rng)
        assert check_of("dlgn.24").decide(found).holds
        monkeypatch.setattr(terms, "added", lambda streams: streams[0])
        found = trained_networks.measure_enumeration(rng)
        assert check_of("dlgn.24").decide(found).holds is False

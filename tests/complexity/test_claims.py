"""The claims on the core hold, and their checks can fail."""

import math

import numpy as np
import pytest

from dlgn_tf.claims import registry
from dlgn_tf.complexity import claims  # noqa: F401

QUICK, TRAINED = (2, 3, 4, 6, 7, 9), (1, 5, 8, 10, 20)


@pytest.mark.parametrize("number", QUICK)
def test_quick_claim_holds(number, measure_claim):
    measurement = measure_claim(f"complexity.{number}")
    assert measurement.holds, measurement


@pytest.mark.slow
@pytest.mark.parametrize("number", TRAINED)
def test_claim_is_measured(number, assert_measured):
    assert_measured(f"complexity.{number}", "minutes")


def test_numbers():
    numbers = {claim.number for claim in registry.claims("complexity")}
    assert {*QUICK, *TRAINED} <= numbers


class TestNets:
    def test_depth_verdict(self):
        from dlgn_tf.complexity.claims import nets

        counts = {(4, (8, 8, 64)): (4, 5, (8, 8, 64))}
        millions = {4: 1.664, 7: 4.76, 13: 10.96, 25: 23.34, 49: 48.1, 97: 97.7}
        assert nets.depths_hold(counts, millions)
        assert not nets.depths_hold(counts, {**millions, 25: 23.36})
        for wrong in ((5, 5), (4, 4)):
            off = {(4, (8, 8, 64)): (*wrong, (8, 8, 64))}
            assert not nets.depths_hold(off, millions)
        off = {(4, (8, 8, 64)): (4, 5, (8, 8, 32))}
        assert not nets.depths_hold(off, millions)

    def test_operations_are_counted_in_the_graph(self):
        import keras

        from dlgn_tf.complexity.claims import nets

        image = keras.Input((8, 8, 3))
        h = keras.layers.Conv2D(2, 3, activation="relu")(image)
        h = keras.layers.ReLU()(keras.layers.Conv2D(2, 3)(h))
        net = keras.Model(image, keras.layers.Activation("tanh")(h))
        assert nets._operations(net, (8, 8, 3)) == (2, 2, (4, 4, 2))

    def test_cold_start_is_seen(self, rng, monkeypatch):
        from dlgn_tf.complexity import disentangler
        from dlgn_tf.complexity.claims import nets

        monkeypatch.setattr(disentangler, "warm_start", lambda *nets: None)
        assert not nets.measure_warm_start(rng).holds


class TestDecomposition:
    def test_sums_verdict(self):
        from dlgn_tf.complexity.claims import decomposition as module

        good = {"sum": 1e-7, "loss": 1e-8, "without": 0.1}
        assert module.sums_hold([good])
        for name, value in (("sum", 1e-4), ("loss", 1e-5), ("without", 1e-4)):
            assert not module.sums_hold([good, {**good, name: value}])
            assert not module.sums_hold([{**good, name: math.nan}])

    def test_planted_verdict(self):
        from dlgn_tf.complexity.claims import decomposition as module

        good = {"share": 0.01, "gap": 0.01, "correlated": 0.01, "changed": 0.0}
        assert module.planted_hold(good)
        for name in good:
            assert not module.planted_hold({**good, name: 0.03})

    def test_forgotten_means_are_seen(self, rng, monkeypatch):
        from dlgn_tf.complexity.claims import decomposition as module
        from dlgn_tf.complexity.covariance import PartCovariance

        def uncentred(self, parts):
            flat = np.reshape(parts, (len(parts), -1))
            self._sums += flat @ flat.T
            self._count += np.shape(parts)[1]

        monkeypatch.setattr(PartCovariance, "add", uncentred)
        assert not module.measure_planted(rng, images=5000).holds


class TestGames:
    def test_wrong_weights_are_seen(self, rng, monkeypatch):
        from dlgn_tf.complexity import shapley
        from dlgn_tf.complexity.claims import games

        # Banzhaf's: all coalitions count the same.
        monkeypatch.setattr(
            shapley, "weights", lambda n: np.full(n, 2.0 ** (1 - n))
        )
        assert not games.measure_axioms(rng).holds

    def test_over_all_orders(self):
        from dlgn_tf.complexity.claims import games

        glove = np.array([0, 0, 0, 0, 0, 1, 1, 1.0])
        np.testing.assert_allclose(
            games.over_all_orders(glove, 3), [1 / 6, 1 / 6, 2 / 3]
        )

    def test_overfitting_verdict(self):
        from dlgn_tf.complexity.claims import games

        good = {"identity": 1e-9, "same": 0.0, "shuffled": 1.2}
        assert games.overfitting_holds(good)
        for name, value in (
            ("identity", 1e-3),
            ("same", 0.1),
            ("shuffled", 0.4),
        ):
            assert not games.overfitting_holds({**good, name: value})
            assert not games.overfitting_holds({**good, name: math.nan})

    @pytest.mark.parametrize(
        "numbers, expected",
        [
            ([0.1, math.nan, -0.3], 0.3),
            ([0.0, 0.2], 0.2),
            ([math.inf, 0.2], math.inf),
            ([math.nan, math.nan], math.nan),
        ],
    )
    def test_undefined_ratios_are_left_out(self, numbers, expected):
        from dlgn_tf.complexity.claims import games

        found = games.largest_defined(np.array(numbers))
        np.testing.assert_equal(found, expected)


class TestCycles:
    def test_planted_truth(self, rng):
        """The share of directions that all use, read off the features."""
        from dlgn_tf.complexity.claims import cycles

        psi, forward, truth = cycles.planted(rng, samples=4000)
        ranks = [np.linalg.matrix_rank(g) for g in forward]
        assert ranks == [18, 18, 14]
        assert np.linalg.matrix_rank(np.hstack(forward)) == 30
        # What f_1 shares with f_2 and f_3 both, by regression on each.
        f = psi @ forward[0]
        assert 0.2 < truth < 0.7
        others = np.hstack([psi @ forward[1], psi @ forward[2]])
        fitted = others @ np.linalg.lstsq(others, f, rcond=1e-9)[0]
        # 8 shared directions and 4 of the pair are seen by the others.
        assert truth < fitted.var(axis=0).sum() / f.var(axis=0).sum() < 1

    def test_planted_verdict(self):
        from dlgn_tf.complexity.claims import cycles

        good = {
            "eigenvalues": np.repeat([1.0, 0.66, 0.34], [8, 4, 18]),
            "truth": 0.446,
            "share": {0: 1.0, 5: 0.46, 10: 0.45},
        }
        assert cycles.planted_hold(good)
        for name, value in (
            ("eigenvalues", np.repeat([1.0, 0.6, 0.34], [8, 4, 18])),
            ("share", {5: 0.47, 10: 0.45}),
            ("share", {5: 0.45, 10: 0.46}),
        ):
            assert not cycles.planted_hold({**good, name: value})

    def test_copies_verdict(self):
        from dlgn_tf.complexity.claims import cycles

        def verdict(copies, unrelated):
            return cycles.copies_hold(
                {"copies": {5: copies}, "unrelated": {5: unrelated}}
            )

        least, gap = cycles.LEAST_OF_COPIES, cycles.LEAST_GAP
        assert verdict(least + 0.02, least - gap - 0.02)
        assert not verdict(least - 0.02, 0.0)
        assert not verdict(least + 0.02, least - gap + 0.05)
        assert not verdict(math.nan, 0.0)
        # Back maps of one short epoch.
        assert not verdict(1.33, 0.79)

    def test_proposed_thresholds_are_stricter(self):
        from dlgn_tf.complexity.claims import cycles

        ratios = {"copies": {5: 0.82}, "unrelated": {5: 0.5}}
        assert cycles.copies_hold(ratios)
        assert not cycles.copies_hold(ratios, *cycles.PROPOSED)
        ratios = {"copies": {5: 0.92}, "unrelated": {5: 0.6}}
        assert cycles.copies_hold(ratios, *cycles.PROPOSED)


class TestLadders:
    def test_falls(self):
        from dlgn_tf.complexity.claims import ladders

        assert ladders.falls([0.9, 0.7, 0.705, 0.6])
        assert not ladders.falls([0.9, 0.7, 0.72, 0.6])
        assert not ladders.falls([0.9, math.nan, 0.5])

    def test_determinism_verdict(self):
        from dlgn_tf.complexity.claims import ladders

        good = {"again": 0.0, "batches": 1e-8, "other": 0.1}
        assert ladders.determinism_holds(good)
        for name, value in (("again", 1e-5), ("batches", 1e-5), ("other", 0.0)):
            assert not ladders.determinism_holds({**good, name: value})

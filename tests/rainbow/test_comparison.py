"""Tables that compare networks, on weights of known law."""

import numpy as np
import pytest

from dlgn_tf.rainbow import alignment, comparison, figures
from dlgn_tf.rainbow.covariance import WeightCovariances, covariance
from dlgn_tf.rainbow.learned_layers import LayeredNetwork

DIMENSION = 30
VARIANCES = np.exp(-np.arange(DIMENSION) / 5)


def gaussian(rng, networks, neurons, first=1.0):
    """Weights of covariance diag(VARIANCES), of which the first is scaled."""
    scales = np.sqrt(VARIANCES)
    scales[0] *= first
    weights = [
        rng.normal(size=(neurons, DIMENSION)) * scales for _ in range(networks)
    ]
    return of_weights(weights, np.diag(1 / np.arange(1.0, 51)))


def of_weights(weights, activations=None, alignments=()):
    return WeightCovariances(
        reference=None,
        weights={"layer": weights},
        matrices={"layer": covariance(weights)},
        explained=[],
        errors=[],
        activations=[{"layer": activations}],
        alignments=tuple({"layer": turn} for turn in alignments),
    )


def test_spectra_and_fits_of_a_known_law(rng):
    found = gaussian(rng, 4, 4000)
    rows = comparison.spectrum_rows(found, ["layer"])
    values = [r["eigenvalue"] for r in rows if r["what"] == "weights"]
    np.testing.assert_allclose(values, VARIANCES, rtol=0.1)
    fits = {r["what"]: r for r in comparison.fit_rows(rows)}
    assert fits["weights"]["slope"] == pytest.approx(-1 / 5, rel=0.02)
    assert fits["weights"]["r_squared"] > 0.99
    assert fits["activations"]["slope"] == pytest.approx(-1, rel=1e-6)
    assert fits["activations"]["law"] == "power law"


def test_initial_weights_end_where_trained_ones_end(rng):
    found = gaussian(rng, 1, 200)
    initial = {"layer": rng.normal(size=(200, DIMENSION))}
    rows = comparison.spectrum_rows(found, ["layer"], initial)
    ends = {r["what"]: r["eigenvalue"] for r in rows if r["rank"] == DIMENSION}
    assert ends["initial weights"] == pytest.approx(ends["weights of one"])
    before = np.linalg.eigvalsh(initial["layer"].T @ initial["layer"])[::-1]
    after = [r["eigenvalue"] for r in rows if r["what"] == "initial weights"]
    np.testing.assert_allclose(np.array(after) / after[0], before / before[0])


def test_zero_weights_have_no_spectrum():
    found = of_weights([np.zeros((4, 3))], np.eye(3))
    rows = comparison.spectrum_rows(found, ["layer"], {"layer": np.eye(3)})
    assert {r["what"] for r in rows} == {"activations"}
    assert [r["what"] for r in comparison.fit_rows(rows)] == ["activations"]


def test_more_networks_are_nearer_to_others(rng):
    rows = comparison.convergence_rows(gaussian(rng, 8, 60), ["layer"])
    assert [(r["networks"], r["others"]) for r in rows] == [
        (1, 4),
        (2, 4),
        (3, 4),
        (4, 4),
    ]
    errors = [row["error"] for row in rows]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 1.3 * errors[-1]
    for row in rows:
        assert row["least"] <= row["error"] <= row["most"]


def test_networks_and_others_are_disjoint():
    for total in (2, 3, 5, 6):
        others = total - total // 2
        for count in range(1, total // 2 + 1):
            splits = list(comparison._disjoint(total, count, others))
            assert len(splits) == total
            for chosen, rest in splits:
                assert len(chosen) == count and len(rest) == others
                assert not set(chosen) & set(rest)


def test_whitening_leaves_white_noise(rng):
    """Eigenvalues are then those of a random covariance, marginals normal."""
    found = gaussian(rng, 6, 200)
    rows = comparison.whitening_rows("abcdef", found, ["layer"])
    before = np.mean([row["outside"] for row in rows])
    after = np.mean([row["outside_whitened"] for row in rows])
    assert before > 0.4
    assert after < before / 4
    p = [row["p_rank_6"] for row in rows]
    assert np.median(p) > 0.05
    assert rows[0]["p_rank_50"] == ""


def test_marginals_that_are_not_normal_are_found(rng):
    found = gaussian(rng, 3, 500)
    for weights in found.weights["layer"]:
        weights[:, 0] = np.sign(weights[:, 0])
    rows = comparison.whitening_rows("abc", found, ["layer"])
    assert max(row["p_rank_1"] for row in rows) < 1e-3


def test_too_few_neurons_are_not_whitened(rng):
    found = gaussian(rng, 2, DIMENSION - 1)
    assert comparison.whitened(found, "layer") is None
    (row, _) = comparison.whitening_rows("ab", found, ["layer"])
    assert row["outside_whitened"] == row["p_rank_1"] == ""
    assert 0 <= row["outside"] <= 1


def test_pictures_of_whitening(rng):
    found = gaussian(rng, 3, 100)
    white = {"layer": comparison.whitened(found, "layer")}
    figure = figures.marchenko_pastur(found.weights, white, "title")
    left, right = figure.axes
    assert left.get_title() == "layer, trained"
    # The law is drawn where the bulk ends.
    ratio = DIMENSION / 100
    x = right.lines[0].get_xdata()
    assert x[0] > (1 - np.sqrt(ratio)) ** 2 - 0.05
    assert x[-1] < (1 + np.sqrt(ratio)) ** 2 + 0.05
    shown = [a for a in figures.gaussianity(white, "title").axes if a.axison]
    # Ranks 1, 2 and 11; there is no rank 101.
    assert len(shown) == 3


def test_picture_of_eigenvalues_that_are_all_alike(rng):
    """Up to rounding: NumPy has no 60 bins between them."""
    basis = np.linalg.qr(rng.normal(size=(8, 8)))[0]
    alike = {"layer": [basis]}
    figure = figures.marchenko_pastur(alike, alike, "title")
    bars = figure.axes[0].patches
    assert len(bars) == 60
    filled = [bar for bar in bars if bar.get_height()]
    for bar in filled:
        assert abs(bar.get_x() + bar.get_width() / 2 - 1) < bar.get_width()
    shares = [bar.get_height() * bar.get_width() for bar in filled]
    np.testing.assert_allclose(sum(shares), 1)


def test_grouped_keeps_the_order():
    rows = [{"a": k, "b": k % 2} for k in (3, 2, 1)]
    found = comparison.grouped(rows, "b")
    assert list(found) == [(1,), (0,)]
    assert [row["a"] for row in found[1,]] == [3, 1]


class TestAlignmentRows:
    """Alignments are fitted to some images and scored on others."""

    @pytest.fixture
    def layered(self, networks):
        return [LayeredNetwork(networks.mlp(seed)) for seed in (1, 2)]

    def rows(self, networks, fitted, held_out, **options):
        return {
            row["layer"]: row
            for row in comparison.alignment_rows(
                "ab", networks, 0, [fitted], [held_out], **options
            )
            if row["run"] == "b"
        }

    def test_by_hand(self, layered, rng):
        x, other = rng.standard_normal((2, 50, 6)).astype("float32")
        row = self.rows(layered, x, other)["dense2"]
        first, second = (
            [
                np.maximum(images @ network["dense1"].matrix.T, 0)
                for network in layered
            ]
            for images in (x, other)
        )
        left, overlaps, right = np.linalg.svd(first[0].T @ first[1])
        energies = np.prod([np.sum(x**2) for x in first])
        assert row["explained_fitted"] == pytest.approx(
            overlaps.sum() / np.sqrt(energies), rel=1e-4
        )
        turned = second[1] @ (left @ right).T
        gap = np.sum((turned - second[0]) ** 2) / np.sum(second[0] ** 2)
        assert row["relative_error"] == pytest.approx(gap, rel=1e-4)
        explained = np.sum(turned * second[0]) / np.sqrt(
            np.sum(second[0] ** 2) * np.sum(second[1] ** 2)
        )
        assert row["explained"] == pytest.approx(explained, rel=1e-4)
        raw = np.sum((second[1] - second[0]) ** 2) / np.sum(second[0] ** 2)
        assert row["error_unaligned"] == pytest.approx(raw, rel=1e-4)
        assert row["explained_untrained"] == ""

    def test_untrained_networks_beside_trained_ones(
        self, layered, networks, rng
    ):
        """Twins agree; networks of other weights do not, as much."""
        x = rng.standard_normal((300, 6)).astype("float32")
        twin = networks.permuted(layered[0].model, rng)
        found = self.rows(
            [layered[0], LayeredNetwork(twin)],
            x[:200],
            x[200:],
            untrained=layered,
        )["logits"]
        assert found["explained"] == pytest.approx(1)
        assert found["explained_untrained"] == pytest.approx(
            self.rows(layered, x[:200], x[200:])["logits"]["explained"]
        )
        assert found["explained_untrained"] < 0.99


class TestNarrowNetworks:
    """In a wider reference, white weights follow the law of their own width."""

    WIDE, NARROW, PATCH = 40, 16, 2

    @pytest.fixture
    def covariances(self, rng):
        turn = alignment.random_alignment(self.WIDE, self.NARROW, rng)
        wide, narrow = (n * self.PATCH for n in (self.WIDE, self.NARROW))
        own = rng.standard_normal((160, narrow))
        weights = [
            turn.weights(own.reshape(160, -1, self.PATCH)).reshape(160, -1),
            *rng.standard_normal((2, 160, wide)),
        ]
        wide = alignment.identity(self.WIDE)
        return own, of_weights(weights, alignments=(turn, wide, wide))

    def test_rows(self, covariances):
        own, found = covariances
        rows = comparison.whitening_rows("abc", found, ["layer"])
        assert [(row["neurons"], row["dimension"]) for row in rows] == [
            (160, 32),
            (160, 80),
            (160, 80),
        ]
        for row in rows:
            assert row["outside"] <= 0.1
            assert row["outside_whitened"] <= 0.35
        # In the reference's dimensions it is taken for something learned.
        assert comparison.outside(found.weights["layer"][0]) > 0.6

    def test_own_weights_come_back(self, covariances):
        own, found = covariances
        weights = comparison.own_weights(found, "layer")
        np.testing.assert_allclose(weights[0], own, atol=1e-12)
        np.testing.assert_array_equal(weights[1], found.weights["layer"][1])

    def test_whitened_by_the_covariance_in_its_dimensions(self, covariances):
        """Colours of all networks alike leave no trace."""
        own, found = covariances
        white = comparison.whitened(found, "layer")
        assert [x.shape for x in white] == [(160, 32), (160, 80), (160, 80)]
        figure = figures.marchenko_pastur(
            {"layer": comparison.own_weights(found, "layer")},
            {"layer": white},
            "title",
        )
        # One law for each number of neurons and dimensions.
        assert [len(axes.lines) for axes in figure.axes] == [2, 2]

"""Spectral experiments against closed forms."""

import collections
import dataclasses

import numpy as np
import pytest
from scipy import special

from dlgn_tf.dual.claims import (
    learned_frequencies,
    learned_kernels,
    spectral_networks,
    written_networks,
)
from dlgn_tf.dual.paths import fully_connected_paths
from dlgn_tf.dual.spectral import (
    built,
    eigenfunctions,
    figures,
    fourier,
    targets,
    training,
)
from dlgn_tf.dual.spectral import command as entry
from dlgn_tf.dual.spectral.experiments import sizes
from dlgn_tf.tabular import networks


def setting(family="dlgn", **options):
    small = {"frequency": 1, "width": 6, "depth": 3, "steps": 100}
    return training.Setting(family, **{**small, **options})


def spread(share):
    """A share of a setting and a seed that is not the same for each seed."""
    return lambda chosen, seed: share(chosen, seed) * (1 + 0.1 * (seed % 100))


class TestTargets:
    def test_mean_and_variance_are_those_of_the_square(self):
        found = targets.target(fourier.grid(64), 3)
        assert np.mean(found) == pytest.approx(0, abs=1e-12)
        assert np.var(found) == pytest.approx(1)

    def test_shares_of_known_answers(self, rng):
        y = rng.normal(size=50)
        assert targets.share_unexplained(y, y) == 0
        assert targets.share_unexplained(np.full(50, y.mean()), y) == 1
        half = y.mean() + (y - y.mean()) / 2
        assert targets.share_unexplained(half, y) == pytest.approx(0.25)

    @pytest.mark.parametrize("frequency", [1, 3])
    def test_rays_by_integrals_in_closed_form(self, frequency):
        """2 sin(a) cos(b) is sin(a + b) + sin(a - b), integrated with r dr."""
        angle = 2 * np.pi * (np.arange(20_000) + 0.5) / 20_000
        cos, sin = np.cos(angle), np.sin(angle)
        end = 1 / np.maximum(np.abs(cos), np.abs(sin))

        def integral(rate):
            rate = np.pi * frequency * rate
            return (
                np.sin(rate * end) / rate**2 - end * np.cos(rate * end) / rate
            )

        overlap = integral(cos + sin) + integral(cos - sin)
        # The square of it over the integral of r dr; the whole is 4.
        explained = np.mean(overlap**2 / (end**2 / 2)) * 2 * np.pi / 4
        assert targets.least_share_along_rays(frequency, 0) == pytest.approx(
            1 - explained, abs=1e-4
        )

    def test_in_proportion_is_not_better_than_any_function(self):
        for degree in (0, 1, 2):
            assert 0 < targets.least_share_along_rays(2, degree, 64, 512) < 1


class TestFourier:
    @pytest.mark.parametrize(("m", "n", "band"), [(2, -1, 2), (0, 3, 3)])
    def test_a_wave_lies_in_its_band(self, m, n, band):
        u, v = np.pi * fourier.grid(16).T
        power = fourier.band_power(0.5 + 3 * np.cos(m * u + n * v))
        expected = np.zeros(9)
        expected[0], expected[band] = 0.25, 4.5
        np.testing.assert_allclose(power, expected, atol=1e-12)

    def test_coefficients_of_a_slope_in_closed_form(self):
        """Those of u are i (-1)^m / (pi m): power 2 / (pi m)^2 in band m."""
        power = fourier.band_power(fourier.grid(512)[:, 0])
        m = np.arange(1, 6)
        np.testing.assert_allclose(power[1:6], 2 / (np.pi * m) ** 2, rtol=1e-3)

    def test_power_adds_up_to_the_mean_square(self, rng):
        values = rng.normal(size=(144, 3))
        np.testing.assert_allclose(
            fourier.band_power(values).sum(axis=0), np.mean(values**2, axis=0)
        )

    def test_what_no_plane_has(self, rng):
        at = fourier.grid(20)
        plane = 2 + at @ rng.normal(size=(2, 4))
        assert fourier.share_not_affine(plane, at) < 1e-20
        # u and u^2 - 1/3 are orthogonal, with variances 1/3 and 4/45.
        values = at[:, :1] + at[:, :1] ** 2
        share = (4 / 45) / (1 / 3 + 4 / 45)
        assert fourier.share_not_affine(values, at) == pytest.approx(
            share, rel=0.02
        )


class TestEigenfunctions:
    def test_of_a_kernel_whose_are_fourier_modes(self):
        """exp(cos a + cos b) has eigenvalues I_m(1) I_n(1)."""
        at = fourier.grid(16)
        angles = np.pi * (at[:, None] - at[None])
        kernel = np.exp(np.cos(angles).sum(axis=-1))
        leading = eigenfunctions.eigenfunctions(kernel, 9)
        # At m = n = 0, the four of (0, +-1), the four of (+-1, +-1).
        i0, i1 = special.iv([0, 1], 1.0)
        expected = np.repeat([i0**2, i0 * i1, i1**2], [1, 4, 4]) / np.e**2
        np.testing.assert_allclose(leading.values, expected, rtol=1e-6)
        np.testing.assert_allclose(
            leading.overlaps[:, :2], [[1, 0], *[[0, 1]] * 8], atol=1e-9
        )
        captured = leading.captured(targets.target(at, 1))
        assert captured[4] == pytest.approx(0, abs=1e-9)
        assert captured[8] == pytest.approx(1)
        np.testing.assert_allclose(
            np.mean(leading.functions**2, axis=0), 1, rtol=1e-6
        )

    @pytest.mark.parametrize("value_input", ["ones", "image"])
    def test_path_kernel_by_enumeration(self, rng, value_input):
        network = training.initial(
            setting(width=3, value_input=value_input), seed=0
        )
        at, others = targets.points(4, rng), targets.points(3, rng)

        def features(points):
            seen = np.ones_like(points) if value_input == "ones" else points
            weights = [np.ones((2, 3)), np.ones((3, 3)), np.ones(3)]
            gates = network.gates(points)
            return fully_connected_paths(seen, gates, weights).features

        kernel = eigenfunctions.path_kernel(network, at, others)
        # Normalised: each layer's product is over its three units.
        np.testing.assert_allclose(
            kernel, features(at) @ features(others).T / 9, rtol=1e-6
        )

    def test_regression_finds_what_the_kernel_has(self, rng):
        network = training.initial(setting(width=64), seed=0)
        train, test = targets.points(200, rng), targets.points(100, rng)
        known, asked = (network.gates(x)[0][:, 0] for x in (train, test))
        found = eigenfunctions.regression(network, train, known, test)
        assert targets.share_unexplained(found, asked) < 0.01


class TestBuilt:
    @pytest.mark.parametrize("family", built.FAMILIES)
    @pytest.mark.parametrize(("frequency", "width"), [(1, 8), (3, 20)])
    def test_share_in_closed_form(self, family, frequency, width):
        at = fourier.grid(13 * (width - 1))
        network = built.product_of_steps(frequency, width, family)
        found = targets.share_unexplained(
            network(at), targets.target(at, frequency)
        )
        expected = built.share_unexplained(frequency, width)
        assert found == pytest.approx(expected, rel=0.02)

    def test_without_biases_it_is_constant_along_rays(self, rng):
        at = targets.points(200, rng)
        for offsets, apart in ((False, False), (True, True)):
            network = built.product_of_steps(2, 12, offsets=offsets)
            difference = np.abs(network(at) - network(0.3 * at)).max()
            assert bool(difference > 1e-3) is apart


class TestTraining:
    @pytest.mark.parametrize("family", training.FAMILIES)
    @pytest.mark.parametrize("biases", training.BIASES)
    def test_biases_are_of_what_makes_the_gates(self, family, biases):
        found = training.initial(setting(family, biases=biases), seed=1)
        own = found.weights.value if family == "dnn" else found.weights.gating
        for layer in own:
            assert len(layer) == (1 if biases == "none" else 2)
            if biases != "none":
                assert bool(np.any(layer[1])) is (biases == "drawn")
        if family != "dnn":
            assert all(len(layer) == 1 for layer in found.weights.value)

    def test_the_first_step_follows_the_gradient(self):
        """Adam's first step is the rate times the gradient's sign."""
        chosen = setting(frequency=2)
        start = training.initial(chosen, seed=0)
        x = targets.points(training.ROWS, np.random.default_rng([0, 0]))
        y = targets.target(x, 2)
        # Enough of them to tell steep slopes from flat ones.
        some, of_some = x[:4000], y[:4000]

        def loss(shift):
            kernel = start.weights.value[-1][0] + shift
            value = [*start.weights.value[:-1], (kernel,)]
            moved = start._replace(
                weights=networks.Weights(start.weights.gating, value)
            )
            return np.mean((moved(some) - of_some) ** 2)

        shifts = 1e-2 * np.eye(6, dtype="float32")[..., None]
        slopes = np.array([(loss(s) - loss(-s)) / 2e-2 for s in shifts])
        steep = np.abs(slopes) > 0.5 * np.abs(slopes).max()
        trained = training.train(
            dataclasses.replace(chosen, learning_rate=1e-6), seed=0
        )
        change = trained[100].weights.value[-1][0] - start.weights.value[-1][0]
        # So small steps keep the gradient, whose sign all steps have.
        np.testing.assert_array_equal(
            np.sign(change[steep, 0]), -np.sign(slopes[steep])
        )

    def test_networks_are_kept_at_the_steps_that_are_asked_for(self):
        found = training.train(setting(steps=300), 0, (0, 100))
        assert list(found) == [0, 100, 300]
        shares = [training.held_out_share(x, 1, 0) for x in found.values()]
        assert shares[0] > shares[1] > shares[2]
        again = training.train(setting(steps=300), 0)
        assert training.held_out_share(again[300], 1, 0) == shares[2]

    def test_hard_gates_are_zero_or_one(self, rng):
        network = training.initial(setting(), seed=0)
        at = targets.points(100, rng)
        for soft, hard in zip(
            network.gates(at), network.hardened.gates(at), strict=True
        ):
            np.testing.assert_allclose(hard, soft > 0.5, atol=1e-3)

    def test_preactivations_of_linear_families_are_affine(self):
        at = fourier.grid(12)
        for family, affine in (("dgn", False), ("dlgn", True)):
            network = training.initial(setting(family), seed=0)
            q = np.concatenate(network.preactivations(at), axis=1)
            assert (fourier.share_not_affine(q, at) < 1e-10) is affine


class TestCommand:
    @pytest.fixture
    def run(self, in_this_process, tmp_path):
        def measured(experiment, *words):
            small = ("--width=6", "--depth=3", "--steps=100", "--seeds=2")
            small = () if experiment == "built" else small
            return in_this_process(
                entry,
                f"--experiment={experiment}",
                f"--output_dir={tmp_path}",
                *small,
                *words,
            )

        return measured

    def test_frequencies(self, run, tmp_path, read_table, monkeypatch):
        monkeypatch.setattr(training, "BIASES", ("drawn", "none"))
        monkeypatch.setattr(training, "FAMILIES", ("dnn", "dlgn"))
        monkeypatch.setattr(figures, "_BIASES", {"drawn": "a", "none": "b"})
        run("frequencies", "--frequencies=1")
        rows = read_table(tmp_path / "frequencies.csv")
        assert len(rows) == 2 * 2 * 2
        assert all(
            (r["with_hard_gates"] == "") == (r["family"] == "dnn") for r in rows
        )
        summary = read_table(tmp_path / "frequencies_summary.csv")
        first = [float(r["share_unexplained"]) for r in rows[:2]]
        assert float(summary[0]["mean"]) == pytest.approx(
            np.mean(first), rel=1e-3
        )
        # Half the difference of two.
        assert float(summary[0]["standard_error"]) == pytest.approx(
            abs(first[0] - first[1]) / 2, rel=0.06
        )

    def test_sizes(self, run, tmp_path, read_table, monkeypatch):
        """The setting on all axes is trained once, and stands on each."""
        trained, train = [], training.train

        def noted(chosen, seed, at):
            trained.append((chosen, seed))
            return train(chosen, seed, at)

        monkeypatch.setattr(training, "train", noted)
        monkeypatch.setattr(training, "FAMILIES", ("dnn", "dlgn"))
        monkeypatch.setattr(sizes, "DEPTHS", (2, 3))
        monkeypatch.setattr(sizes, "WIDTHS", (6,))
        monkeypatch.setattr(sizes, "BETAS", (10.0,))
        monkeypatch.setattr(sizes, "LENGTHS", (1, 2))
        run("sizes", "--frequencies=1")
        # Of each family two depths and the longer training; of the DLGN also
        # the point as values. Each twice.
        assert len(trained) == len(set(trained)) == 2 * (2 * 3 + 1)
        shares = collections.defaultdict(set)
        for row in read_table(tmp_path / "sizes.csv"):
            cell = row["axis"], row["value"]
            key = row["family"], row["seed"]
            if cell in (("depth", "3"), ("width", "6"), ("beta", "10.0")):
                shares[key].add(row["share_unexplained"])
        assert [len(found) for found in shares.values()] == [1] * 4

    def test_built(self, run, tmp_path, read_table):
        run("built", "--frequencies=2")
        for row in read_table(tmp_path / "built.csv"):
            assert float(row["share_unexplained"]) == pytest.approx(
                float(row["closed_form"]), rel=0.1
            )
            assert float(row["without_biases"]) > 0.69
        (floor,) = read_table(tmp_path / "rays.csv")
        assert float(floor["degree_0"]) == pytest.approx(0.692, abs=1e-3)


class TestClaims:
    def test_built_networks_hold(self, measure_claim):
        assert measure_claim("dlgn.27").holds

    @pytest.mark.slow
    @pytest.mark.parametrize("number", range(28, 34))
    def test_claim_holds(self, number, measure_claim):
        measurement = measure_claim(f"dlgn.{number}", scale="minutes")
        assert measurement.holds, measurement

    def test_a_wrong_staircase_is_seen(self, check_of, rng, monkeypatch):
        """Steps between the middles of intervals, and not their means."""
        monkeypatch.setattr(
            built,
            "interval_means",
            lambda edges, k: (np.sin(edges[:-1]), np.cos(edges[:-1])),
        )
        found = written_networks.measure_built(rng)
        assert check_of("dlgn.27").decide(found).holds is False

    def test_rays_of_a_network_without_training(self, rng):
        at = {}
        for biases in ("none", "drawn"):
            chosen = setting(biases=biases, width=64)
            hard = training.initial(chosen, seed=0).hardened
            at[biases] = written_networks._share_that_changes(hard, rng)
        assert at["none"] <= 0.005 and at["drawn"] > 0.9

    @pytest.mark.parametrize(
        ("share", "holds"),
        [
            (lambda s, seed: 0.01 if s.biases == "drawn" else 0.5, True),
            (lambda s, seed: 0.5, False),
            # Then the biases are not what it depends on.
            (lambda s, seed: 0.01, None),
        ],
    )
    def test_of_biases(self, share, holds, check_of, rng, monkeypatch):
        monkeypatch.setattr(spectral_networks, "share", spread(share))
        found = learned_frequencies.measure_biases(rng)
        # The control decides first: without biases must be told apart.
        assert check_of("dlgn.29").decide(found).holds is holds

    @pytest.mark.parametrize(
        ("share", "holds"),
        [
            (lambda s, seed: 1.0 / s.beta, True),
            (lambda s, seed: 0.01, None),
        ],
    )
    def test_of_steepness(self, share, holds, check_of, rng, monkeypatch):
        monkeypatch.setattr(spectral_networks, "share", spread(share))
        found = learned_frequencies.measure_steepness(rng)
        assert check_of("dlgn.30").decide(found).holds is holds

    @pytest.mark.parametrize(
        ("power", "holds"), [(1, True), (0, False), (-1, False)]
    )
    def test_of_frequencies(self, power, holds, check_of, rng, monkeypatch):
        monkeypatch.setattr(
            spectral_networks,
            "share",
            # Three seeds of one frequency do not rise.
            lambda s, seed: s.frequency**power * (1 - 0.1 * (seed % 100)),
        )
        found = learned_frequencies.measure_frequencies(rng)
        assert check_of("dlgn.31").decide(found).holds is holds

    def test_of_kernels(self, check_of, rng, monkeypatch):
        """Gates that are not trained are no better than others drawn."""
        same = {
            family: training.initial(setting(family), 0)
            for family in training.FAMILIES[1:]
        }
        monkeypatch.setattr(learned_kernels, "POINTS", 60)
        monkeypatch.setattr(
            spectral_networks, "trained", lambda s, seed: [same[s.family]] * 2
        )
        found = learned_kernels.measure_regression(rng)
        assert found["trained over untrained"]["dlgn"] == [1, 1, 1]
        assert check_of("dlgn.32").decide(found).holds is False

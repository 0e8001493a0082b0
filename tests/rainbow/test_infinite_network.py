"""Infinite networks against wide finite ones, and groups that act on them."""

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.rainbow import alignment, group_actions
from dlgn_tf.rainbow.infinite_network import (
    InfiniteNetwork,
    power_law_inputs,
    readout_error,
)
from dlgn_tf.rainbow.random_features import random_features


@pytest.fixture
def network(rng):
    return InfiniteNetwork.draw(
        rng, samples=40, dimension=8, anchors=5, depth=3
    )


class TestInfiniteNetwork:
    def test_features_have_the_kernels(self, network):
        assert network.depth == len(network.features) == 3
        for features, kernel in zip(
            network.features, network.kernels, strict=True
        ):
            np.testing.assert_allclose(
                features @ features.T, kernel, atol=1e-10
            )

    @pytest.mark.parametrize("layer", (1, 2))
    def test_layer_by_simulation(self, network, rng, layer):
        """Weights of that covariance on exact features have that kernel."""
        read = network.features[layer - 1] @ network.roots[layer - 1]
        assert np.mean(np.sum(read**2, axis=1)) == pytest.approx(1.0)
        features = random_features(read, 40_000, rng)
        np.testing.assert_allclose(
            features @ features.T, network.kernels[layer], atol=0.04
        )

    def test_a_wide_network_has_the_kernels(self, network, rng):
        """Drawn layer by layer, none of them from exact features."""
        drawn = network.finite(4000, rng)
        for own, exact in zip(drawn.features, network.kernels, strict=True):
            np.testing.assert_allclose(own @ own.T, exact, atol=0.25)
        assert max(network.kernel_errors(drawn)) < 0.02
        turned = network.finite(4000, rng, aligned=False)
        assert min(network.kernel_errors(turned)[1:]) > 0.5

    def test_more_layers_leave_the_first_as_they_are(self):
        """Layers are drawn in order, so that depth adds some."""
        shallow, deep = (
            InfiniteNetwork.draw(np.random.default_rng(3), 20, 4, 5, depth)
            for depth in (2, 4)
        )
        assert deep.depth == 4
        np.testing.assert_array_equal(shallow.kernels, deep.kernels[:2])

    def test_rank_of_the_covariances(self, network):
        for root in network.roots:
            assert np.linalg.matrix_rank(root, tol=1e-6) == 5

    @pytest.mark.parametrize(
        "weights",
        (np.ones(3), np.zeros(4), [], [1, 1, 1, -1], [1, 1, 1, np.inf]),
    )
    def test_weights_of_samples(self, rng, weights):
        inputs = rng.standard_normal((4, 2))
        with pytest.raises(
            UserError, match="Expected 4 finite weights.*Received"
        ):
            InfiniteNetwork.of(inputs, [weights])

    @pytest.mark.parametrize("options", ({"anchors": 21}, {"depth": 0}))
    def test_what_cannot_be_drawn(self, rng, options):
        with pytest.raises(UserError, match="1 to 20 anchors.*Received"):
            InfiniteNetwork.draw(rng, 20, 4, **{"anchors": 5, **options})

    def test_readout(self, network, rng):
        theta = rng.standard_normal(40)
        finite = network.finite(30, rng)
        error, bound = readout_error(network, finite, theta)
        exact, own = network.features[-1], finite.features[-1]
        turn = alignment.align(exact.T @ own).matrix
        wanted = np.mean((own @ (turn.T @ theta) - exact @ theta) ** 2)
        assert error == pytest.approx(wanted)
        assert 0 < error < bound

    def test_power_law(self, rng):
        variances = power_law_inputs(100_000, 4, rng).var(axis=0)
        np.testing.assert_allclose(
            variances, np.array([12, 6, 4, 3]) / 25, rtol=0.02
        )


class TestGroupActions:
    def test_orbits_of_shifts(self, rng):
        signals = rng.standard_normal((2, 5))
        group = group_actions.cyclic_shifts(5)
        samples, taken = group_actions.orbits(signals, group)
        assert samples.shape == (10, 5)
        for shift, indices in enumerate(taken):
            np.testing.assert_array_equal(
                samples[indices], np.roll(samples, shift, axis=1)
            )

    def test_a_group_that_is_not_commutative(self, rng):
        """Permutations of three coordinates, each sample where it belongs."""
        orders = [(0, 1, 2), (1, 0, 2), (0, 2, 1), (2, 1, 0), (1, 2, 0)]
        orders.append((2, 0, 1))
        group = np.eye(3)[orders]
        samples, taken = group_actions.orbits(
            rng.standard_normal((2, 3)), group
        )
        for element, indices in zip(group, taken, strict=True):
            np.testing.assert_allclose(samples[indices], samples @ element.T)

    def test_no_group(self, rng):
        part = group_actions.cyclic_shifts(4)[:3]
        with pytest.raises(UserError, match="closed under multiplication"):
            group_actions.orbits(rng.standard_normal((2, 4)), part)

    def test_averaged_over_shifts_is_circulant(self, rng):
        covariance = rng.standard_normal((4, 4))
        found = group_actions.averaged(
            covariance, group_actions.cyclic_shifts(4)
        )
        diagonals = [
            np.mean([covariance[k, (k + j) % 4] for k in range(4)])
            for j in range(4)
        ]
        for j, value in enumerate(diagonals):
            np.testing.assert_allclose(
                [found[k, (k + j) % 4] for k in range(4)], value
            )

    def test_errors_by_hand(self):
        """Two samples that an element swaps, of lengths 1 and 2."""
        features, swap = np.diag([1.0, 2.0]), np.array([[1, 0]])
        kernel = features @ features.T
        assert group_actions.invariance_error(kernel, swap) == 0.75
        # 2 E|phi|^2 = 5, and the cross moment has singular values 1 and 1.
        found = group_actions.equivariance_error(features, swap)
        assert found == pytest.approx((5 - 2 * 2) / 2.5)
        assert group_actions.equivariance_error(np.eye(2), swap) < 1e-12

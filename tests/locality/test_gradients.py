"""Gradients behind batch normalisation, of students, of disentangled chains."""

import numpy as np
import pytest

from dlgn_tf.locality import (
    disentangled,
    disentangled_chain,
    gradient_relations,
    matrix_form,
    projection,
)
from dlgn_tf.locality.worlds import World


class TestProjection:
    @pytest.mark.parametrize("epsilon", [0.0, 0.3])
    def test_under_any_probabilities_it_is_the_derivative(self, epsilon, rng):
        """Central differences of one column at a time."""
        F, p = rng.normal(size=(5, 2)), rng.dirichlet(np.ones(5))
        step = 1e-5
        for node, f in enumerate(F.T):
            found = projection.jacobian(f, 1.0, epsilon, p)
            for place in range(5):
                shift = np.zeros_like(F)
                shift[place, node] = step
                up, down = (
                    projection.normalised(F + sign * shift, p, epsilon)
                    for sign in (1, -1)
                )
                slope = (up - down)[:, node] / (2 * step)
                np.testing.assert_allclose(found[:, place], slope, atol=1e-8)

    def test_gradients_with_the_prior_in_come_back_by_the_transpose(self, rng):
        F, G = rng.normal(size=(2, 6, 3))
        p = rng.dirichlet(np.ones(6))
        found = projection.backward(F, G, p, 0.2)
        for f, g, back in zip(F.T, G.T, found.T, strict=True):
            J = projection.jacobian(f, 1.0, 0.2, p)
            np.testing.assert_allclose(back, J.T @ g, atol=1e-14)
        np.testing.assert_allclose(found.sum(axis=0), 0, atol=1e-14)


def test_event_statistics_are_those_of_the_inputs(rng):
    """Where events tell all, normalised nodes have mean 0 and variance 1."""
    world = World.draw("tree", rng)
    made = matrix_form.run(
        world.network, world.teacher, world.targets, epsilon=0.0
    )
    codes, p = world.teacher.events[1][:, 2], world.teacher.probabilities
    # A ReLU with shift b leaves b where the normalised sum is positive enough.
    bias = world.network.bias(1, 2)
    pairs = np.eye(2)[world.pixels[:, 4:6]].reshape(len(p), -1)
    sums = pairs @ world.network.weights[0][2][:-1]
    mean = p @ sums
    normal = (sums - mean) / np.sqrt(p @ (sums - mean) ** 2)
    np.testing.assert_allclose(
        made.F[1][2][codes], np.maximum(normal + bias, 0), atol=1e-12
    )


class TestRelations:
    def test_one_hidden_layer_by_hand(self):
        """beta* = V V*^T, and biases come as a node that is 1."""
        student = [
            (np.array([[1.0, -1.0]]), np.array([0.0, 0.5])),
            (np.array([[2.0], [3.0]]), np.array([0.25])),
        ]
        teacher = [
            (np.array([[4.0]]), np.array([1.0])),
            (np.array([[5.0]]), np.array([0.5])),
        ]
        x = np.array([[2.0], [-1.0]])
        [beta] = gradient_relations.relations(student, teacher, x)
        expected = np.array([[10.0, 1.0], [15.0, 1.5], [1.25, 0.125]])
        np.testing.assert_allclose(beta, [expected, expected])
        # y* - y: 45.5 - 4.25 at 2 and 0.5 - 4.75 at -1, times V and the gate.
        [g] = gradient_relations.gradients(student, teacher, x)
        np.testing.assert_allclose(g, [[82.5, 0.0], [0.0, -12.75]])

    def test_averages_are_exact_where_gates_never_move(self, rng):
        """Positive weights and inputs: every node is always on."""
        shapes = (3, 4), (4, 4), (4, 5), (5, 2)
        student, teacher = (
            [(rng.uniform(size=s), rng.uniform(size=s[1])) for s in shapes]
            for _ in range(2)
        )
        inputs = rng.uniform(size=(6, 3))
        exact, averaged = (
            gradient_relations.relations(student, teacher, inputs, kind)
            for kind in (False, True)
        )
        assert len(exact) == 3
        for beta, mean in zip(exact, averaged, strict=True):
            np.testing.assert_allclose(beta[4], mean)


class TestChain:
    def test_received_gradient_of_single_factors_is_the_product(self, rng):
        """w_kj (P_j^T g_j) x marginals of the other factors."""
        chain, (W, _) = disentangled_chain.draw(
            ((1,), (0,)), ((0,), (1,)), 2, rng
        )
        columns = rng.normal(size=(2, 2))
        G = disentangled.weighted_gradient(chain.marginals, columns, True)
        centred = columns - columns.mean(axis=1, keepdims=True)
        found = chain.tables[0].T @ G @ W.T
        first, second = chain.upper.blocks
        expected = np.kron(
            second.T @ chain.marginals[1], W[1, 0] * first.T @ centred[0]
        )
        np.testing.assert_allclose(found[:, 1], expected, atol=1e-15)

    def test_distance_is_that_of_what_was_added(self, rng):
        p, g = rng.dirichlet(np.ones(2), 2), rng.normal(size=(2, 2))
        G = disentangled.weighted_gradient(p, g, centred=False)
        assert disentangled_chain.gradient_error(G, p) < 1e-15
        # Sums to 0 over both factors, so no marginal sees it.
        extra = np.array([1.0, -1.0, -1.0, 1.0])
        G[:, 0] += extra
        expected = 2 / np.linalg.norm(G[:, 0])
        found = disentangled_chain.gradient_error(G, p)
        assert found == pytest.approx(expected)

    def test_updates_are_the_derivative_of_the_loss(self, rng):
        """Central differences through both normalisations and ReLUs."""
        chain, weights = disentangled_chain.draw(
            ((0,), (1, 2)), ((0,), (1,), (2,)), 3, rng
        )

        def loss(*weights):
            made = disentangled_chain.passes(chain, weights).F[0]
            return chain.priors[0] @ ((chain.targets - made) ** 2).sum(1) / 2

        found = disentangled_chain.passes(chain, weights).updates
        for edge, update in enumerate(found):
            for place in np.ndindex(update.shape):
                ends = []
                for sign in (1, -1):
                    moved = [W.copy() for W in weights]
                    moved[edge][place] += sign * 1e-6
                    ends.append(loss(*moved))
                slope = (ends[0] - ends[1]) / 2e-6
                assert update[place] == pytest.approx(-slope, abs=1e-7)

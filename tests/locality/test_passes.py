"""Passes, marginal gradients, matrix form and balances, against TensorFlow."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf.errors import UserError
from dlgn_tf.locality import (
    conditions,
    energy_balance,
    energy_descent,
    marginal_gradients,
    matrix_form,
    teachers,
)
from dlgn_tf.locality.receptive_fields import ReceptiveFields
from dlgn_tf.locality.worlds import GRAPHS, World


@pytest.fixture(params=list(GRAPHS))
def world(request, rng):
    return World.draw(request.param, rng)


def taped(world, linear_top=True):
    """d loss / d pre-activation and d loss / d weights by autodiff."""
    fields = world.network.fields
    weights = [tf.Variable(w) for w in world.network.weights]
    h, raw = tf.constant(world.teacher.one_hot_leaves()), []
    with tf.GradientTape() as tape:
        for level, (children, w) in enumerate(
            zip(fields.children, weights, strict=True), start=1
        ):
            regions = [
                tf.concat(
                    [tf.reshape(tf.gather(h, row, axis=1), (len(h), -1)),
                     tf.ones((len(h), 1), h.dtype)],
                    axis=1,
                )
                @ w[r]
                for r, row in enumerate(children)
            ]  # fmt: skip
            raw.append(tf.stack(regions, axis=1))
            top = level == fields.depth and linear_top
            h = raw[-1] if top else tf.nn.relu(raw[-1])
        errors = tf.reduce_sum((world.targets - h[:, 0]) ** 2, axis=1)
        loss = tf.reduce_sum(errors * world.teacher.probabilities) / 2
    by_raw, by_weights = tape.gradient(loss, [raw, weights])
    return [x.numpy() for x in by_raw], [x.numpy() for x in by_weights]


@pytest.mark.parametrize("linear_top", [True, False])
def test_passes_equal_autodiff(world, linear_top):
    network = dataclasses.replace(world.network, linear_top=linear_top)
    world = dataclasses.replace(world, network=network)
    found = world.passes()
    by_raw, by_weights = taped(world, linear_top)
    p = world.teacher.probabilities[:, None, None]
    for level in (1, 2, 3):
        np.testing.assert_allclose(
            -p * found.g[level], by_raw[level - 1], atol=1e-13
        )
        np.testing.assert_allclose(
            -found.updates[level - 1], by_weights[level - 1], atol=1e-13
        )


def test_conditional_mean(rng):
    values, groups = rng.normal(size=(50, 2, 3)), rng.integers(4, size=50) + 7
    p = rng.dirichlet(np.ones(50))
    found = marginal_gradients.conditional_mean(values, groups, p)
    for x in range(50):
        inside = groups == groups[x]
        expected = np.average(values[inside], axis=0, weights=p[inside])
        np.testing.assert_allclose(found[x], expected)


def test_matrix_form_on_samples_is_back_propagation_on_them(world, rng):
    """A minibatch is an estimate of P_ab: events that it lacks have no say."""
    drawn = rng.choice(256, 60, p=world.teacher.probabilities)
    sampled = dataclasses.replace(
        world,
        teacher=teachers.from_samples(world.teacher, drawn),
        targets=world.targets[drawn],
    )
    _, by_weights = taped(sampled)
    found = matrix_form.run(world.network, sampled.teacher, sampled.targets)
    for update, expected in zip(found.updates, by_weights, strict=True):
        scale = np.abs(expected).max()
        np.testing.assert_allclose(-update, expected, atol=1e-10 * scale)


def test_matrix_form_of_a_lossy_teacher_is_theorem_2(world, rng):
    """Event by event, the gradient conditioned on the child's event."""
    teacher = world.teacher
    for level, codes in ((1, 2), (2, 4), (3, 3)):
        order = teachers.random_order(teacher, level, rng)
        teacher = teachers.coarsened(teacher, level, codes, order)
    f, g, updates = conditional_passes(world, teacher)
    found = matrix_form.run(world.network, teacher, world.targets)
    for level in (1, 2, 3):
        np.testing.assert_allclose(found.F[level], f[level], atol=1e-13)
        prior = [
            teacher.prior(level, r)
            for r in range(teacher.fields.regions[level])
        ]
        weighted = np.array(prior)[:, :, None] * np.array(g[level])
        np.testing.assert_allclose(found.G[level], weighted, atol=1e-13)
        np.testing.assert_allclose(
            found.updates[level - 1], updates[level - 1], atol=1e-13
        )


def conditional_passes(world, teacher):
    """Theorem 2 by means over inputs, without tables or priors.

    f_j(z_a) = f'_j sum w E[f_k(z_b) | z_a], g_k(z_b) = f'_k sum w E[g_j(z_a) |
    z_b] and Dw = E[g_j(z_a) E[f_k(z_b) | z_a]].
    """
    fields, p, depth = teacher.fields, teacher.probabilities, 3

    def mean(values, z, count):
        return np.array(
            [
                np.average(values[z == a], axis=0, weights=p[z == a])
                for a in range(count)
            ]
        )

    f, gates = [[np.eye(2)] * fields.leaves], [None]
    expected = {}
    for level in (1, 2, 3):
        rows = []
        for region, children in enumerate(fields.children[level - 1]):
            z_a, raw = teacher.events[level][:, region], 0
            for place, child in enumerate(children):
                below = f[-1][child][teacher.events[level - 1][:, child]]
                told = mean(below, z_a, teacher.counts[level])
                expected[level, region, place] = told
                raw += told @ world.network.block(level, region, place)
            rows.append(raw + world.network.bias(level, region))
        gates.append([(r > 0) | (level == depth) for r in rows])
        f.append([d * r for d, r in zip(gates[-1], rows, strict=True)])
    wanted = mean(world.targets, teacher.labels, teacher.counts[depth])
    g = [None, None, None, [wanted - f[depth][0]]]
    updates = [np.zeros_like(w) for w in world.network.weights]
    for level in (3, 2, 1):
        raw = [0] * fields.regions[level - 1]
        for region, place, child in fields.edges(level):
            z_a = teacher.events[level][:, region]
            z_b = teacher.events[level - 1][:, child]
            g_x = g[level][region][z_a]
            block = world.network.block(level, region, place)
            back = mean(g_x, z_b, teacher.counts[level - 1])
            raw[child] = raw[child] + back @ block.T
            n, update = len(block), updates[level - 1][region]
            f_x = expected[level, region, place][z_a]
            update[place * n : (place + 1) * n] = f_x.T @ (p[:, None] * g_x)
            update[-1] = p @ g_x
        if level > 1:
            pairs = zip(gates[level - 1], raw, strict=True)
            g[level - 1] = [d * r for d, r in pairs]
    return f, g, updates


def test_relative_gap():
    a, b = (
        [np.array([3.0]), np.array([[4.0]])],
        [np.zeros(1), np.array([[5.0]])],
    )
    assert matrix_form.relative_gap(a, b) == pytest.approx(np.sqrt(10) / 5)


def test_an_unbalanced_energy_is_seen(world):
    found = world.passes()
    found.updates[1][0, 0, 0] += 1e-3
    incoming, outgoing = energy_balance.balance_errors(
        world.network, found, world.teacher.probabilities
    )
    assert min(incoming, outgoing) > 1e-5


def test_energy_moves_by_twice_the_product(rng):
    """d/dt |w|^2 = 2 E[f g], up to the square of a small step."""
    history = energy_descent.descend(rng, False, steps=3, rate=1e-6)
    moved = np.diff(history.energies, axis=0) / 1e-6
    np.testing.assert_allclose(
        moved, 2 * history.products, rtol=1e-3, atol=1e-5
    )


class TestConditions:
    def test_delta_regime_violates_none(self, world):
        found = conditions.violations(
            world.teacher, world.passes(), world.pixels
        )
        assert max(found.values()) < 1e-12

    def test_a_graph_of_one_level_is_refused(self, world, rng):
        teacher = teachers.content_teacher(ReceptiveFields.tree(1), rng)
        pixels = teachers.all_inputs(2)
        with pytest.raises(UserError, match="two levels.*Received: 1"):
            conditions.violations(teacher, world.passes(), pixels)

    def test_lossy_teachers_violate_all(self, world, rng):
        teacher = world.teacher
        for level in (1, 2, 3):
            order = teachers.random_order(teacher, level, rng)
            teacher = teachers.coarsened(teacher, level, 2, order)
        found = conditions.violations(teacher, world.passes(), world.pixels)
        assert set(found) == {
            "focus",
            "broadness",
            "gradient_and_gate",
            "activation_and_gate",
            "activation_and_gradient",
        }
        assert min(found.values()) > 1e-2

    def test_total_variation(self):
        # P(v = 1 | coarse 0) = 1/2; given the fine group 0 or 1 it is certain.
        values, fine = np.array([0, 1, 1, 1]), np.array([0, 1, 2, 2])
        coarse = np.array([0, 0, 1, 1])
        p = np.full(4, 1 / 4)
        assert conditions.total_variation(
            values, fine, coarse, p
        ) == pytest.approx(1 / 4)
        assert conditions.total_variation(values, fine, fine, p) == 0

    def test_correlations(self, rng):
        a, b = rng.normal(size=(2, 400, 3))
        b = a + b
        groups, p = np.arange(400) % 2, np.full(400, 1 / 400)
        parts = [
            np.corrcoef(a[groups == g].T, b[groups == g].T)[:3, 3:]
            for g in (0, 1)
        ]
        own = np.sqrt(np.mean([np.diag(x) ** 2 for x in parts]))
        every = np.sqrt(np.mean(np.square(parts)))
        assert conditions.correlation(a, b, groups, p) == pytest.approx(own)
        found = conditions.correlation(a, b, groups, p, crossed=True)
        assert found == pytest.approx(every)
        constant = np.ones_like(b)
        assert conditions.correlation(a, constant, groups, p) == 0

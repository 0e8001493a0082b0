"""Constructions and disentangled factors, on cases that are known."""

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.locality import constructions, disentangled, teachers


class TestVertices:
    @pytest.mark.parametrize(
        "rows,expected",
        [
            # A square with its middle, a point on an edge and twins, one point.
            ([[0, 0], [0, 1], [1, 0], [1, 1], [0.5, 0.5]], [1, 1, 1, 1, 0]),
            ([[0.0], [1.0], [0.3], [1.0]], [1, 0, 0, 0]),
            ([[1.0, 1.0, 1.0]], [1]),
        ],
    )
    def test_points(self, rows, expected):
        assert constructions.vertices(np.array(rows)).tolist() == expected

    def test_no_matrix(self):
        with pytest.raises(UserError, match=r"matrix.*Received: shape \(3,\)"):
            constructions.vertices(np.ones(3))


@pytest.mark.parametrize("rows", [4, 9, 32])
def test_circle(rows):
    P, W, b = constructions.circle(rows)
    np.testing.assert_allclose(P.sum(axis=1), 1)
    assert P.min() > 0
    np.testing.assert_allclose(
        np.linalg.norm(P - 1 / 3, axis=1), constructions.CIRCLE_RADIUS
    )
    np.testing.assert_allclose(
        np.maximum(P @ W + b, 0), np.eye(rows), atol=1e-12
    )


@pytest.mark.parametrize("events", [3, 5])
def test_sphere(events, rng):
    P, W, b = constructions.sphere(8, events, rng)
    np.testing.assert_allclose(P.sum(axis=1), 1)
    assert P.min() > 0 and constructions.vertices(P).all()
    np.testing.assert_allclose(np.maximum(P @ W + b, 0), np.eye(8), atol=1e-9)


@pytest.mark.parametrize("nodes", [2, 6])
def test_generic_layers_are_of_full_rank_and_not_negative(nodes, rng):
    F = constructions.generic_layer(4, nodes, rng)
    assert F.shape == (4, nodes) and F.min() >= 0
    assert np.linalg.matrix_rank(F) == min(4, nodes)


def test_affine_loss_of_independent_rows_is_zero(rng):
    rows = rng.normal(size=(5, 4))
    assert constructions.affine_loss(rows) == pytest.approx(0, abs=1e-12)
    assert constructions.affine_loss(rows[:, :2]) == pytest.approx(2)


class TestTraining:
    def test_networks_are_trained_apart(self):
        """A network that has others at its side ends as if it were alone."""
        from dlgn_tf.locality import trained_construction as trained

        pair = trained._initial((4, 16, 4), 2, np.random.default_rng(5), 0.01)
        alone = [start[1:] for start in pair]
        found = []
        for starts, seeds in ((pair, 2), (alone, 1)):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(
                    trained, "_initial", lambda *_, starts=starts: starts
                )
                found.append(
                    trained.trained_outputs(2, True, seeds, None, steps=40)
                )
        np.testing.assert_allclose(found[0][1], found[1][0], atol=1e-4)
        assert np.abs(found[0][0] - found[0][1]).max() > 1e-2


SETS = ((0, 2), (3,))


@pytest.fixture
def table(rng):
    return disentangled.FactorisedTable.draw(SETS, 4, rng)


class TestDisentangled:
    def test_table_is_the_product(self, table):
        matrix = table.matrix()
        above = teachers.all_inputs(2)
        below = teachers.all_inputs(4)
        for a, of_a in enumerate(above):
            for b, of_b in enumerate(below):
                first = table.blocks[0][of_a[0], 2 * of_b[0] + of_b[2]]
                second = table.blocks[1][of_a[1], of_b[3]]
                expected = first * second * table.rest[of_b[1]]
                assert matrix[a, b] == pytest.approx(expected)
        np.testing.assert_allclose(matrix.sum(axis=1), 1)

    def test_mask(self, table, rng):
        expected = np.array([[1, 0], [0, 0], [1, 0], [0, 1]], bool)
        np.testing.assert_array_equal(table.mask(), expected)
        weights = table.separable_weights(rng)
        np.testing.assert_array_equal(weights != 0, expected)

    def test_tensor_products(self, rng):
        f = rng.normal(size=(3, 2))
        ones = np.ones(2)
        F = disentangled.disentangled(f)
        np.testing.assert_allclose(F[:, 1], np.kron(ones, np.kron(f[1], ones)))
        np.testing.assert_allclose(F[:, 2], np.kron(np.kron(ones, ones), f[2]))
        assert disentangled.disentanglement_error(F) < 1e-15
        F[5, 1] += 0.4
        assert disentangled.disentanglement_error(F) == pytest.approx(0.3)

    def test_forward_column_is_the_block_formula(self, table, rng):
        """Theorem 8: column j = 1 x .. relu(P_S sum_k w f_k) .. x 1."""
        f, W = rng.normal(size=(4, 2)), table.separable_weights(rng)
        F = disentangled.disentangled(f)
        found = disentangled.forward(table.matrix(), F, W, relu=True)
        inside = W[0, 0] * f[0][:, None] + W[2, 0] * f[2][None]
        first = table.blocks[0] @ inside.reshape(-1)
        second = table.blocks[1] @ (W[3, 1] * f[3])
        ones = np.ones(2)
        np.testing.assert_allclose(
            found[:, 0], np.kron(np.maximum(first, 0), ones), atol=1e-14
        )
        np.testing.assert_allclose(
            found[:, 1], np.kron(ones, np.maximum(second, 0)), atol=1e-14
        )

    def test_one_weight_outside_adds_what_its_factor_says(self, table, rng):
        """(P_S f_k) of another factor: 0 if k is in no set."""
        f, W = rng.normal(size=(4, 2)), table.separable_weights(rng)
        F, P = disentangled.disentangled(f), table.matrix()
        blocks = table.blocks[0].reshape(2, 2, 2)
        told = {
            (0, 1): blocks.sum(axis=2) @ f[0],
            (2, 1): blocks.sum(axis=1) @ f[2],
            (3, 0): table.blocks[1] @ f[3],
            (1, 0): np.zeros(2),
            (1, 1): np.zeros(2),
        }
        assert set(told) == {tuple(x) for x in np.argwhere(~table.mask())}
        for place, values in told.items():
            leaking = W.copy()
            leaking[place] = 1.7
            found = disentangled.disentanglement_error(
                disentangled.forward(P, F, leaking, relu=False)
            )
            expected = 1.7 * np.ptp(values) / 2
            assert found == pytest.approx(expected, abs=1e-14)

    def test_settings_start_alive(self):
        """No node is shut for every event: nothing would be trained."""
        for seed in range(40):
            table, _, F, _, W = disentangled.draw_setting(
                SETS, 4, np.random.default_rng(seed)
            )
            assert ((table.matrix() @ F @ W) > 0).any(axis=0).all()
            assert not W[~table.mask()].any()

    def test_update_outside_is_the_product_of_theorem_9(self, table, rng):
        """(p_i^T P_S f_k) (1^T g_j) for k in S_i, i != j."""
        f, p = rng.normal(size=(4, 2)), rng.dirichlet(np.ones(2), 2)
        g = rng.normal(size=(2, 2))
        G = disentangled.weighted_gradient(p, g, centred=False)
        F = disentangled.disentangled(f)
        found = disentangled.update(table.matrix(), F, G)
        mean = p[1] @ table.blocks[1] @ f[3]
        assert found[3, 0] == pytest.approx(mean * g[0].sum())
        centred = disentangled.weighted_gradient(p, g, centred=True)
        found = disentangled.update(table.matrix(), F, centred)
        assert np.abs(found[~table.mask()]).max() < 1e-15

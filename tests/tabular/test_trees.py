"""Oblique-tree labels by walking down, half-spaces by hand, attraction."""

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.tabular import networks
from dlgn_tf.tabular.networks import Form
from dlgn_tf.tabular.trees import attraction, data, half_spaces, published
from dlgn_tf.tabular.trees.half_spaces import HalfSpaces


def test_numbers_are_the_published_ones():
    """All normals first, then all points, each scaled to unit length."""
    task = data.draw(3, 5, 40)
    generator = np.random.RandomState(365)
    w = [generator.randn(5) for _ in range(7)]
    x = [generator.randn(5) for _ in range(40)]
    for rows, found in ((w, task.tree.normals), (x, task.x)):
        np.testing.assert_allclose(
            [row / np.sqrt(row @ row) for row in rows], found
        )
    for point, label in zip(x, task.labels, strict=True):
        node = 0
        while node < 7:
            node = 2 * node + (2 if w[node] @ point > 0 else 1)
        assert label == (node - 7) % 2
    counts = task.tree.counts(task.x)
    assert counts[0] == 40 == counts[3:].sum()
    assert [len(x) for x, _ in task.parts()] == [20, 10, 10]
    assert task.tree.depth == 3


def test_offsets_move_the_borders():
    tree = data.LabelTree(np.eye(3), np.array([0.5, 0, 0]))
    x = np.array([[0.4, 1, 0], [0.6, 1, 0], [0.6, 0, 1]])
    np.testing.assert_array_equal(tree.labels(x), [1, 0, 1])


@pytest.mark.parametrize("mistake", [{"depth": 0}, {"points": 1}, {"seed": -1}])
def test_no_such_task(mistake):
    with pytest.raises(UserError, match="Expected.*Received"):
        data.draw(**mistake)


@pytest.mark.parametrize("family", ["dlgn", "dlgn_sf"])
def test_half_spaces_are_the_gates(family, rng):
    form = Form(family, 4, (3, 2), biases=True)
    weights = networks.initial(form, 0, "float64")
    spaces = half_spaces.half_spaces(form, weights)
    assert spaces.layers.tolist() == [0, 0, 0, 1, 1]
    x = rng.standard_normal((30, 4))
    gates = np.concatenate(networks.gates(form, weights.gating, x), axis=1)
    np.testing.assert_array_equal(
        gates > 0.5, x @ spaces.normals.T + spaces.offsets > 0
    )
    with pytest.raises(UserError, match="half-spaces"):
        form = Form("dgn", 4, (3, 2))
        half_spaces.half_spaces(form, networks.initial(form, 0))


def test_angles_have_no_sign():
    true = np.array([[1.0, 0], [0, 2]])
    normals = np.array([[-3.0, 0], [1, 1]])
    np.testing.assert_allclose(
        half_spaces.angles(true, normals), [[0, 45], [90, 45]], atol=1e-5
    )
    spaces = HalfSpaces(normals, np.zeros(2), np.array([0, 1]))
    np.testing.assert_array_equal(half_spaces.shares_near(true, spaces), [1, 0])
    by_epoch = attraction.angles_by_epoch(true, {5: spaces})
    np.testing.assert_allclose(by_epoch[5], [0, 45], atol=1e-5)
    by_epoch = {1: np.array([30, 25]), 2: np.array([10, 25])}
    np.testing.assert_array_equal(
        attraction.first_epochs(by_epoch), [2, np.inf]
    )


def test_half_spaces_of_a_small_tree_are_found():
    """Which permuted labels do not do."""
    task = data.draw(2, 4, 2000, seed=1)
    setting = published.Published(10, 0.02, (8, 8), 0)
    found, control = (
        published.train(task, "dlgn_sf", setting, 0, 60, (3,), permuted)
        for permuted in (False, True)
    )
    assert found.accuracy > 0.95 and control.accuracy < 0.7
    assert {0, 3, 60} <= {*found.watched}
    by_epoch = attraction.angles_by_epoch(task.tree.normals, found.watched)
    assert max(by_epoch[60]) < 8 < min(by_epoch[0])
    np.testing.assert_allclose(
        by_epoch[0],
        attraction.angles_by_epoch(task.tree.normals, control.watched)[0],
    )


def test_half_spaces_that_share_a_hyperplane_are_found(rng):
    """Planted ones, whose sides and lengths differ, and one apart by offset."""
    planted = np.array([[1.0, 0, 0], [0, 1, 0], [1, 0, 0]])
    offsets = np.array([0.0, 0, 2])
    of_plane = np.array([0, 0, 0, 1, 1, 2])
    signs = np.array([1, -1, 3, -2, 1, 1.0])
    normals = signs[:, None] * (
        planted[of_plane] + 0.02 * rng.standard_normal((6, 3))
    )
    spaces = HalfSpaces(
        normals, signs * offsets[of_plane], np.array([0, 0, 1, 1, 2, 2])
    )
    found = half_spaces.clusters(spaces)
    assert [sorted(c.members) for c in found] == [[0, 1, 2], [3, 4], [5]]
    for cluster, normal, offset in zip(found, planted, offsets, strict=True):
        assert np.abs(cluster.normal @ normal) > 0.995
        assert abs(cluster.offset) == pytest.approx(offset, abs=0.1)
        assert np.linalg.norm(cluster.normal) == pytest.approx(1)
    alone = HalfSpaces(normals[:1], offsets[:1], np.zeros(1, int))
    assert len(half_spaces.clusters(alone)) == 1

"""Graphs and teachers against enumeration by loops."""

import itertools

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.locality import matrix_form, spurious, teachers
from dlgn_tf.locality.latent_tree import LatentTree
from dlgn_tf.locality.passes import LocalNetwork
from dlgn_tf.locality.receptive_fields import ReceptiveFields
from dlgn_tf.locality.worlds import GRAPHS

OVERLAPPING = GRAPHS["overlapping"]


class TestReceptiveFields:
    def test_tree(self):
        tree = ReceptiveFields.tree(3)
        assert tree.regions == (8, 4, 2, 1)
        assert tree.leaves_of(2, 1) == (4, 5, 6, 7)
        assert list(tree.edges(3)) == [(0, 0, 0), (0, 1, 1)]

    def test_overlapping(self):
        assert OVERLAPPING.regions == (8, 4, 3, 1)
        assert OVERLAPPING.leaves_of(2, 1) == (2, 3, 4, 5)
        assert OVERLAPPING.leaves_of(3, 0) == tuple(range(8))

    @pytest.mark.parametrize(
        "windows",
        [[(3, 3)], [(2, 3)], [(9, 1)], [(2, 2)], [(2, 0), (2, 2)]],
    )
    def test_refusals(self, windows):
        with pytest.raises(UserError, match="Expected.*Received"):
            ReceptiveFields.windows(8, windows)


def brute_force(teacher, level, region, child):
    """P(z_beta | z_alpha), input by input."""
    joint = np.zeros((teacher.counts[level], teacher.counts[level - 1]))
    for x, p in enumerate(teacher.probabilities):
        z_b = teacher.events[level - 1][x, child]
        joint[teacher.events[level][x, region], z_b] += p
    return joint / joint.sum(axis=1, keepdims=True)


class TestTeachers:
    @pytest.mark.parametrize("fields", GRAPHS.values(), ids=GRAPHS)
    def test_conditionals(self, rng, fields):
        teacher = teachers.content_teacher(fields, rng)
        order = teachers.random_order(teacher, 2, rng)
        teacher = teachers.coarsened(teacher, 2, 4, order)
        for level in (1, 2, 3):
            for region, _, child in fields.edges(level):
                found = teacher.conditional(level, region, child)
                np.testing.assert_allclose(
                    found,
                    brute_force(teacher, level, region, child),
                    atol=1e-14,
                )
                # Folding the prior in makes it the joint of either side.
                prior = teacher.prior(level, region)[:, None]
                joint = teacher.joint(level, region, child)
                np.testing.assert_allclose(prior * found, joint, atol=1e-15)
                np.testing.assert_allclose(
                    joint.sum(axis=0), teacher.prior(level - 1, child)
                )

    def test_content_tells_all(self):
        pixels = teachers.all_inputs(8)
        events, counts = teachers.content(OVERLAPPING, pixels)
        assert counts == (2, 4, 16, 256)
        for x in (0, 77, 255):
            for region in range(3):
                inside = pixels[x, list(OVERLAPPING.leaves_of(2, region))]
                code = int("".join(map(str, inside)), 2)
                assert events[2][x, region] == code

    def test_codes_are_nested(self, rng):
        teacher = teachers.content_teacher(ReceptiveFields.tree(3), rng)
        order = teachers.random_order(teacher, 2, rng)
        coarse, fine = (
            teachers.coarsened(teacher, 2, codes, order) for codes in (4, 8)
        )
        for of_fine, of_coarse in zip(
            fine.events[2].T, coarse.events[2].T, strict=True
        ):
            pairs = set(zip(of_fine, of_coarse, strict=True))
            assert len(pairs) == len(set(of_fine)) == 8

    def test_more_codes_than_events_are_refused(self, rng):
        teacher = teachers.content_teacher(ReceptiveFields.tree(3), rng)
        order = teachers.random_order(teacher, 1, rng)
        with pytest.raises(UserError, match="1 to 4 codes.*codes=8"):
            teachers.coarsened(teacher, 1, 8, order)

    @pytest.mark.parametrize("events", [2, 4])
    def test_lookup_events_follow_from_children(self, rng, events):
        fields, pixels = ReceptiveFields.tree(3), teachers.all_inputs(8)
        teacher = teachers.lookup_teacher(fields, events, rng, pixels)
        for level in (1, 2, 3):
            for region, children in enumerate(fields.children[level - 1]):
                table = {}
                for x in range(256):
                    key = tuple(teacher.events[level - 1][x, children])
                    z = teacher.events[level][x, region]
                    assert table.setdefault(key, z) == z
                assert set(table.values()) == set(range(events))

    def test_samples_estimate_the_tables(self, rng):
        teacher = teachers.content_teacher(ReceptiveFields.tree(3), rng)
        drawn = rng.choice(256, 200_000, p=teacher.probabilities)
        estimate = teachers.from_samples(teacher, drawn)
        np.testing.assert_allclose(
            estimate.joint(2, 1, 2), teacher.joint(2, 1, 2), atol=5e-3
        )


def tree_probabilities(tree):
    """P(root, leaves) of a tree of depth 2, latent by latent."""
    tables = {
        (level, k): tree.transition(level, k)
        for level in (1, 2)
        for k in range(2**level)
    }
    found = np.zeros((2,) * 5)
    for root, a, b, *leaves in itertools.product((0, 1), repeat=7):
        p = tables[1, 0][root, a] * tables[1, 1][root, b] / 2
        for k, leaf in enumerate(leaves):
            p *= tables[2, k][(a, a, b, b)[k], leaf]
        found[(root, *leaves)] += p
    return found


class TestLatentTree:
    def test_posterior(self, rng):
        tree = LatentTree.draw(2, rng, least=0.3)
        joint = tree_probabilities(tree)
        expected = (joint / joint.sum(axis=0)).reshape(2, -1).T
        leaves = teachers.all_inputs(4)
        np.testing.assert_allclose(tree.root_posterior(leaves), expected)

    def test_samples(self, rng):
        tree = LatentTree.draw(2, rng, least=0.3)
        sampled = tree.sample(200_000, rng)
        assert sampled.fields.regions == (4, 2, 1)
        for level in (1, 2):
            for region, _, child in sampled.fields.edges(3 - level):
                np.testing.assert_allclose(
                    sampled.conditional(3 - level, region, child),
                    tree.transition(level, child),
                    atol=0.01,
                )
        joint = tree_probabilities(tree)
        best = joint.max(axis=0).sum()
        assert tree.best_accuracy(sampled) == pytest.approx(best, abs=0.005)

    def test_strengths(self, rng):
        tree = LatentTree.draw(6, rng)
        sizes = np.concatenate([np.abs(d) for d in tree.strengths])
        signs = np.concatenate([np.sign(d) for d in tree.strengths])
        assert 0.8 <= sizes.min() < sizes.max() <= 1
        assert set(signs) == {-1, 1}


class TestSpurious:
    def test_differences_are_counted(self, rng):
        teacher = spurious.sample(30, rng)
        leaves, labels = teacher.events[0], teacher.labels
        assert labels.sum() == 15
        expected = leaves[labels == 1].mean(0) - leaves[labels == 0].mean(0)
        found = spurious.differences(teacher)
        np.testing.assert_allclose(found, expected, atol=1e-15)

    def test_permuted_labels_keep_the_leaves(self, rng):
        teacher = spurious.sample(400, rng)
        other = spurious.permuted(teacher, rng)
        np.testing.assert_array_equal(other.events[0], teacher.events[0])
        assert other.labels.sum() == 200
        assert abs(spurious.differences(other)[0]) < 0.3
        assert spurious.differences(teacher)[0] > 0.4

    def test_descent_in_the_matrix_form_ends_at_the_fit(self, rng):
        teacher = spurious.sample(40, rng)
        targets = np.eye(2)[teacher.labels]
        weights = np.zeros((1, 17, 2))
        for _ in range(400):
            network = LocalNetwork(teacher.fields, (weights,))
            made = matrix_form.run(network, teacher, targets)
            # Biases stay 0.
            weights = weights + 0.4 * made.updates[0]
            weights[:, -1] = 0
        lead = (weights[0, :-1, 1] - weights[0, :-1, 0]).reshape(8, 2)
        found = spurious.fit(teacher, rng)
        expected = lead[:, 1] - lead[:, 0]
        np.testing.assert_allclose(found.contrasts, expected, atol=1e-6)
        d = spurious.differences(teacher)
        assert np.corrcoef(found.contrasts, d)[0, 1] > 0.999
        assert found.loss < 1e-20
        right = np.mean(
            (lead[np.arange(8), teacher.events[0]].sum(1) > 0) == teacher.labels
        )
        assert found.accuracy == pytest.approx(right)

"""Enumeration of paths, against forward passes and counting."""

import numpy as np
import pytest

from dlgn_tf.dual import paths
from dlgn_tf.errors import UserError


def test_output_is_features_times_values(tiny):
    found = tiny.enumerated().output()
    expected = tiny.forward(tiny.weights)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)
    assert np.std(expected) > 1e-3


def ones(*shapes):
    return [np.ones((1, *shape)) for shape in shapes]


def test_paths_of_a_bundle_share_their_weights(rng, tiny):
    found = tiny.enumerated()
    np.testing.assert_array_equal(found.values[found.bundle], found.weight)


def test_overlap_counts_the_paths_open_for_both():
    """By hand: of layers 2 and 2 units, both images share 1 and 2."""
    gates = [np.array([[1, 1], [0, 1]]), np.array([[1, 1], [1, 1]])]
    weights = [np.ones((3, 2)), np.ones((2, 2)), np.ones(2)]
    found = paths.fully_connected_paths(np.ones((2, 3)), gates, weights)
    for node in range(3):
        np.testing.assert_array_equal(found.overlap(node), [[4, 2], [2, 2]])


def test_kernel_is_the_input_product_weighted_by_overlaps(rng, hard):
    """Lemma 2.1, general form."""
    gates = [rng.random((4, 3)), rng.random((4, 2))]
    if hard:
        gates = [np.round(g) for g in gates]
    inputs = rng.normal(size=(4, 3))
    weights = [np.ones((3, 3)), np.ones((3, 2)), np.ones(2)]
    found = paths.fully_connected_paths(inputs, gates, weights)
    expected = sum(
        np.outer(inputs[:, i], inputs[:, i]) * found.overlap(i)
        for i in range(3)
    )
    np.testing.assert_allclose(found.kernel(), expected, rtol=1e-12)


def test_kernel_is_a_sum_over_rotations(rng):
    """Lemma A.1: by overlaps with rotated images."""
    length, count = 4, 3
    inputs = rng.normal(size=(count, length, 1))
    gates = [np.round(rng.random((count, length, 2))) for _ in range(2)]
    weights = [np.ones((2, 1, 2)), np.ones((2, 2, 2)), np.ones(2)]

    def enumerated(rotation):
        """The images, and after them their rotations."""
        both = [
            np.concatenate([a, np.roll(a, -rotation, axis=1)])
            for a in (inputs, *gates)
        ]
        return paths.convolutional_paths(both[0], both[1:], weights)

    expected = 0.0
    for rotation in range(length):
        found = enumerated(rotation)
        for i in range(length):
            terms = np.outer(found.inputs[:, i], found.inputs[:, i])
            terms = terms * found.overlap(i)
            expected = expected + terms[:count, count:] / length**2
    found = enumerated(0).kernel()[:count, :count]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_weights_that_do_not_fit():
    weights = [np.ones((3, 2)), np.ones((2, 2)), np.ones(2)]
    inputs, gates = np.ones((1, 3)), ones((2,), (2,))
    assert len(paths.fully_connected_paths(inputs, gates, weights)) == 12
    with pytest.raises(UserError, match=r"\(3, 2\), \(2, 2\), \(2,\)"):
        paths.fully_connected_paths(inputs, gates, weights[1:])


def test_gates_of_other_images():
    weights = [np.ones((3, 2)), np.ones(2)]
    with pytest.raises(UserError, match="gates of 2 images.*gates of 1"):
        paths.fully_connected_paths(np.ones((2, 3)), ones((2,)), weights)


def test_too_many_images():
    count = 1000
    weights = [np.ones((count, count)), np.ones(count)]
    with pytest.raises(UserError, match="1,000,000 paths.*most 100.*: 101"):
        paths.fully_connected_paths(
            np.ones((101, count)), [np.ones((101, count))], weights
        )


def test_too_many_paths():
    gates, weights = ones((100,), (100,)), [np.ones((200, 100))]
    weights += [np.ones((100, 100)), np.ones(100)]
    with pytest.raises(UserError, match="1,000,000.*with 2,000,000$"):
        paths.fully_connected_paths(np.ones((1, 200)), gates, weights)


def test_the_limit_of_residual_networks_is_of_all_paths(monkeypatch):
    square = np.ones((2, 2))
    arguments = (
        np.ones((1, 2)),
        [ones((2,)), ones((2,)), ones((2,)), []],
        [[square], [square], [square], [np.ones(2)]],
    )
    monkeypatch.setattr(paths, "MOST_PATHS", 36)
    assert len(paths.residual_paths(*arguments)) == 36
    monkeypatch.setattr(paths, "MOST_PATHS", 35)
    with pytest.raises(UserError, match="at most 35. .*with 36$"):
        paths.residual_paths(*arguments)

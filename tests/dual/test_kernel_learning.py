"""Learning from kernels against closed forms in NumPy."""

import numpy as np
import pytest

from dlgn_tf.dual import figures, kernel_learning
from dlgn_tf.errors import UserError


def features(rng, n=40, classes=3, spread=0.3):
    """Points around class means, and their labels."""
    means = 3 * rng.normal(size=(classes, 5))
    labels = rng.integers(classes, size=n)
    return means[labels] + spread * rng.normal(size=(n, 5)), labels


def test_ridge_regression_is_the_primal_one(rng):
    x, labels = features(rng, spread=4.0)
    z, test_labels = features(rng, n=25, spread=4.0)
    ridge = 0.1
    fit = kernel_learning.ridge_regression(
        x @ x.T, labels, z @ x.T, test_labels, 3, ridges=[ridge]
    )
    # The ridge of the weights, in the primal form: X'X + lambda I.
    targets = np.eye(3)[labels] - 1 / 3
    penalty = ridge * np.trace(x @ x.T) / len(x)
    weights = np.linalg.solve(x.T @ x + penalty * np.eye(5), x.T @ targets)
    expected = (z @ weights).argmax(1)
    assert len(set(expected)) == 3
    np.testing.assert_array_equal(fit.predictions, expected)
    assert fit.accuracy == np.mean(expected == test_labels) < 1
    assert fit.parameter == ridge


def test_the_ridge_is_chosen_on_the_training_images(rng):
    """Labels of noise: a large ridge, which averages, is what generalises."""
    x = rng.normal(size=(300, 200))
    noisy = x[:, 0] + 3 * rng.normal(size=300) > 0
    kernel = x @ x.T
    chosen = kernel_learning.ridge_regression(
        kernel, noisy.astype(int), kernel[:5], np.zeros(5), 2
    )
    assert chosen.parameter in kernel_learning.RIDGES
    # The same choice by hand, for the same fifth of the images.
    order = np.random.default_rng(0).permutation(300)
    held, used = order[:60], order[60:]
    signs = np.where(noisy, 1.0, -1.0)
    scores = []
    for ridge in kernel_learning.RIDGES:
        matrix = kernel[np.ix_(used, used)]
        matrix = matrix + ridge * np.trace(kernel) / 300 * np.eye(240)
        dual = np.linalg.solve(matrix, signs[used])
        predicted = kernel[np.ix_(held, used)] @ dual
        scores.append(np.mean((predicted > 0) == noisy[held]))
    best = np.flatnonzero(np.array(scores) == max(scores))[-1]
    assert len(set(scores)) > 2
    assert chosen.parameter == kernel_learning.RIDGES[best]


def test_test_labels_decide_nothing(rng):
    x, labels = features(rng, spread=4.0)
    kernel = x @ x.T
    for learn in (kernel_learning.ridge_regression, _svm):
        one, other = (
            learn(kernel, labels, kernel, wanted, 3)
            for wanted in (labels, np.zeros_like(labels))
        )
        np.testing.assert_array_equal(one.predictions, other.predictions)
        assert one.parameter == other.parameter
        assert one.accuracy != other.accuracy


def _svm(kernel, labels, test_kernel, test_labels, classes, **options):
    return kernel_learning.support_vectors(
        kernel, labels, test_kernel, test_labels, **options
    )


def test_svm_of_two_points_is_their_bisector():
    """The widest margin between two points is halfway."""
    x = np.array([[0.0, 1.0], [4.0, 3.0]])
    grid = np.random.default_rng(0).uniform(-5, 9, size=(200, 2))
    expected = np.linalg.norm(grid[:, None] - x, axis=-1).argmin(1)
    fit = kernel_learning.support_vectors(
        x @ x.T, [0, 1], grid @ x.T, expected, costs=[1e6]
    )
    assert 20 < expected.sum() < 180
    assert fit.accuracy == 1.0


def test_learning_does_not_depend_on_the_scale(rng):
    x, labels = features(rng, spread=4.0)
    kernel = x @ x.T
    for learn in (kernel_learning.ridge_regression, _svm):
        one, other = (
            learn(c * kernel, labels, c * kernel, labels, 3)
            for c in (1.0, 1e-30)
        )
        np.testing.assert_array_equal(one.predictions, other.predictions)
        assert one.parameter == other.parameter
    for measure in (
        kernel_learning.label_alignment,
        kernel_learning.kernel_target_alignment,
    ):
        some = kernel + np.eye(len(x))
        np.testing.assert_allclose(
            measure(some, labels, 3), measure(1e-200 * some, labels, 3)
        )


def test_svm_of_a_single_class_says_it():
    fit = kernel_learning.support_vectors(
        np.eye(4), [2, 2, 2, 2], np.ones((3, 4)), [2, 1, 2]
    )
    assert fit.predictions.tolist() == [2, 2, 2]
    assert fit.accuracy == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    "learn",
    [
        lambda *sets: kernel_learning.ridge_regression(*sets, 2),
        kernel_learning.support_vectors,
    ],
)
def test_sets_that_do_not_fit(rng, learn):
    x = rng.normal(size=(12, 3))
    kernel, labels = x @ x.T, np.arange(12) % 2
    asked, expected = kernel[:4], labels[:4]
    learn(kernel, labels, asked, expected)
    wrong = [
        (kernel, labels, asked.T, expected),
        (kernel, labels[:5], asked, expected),
        (kernel[:5], labels, asked, expected),
    ]
    for sets in wrong:
        with pytest.raises(UserError, match="Expected kernels of shapes"):
            learn(*sets)


def test_labels_that_do_not_fit(rng):
    x = rng.normal(size=(12, 3))
    sets = x @ x.T, np.arange(12) % 3, (x @ x.T)[:4], np.arange(4) % 3
    with pytest.raises(UserError, match="0 to 1. Received: .*0 to 2"):
        kernel_learning.ridge_regression(*sets, 2)
    with pytest.raises(UserError, match=r"\(n, n\). Received: shape \(4, 12\)"):
        kernel_learning.center(sets[2])


def test_label_alignment_of_known_eigenvectors(rng):
    """For H = sum_k s_k u_k u_k' it is tr H sum_k (u_k'y)^2 / s_k."""
    n = 12
    basis, _ = np.linalg.qr(rng.normal(size=(n, n)))
    values = rng.uniform(0.5, 3, size=n)
    kernel = basis * values @ basis.T
    labels = rng.integers(3, size=n)
    expected = []
    for c in range(3):
        y = np.where(labels == c, 1.0, -1.0)
        expected.append(values.sum() * np.sum((basis.T @ y) ** 2 / values))
    np.testing.assert_allclose(
        kernel_learning.label_alignment(kernel, labels, 3), expected
    )
    # With a ridge in units of the mean eigenvalue, s_k grows by its share.
    larger = values + 0.2 * values.mean()
    y = np.where(labels == 1, 1.0, -1.0)
    expected = values.sum() * np.sum((basis.T @ y) ** 2 / larger)
    got = kernel_learning.label_alignment(kernel, labels, 3, ridge=0.2)
    np.testing.assert_allclose(got[1], expected)


def test_no_label_alignment_of_a_singular_kernel():
    labels = np.array([0, 0, 1, 1, 1])
    with pytest.raises(np.linalg.LinAlgError):
        kernel_learning.label_alignment(np.ones((5, 5)), labels, 2)


def test_target_alignment_of_two_classes(rng):
    """Cristianini's y'Ky / (n |K|), and of centred features the same."""
    x = rng.normal(size=(9, 4))
    labels = rng.integers(2, size=9)
    y = np.where(labels == 1, 1.0, -1.0)
    kernel = x @ x.T
    np.testing.assert_allclose(
        kernel_learning.kernel_target_alignment(
            kernel, labels, 2, centered=False
        ),
        y @ kernel @ y / (9 * np.sqrt((kernel**2).sum())),
    )
    x, y = x - x.mean(0), y - y.mean()
    kernel = x @ x.T
    np.testing.assert_allclose(
        kernel_learning.kernel_target_alignment(
            kernel + 5.0, labels, 2, centered=True
        ),
        y @ kernel @ y / (y @ y * np.sqrt((kernel**2).sum())),
    )


def test_a_constant_kernel_is_aligned_with_nothing():
    labels = np.array([0, 1, 2, 2, 1, 0, 3, 2])
    flat = np.ones((8, 8))
    assert np.isnan(kernel_learning.kernel_target_alignment(flat, labels, 4))


def test_kernel_distance():
    one = np.diag([1.0, 1.0, 0.0])
    other = np.diag([0.0, 1.0, 1.0])
    assert kernel_learning.kernel_distance(one, 7 * one) == pytest.approx(0)
    assert kernel_learning.kernel_distance(one, other) == pytest.approx(0.5)
    assert kernel_learning.kernel_distance(
        one, np.diag([0.0, 0.0, 1.0])
    ) == pytest.approx(1)


def test_spectrum(rng):
    basis, _ = np.linalg.qr(rng.normal(size=(6, 6)))
    values = np.array([4.0, 2.0, 1.0, 1.0, 0.0, 0.0])
    found = kernel_learning.spectrum(basis * values @ basis.T)
    np.testing.assert_allclose(found.eigenvalues, values / 8, atol=1e-14)
    # Entropy of (1/2, 1/4, 1/8, 1/8) is 7/4 bits.
    assert found.effective_rank == pytest.approx(2**1.75)
    assert found.participation_ratio == pytest.approx(64 / (16 + 4 + 1 + 1))
    flat = kernel_learning.spectrum(3 * np.eye(5))
    assert flat.effective_rank == pytest.approx(5)
    assert flat.participation_ratio == pytest.approx(5)


def test_effective_rank_of_a_kernel_with_a_large_mean():
    """Features less their mean have three dimensions, whatever the mean."""
    found = kernel_learning.spectrum(np.eye(4) + 1e6)
    assert found.effective_rank == pytest.approx(1, abs=1e-3)
    assert found.centered_effective_rank == pytest.approx(3, rel=1e-4)


def test_spectrum_of_nothing():
    found = kernel_learning.spectrum(np.zeros((3, 3)))
    assert not found.eigenvalues.any()
    ranks = found.effective_rank, found.centered_effective_rank
    assert ranks == (0, 0) and found.participation_ratio == 0


@pytest.mark.parametrize("images", [1, 5])
def test_images_that_are_alike_are_told_apart_by_nothing(images):
    """Rounding errors of the centred kernel are no rank."""
    found = kernel_learning.spectrum(np.full((images, images), 0.3))
    assert found.effective_rank == pytest.approx(1)
    assert found.centered_effective_rank == 0


@pytest.mark.parametrize(
    "learn",
    [
        lambda *sets: kernel_learning.ridge_regression(*sets, 2),
        kernel_learning.support_vectors,
    ],
)
def test_one_image_and_no_kernel(learn):
    found = learn(np.ones((1, 1)), [1], np.ones((3, 1)), [1, 1, 0])
    np.testing.assert_array_equal(found.predictions, 1)
    assert found.accuracy == pytest.approx(2 / 3)
    with pytest.raises(UserError, match="a kernel that is not 0"):
        learn(np.zeros((2, 2)), [0, 1], np.zeros((1, 2)), [1])


def test_nothing_aligns_with_no_label():
    with pytest.raises(UserError, match="a kernel that is not 0"):
        kernel_learning.label_alignment(np.zeros((3, 3)), [0, 1, 1], 2)


def test_normalized_and_block_means(rng):
    x = rng.normal(size=(8, 3))
    x[5] = 0
    labels = np.array([0, 1, 1, 0, 3, 1, 3, 0])
    lengths = np.linalg.norm(x, axis=1)
    cosines = kernel_learning.normalized(x @ x.T)
    means = kernel_learning.class_block_means(cosines, labels, 5)
    for a in range(5):
        for b in range(5):
            pairs = [
                x[i] @ x[j] / (lengths[i] * lengths[j] or 1)
                for i in range(8)
                for j in range(8)
                if i != j and (labels[i], labels[j]) == (a, b)
            ]
            expected = np.mean(pairs) if pairs else np.nan
            np.testing.assert_allclose(means[a, b], expected)
    assert np.isnan(means[2]).all() and not np.isnan(means[3, 3])
    np.testing.assert_array_equal(cosines[5], 0)


def test_heat_map_of_a_single_image():
    """There is nothing off the diagonal to scale colours by."""
    figure = figures.heat_map(np.ones((1, 1)), np.array([1]), 3, "title")
    drawn, means = (axes.images[0].get_array() for axes in figure.axes[:2])
    assert drawn.tolist() == [[1]]
    assert means.shape == (3, 3)

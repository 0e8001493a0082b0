"""Windowed patches, against sums pixel by pixel."""

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.splines import apodization


@pytest.mark.parametrize("name", apodization.WINDOWS)
def test_windows_are_symmetric_and_positive(name):
    h = apodization.window(name, 5)
    np.testing.assert_allclose(h, h.T)
    np.testing.assert_allclose(h, h[::-1])
    assert h.min() > 0


def test_hamming_of_three_is_the_published_one():
    h = apodization.partition_of_unity(apodization.window("hamming", 3))
    assert h[0, 0] == pytest.approx(0.00476, abs=1e-5)
    assert h[0, 1] == pytest.approx(0.05945, abs=1e-5)
    assert h[1, 1] == pytest.approx(0.74316, abs=1e-5)


def test_coverage_by_hand():
    h = np.arange(9.0).reshape(3, 3)
    found = apodization.coverage(h, 2)
    assert found.tolist() == [[0 + 2 + 6 + 8, 1 + 7], [3 + 5, 4]]
    assert apodization.coverage(h).tolist() == [[36]]


def test_a_window_must_cover(rng):
    with pytest.raises(UserError, match="covers every pixel"):
        apodization.partition_of_unity(np.ones((2, 2)), 3)


@pytest.mark.parametrize("stride", [1, 2])
def test_patches(stride, rng):
    image = rng.normal(size=(6, 4, 2))
    patches = apodization.Patches(image.shape, 3, stride)
    found = patches.of(image)
    for i, j, u, v in np.ndindex(found.shape[:4]):
        row, column = (i * stride + u) % 6, (j * stride + v) % 4
        np.testing.assert_array_equal(found[i, j, u, v], image[row, column])
    # Adding is the transpose of cutting out.
    other = rng.normal(size=found.shape)
    assert np.sum(found * other) == pytest.approx(
        np.sum(image * patches.sum(other))
    )


def test_overlap():
    assert apodization.Patches((6, 6, 1), 3).overlap() == 9
    assert apodization.Patches((6, 6, 1), 3, 3).overlap() == 1
    assert apodization.Patches((6, 6, 1), 3, 2).overlap() == 4


def test_sizes_are_checked():
    with pytest.raises(UserError, match="stride"):
        apodization.Patches((5, 6, 1), 3, 2)
    with pytest.raises(UserError, match="no larger"):
        apodization.Patches((4, 4, 1), 5)


def test_disjoint_patches_reach_the_bound(rng):
    image = rng.normal(size=(6, 6, 1))
    patches = apodization.Patches(image.shape, 3, 3)
    models = rng.normal(size=patches.of(image).shape)
    left, right = apodization.errors(patches, np.ones((3, 3)), image, models)
    assert left == pytest.approx(right)

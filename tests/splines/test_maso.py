"""The operator and its parameters, against loops in NumPy."""

import dataclasses

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.splines import parameters
from dlgn_tf.splines.maso import MASO
from dlgn_tf.splines.parameters import OUTSIDE, windows


@pytest.fixture
def layer(rng):
    affine = parameters.dense(rng.normal(size=(4, 6)), rng.normal(size=6))
    return parameters.activated(affine, (0.25, 1.0))


def test_affine_form_gives_the_output(layer, rng):
    x = rng.normal(size=(3, 4))
    for beta in (0.0, 0.5, 1.0):
        for point, weights, output in zip(
            x, layer.select(x, beta), layer(x, beta), strict=True
        ):
            slope, offset = layer.affine_form(weights)
            np.testing.assert_allclose(slope @ point + offset, output)


def test_slopes_that_fall_are_refused():
    with pytest.raises(ValueError, match="below 1. Received: .*1.5"):
        parameters.slopes_of("leaky", 1.5)


@pytest.mark.parametrize(
    "beta", [0.0, 0.5, 0.9, 1.0, np.array([0, 0.2, 0.5, 0.9, 1, 1])]
)
@pytest.mark.parametrize("entropy", ["shannon", "tsallis"])
def test_jacobian(layer, rng, beta, entropy):
    layer = dataclasses.replace(layer, entropy=entropy)
    x, step = rng.normal(size=(3, 4)), 1e-6
    found = layer.jacobian(x, beta)
    for index in range(4):
        moved = step * np.eye(4)[index]
        difference = layer(x + moved, beta) - layer(x - moved, beta)
        np.testing.assert_allclose(
            found[..., index], difference / (2 * step), atol=1e-8
        )


def test_shapes_are_checked(rng):
    with pytest.raises(ValueError, match="units, regions"):
        MASO(np.zeros((2, 3, 4)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="units, regions"):
        MASO(np.zeros((2, 3)), np.zeros((2, 3)))


def test_one_after_another(layer, rng):
    """Of weights >= 0, which keep the largest of affine maps one."""
    x = rng.normal(size=(50, 4))
    kernel = rng.uniform(size=(6, 3))
    affine = parameters.dense(kernel, rng.normal(size=3))
    for last in (affine, parameters.activated(affine, (0.0, 1.0))):
        np.testing.assert_allclose(last.after(layer)(x), last(layer(x)))
    both = layer.plus(layer)
    np.testing.assert_allclose(both(x), 2 * layer(x))
    # Slopes 1/4 and 1 add up to 1/2, to 2, and in two ways to 5/4.
    assert both.regions == 3


def soft(scores, beta):
    """Of scores `(points, choices)`: what the choices come to on average."""
    weights = np.exp(beta / (1 - beta) * scores)
    return np.sum(weights * scores, -1) / np.sum(weights, -1)


@pytest.mark.parametrize("beta", [0.0, 0.3, 0.5, 0.9])
def test_soft_choices_count_regions_that_are_equal(layer, beta, rng):
    """As over all combinations of regions, of which some are equal."""
    x = rng.normal(size=(20, 4))
    of_unit = layer.scores(x)
    sums = of_unit
    found = layer
    for times in (2, 3):
        sums = sums[..., None] + of_unit[..., None, :]
        sums = sums.reshape(*of_unit.shape[:2], -1)
        found = found.plus(layer)
        assert found.regions < 2**times
        np.testing.assert_allclose(found(x, beta), soft(sums, beta))
    np.testing.assert_allclose(
        found.jacobian(x, beta)[..., 1],
        (found(x + [0, 1e-6, 0, 0], beta) - found(x - [0, 1e-6, 0, 0], beta))
        / 2e-6,
        rtol=1e-4,
        atol=1e-6,
    )
    # Windows that overlap see the middle twice.
    first, second = (
        parameters.max_pool((1, width, 1), (1, 2), (1, 1), "valid")
        for width in (4, 3)
    )
    found = second.after(first)
    assert found.regions == 3
    expected = [soft(x[:, [k, k + 1, k + 1, k + 2]], beta) for k in (0, 1)]
    np.testing.assert_allclose(found(x, beta), np.transpose(expected))


def test_what_cannot_come_after_another_is_refused(layer):
    with pytest.raises(ValueError, match="Expected 4 units"):
        layer.after(layer)
    with pytest.raises(ValueError, match="Expected 6 units"):
        layer.plus(parameters.dense(np.eye(4)))
    softs = [
        dataclasses.replace(layer, beta=0.5, entropy=entropy)
        for entropy in ("shannon", "tsallis")
    ]
    with pytest.raises(UserError, match="one entropy. Received: shannon, ts"):
        softs[0].plus(softs[1])
    falling = parameters.dense(-np.eye(6))
    with pytest.raises(UserError, match="weight of -1"):
        falling.after(layer)


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_windows(padding, stride):
    """Against images that hold their own indices, cut pixel by pixel."""
    height, width, channels, window = 5, 7, 2, 3
    found = windows(
        (height, width, channels), (window,) * 2, (stride,) * 2, padding
    )
    image = np.arange(height * width * channels).reshape(height, width, -1)

    def before(size):
        if padding == "valid":
            return 0
        count = (size + stride - 1) // stride
        return max((count - 1) * stride + window - size, 0) // 2

    for i, j, u, v in np.ndindex(found.shape[:4]):
        row = i * stride + u - before(height)
        column = j * stride + v - before(width)
        inside = 0 <= row < height and 0 <= column < width
        expected = image[row, column] if inside else [OUTSIDE] * channels
        assert found[i, j, u, v].tolist() == list(expected)


def test_windows_that_do_not_fit_are_refused():
    with pytest.raises(UserError, match="at most 3"):
        windows((3, 9, 1), (4, 4), (1, 1), "valid")
    with pytest.raises(UserError, match="valid, same"):
        windows((3, 9, 1), (2, 2), (1, 1), "full")


def test_convolution_by_hand():
    kernel = np.arange(4.0).reshape(2, 2, 1, 1)
    image = np.arange(9.0).reshape(1, 9)
    found = parameters.convolution(kernel, [10.0], (3, 3, 1))(image)
    # 0*a + 1*b + 2*c + 3*d of the four windows.
    assert found.tolist() == [[29, 35, 47, 53]]


def test_pools_by_hand():
    image = np.array([[1.0, 4.0, 2.0, 3.0, 0.0, -1.0, 5.0, 6.0, -7.0]])
    place = ((3, 3, 1), (2, 2), (2, 2), "same")
    assert parameters.max_pool(*place)(image).tolist() == [[4, 2, 6, -7]]
    found = parameters.average_pool(*place)(image)
    np.testing.assert_allclose(found, [[2, 0.5, 5.5, -7]])
    assert parameters.max_pool((3, 3, 1), (3, 3))(image).tolist() == [[6]]

"""beta-VQ pooling against NumPy, between maximum and average."""

import keras
import numpy as np
import pytest

from dlgn_tf.layers import BetaVQPooling


def softmax_pooling(images, size, step, eta):
    """Window by window, without padding."""
    batch, height, width, channels = images.shape
    rows = range(0, height - size[0] + 1, step[0])
    columns = range(0, width - size[1] + 1, step[1])
    pooled = np.empty((batch, len(rows), len(columns), channels))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            window = images[:, row : row + size[0], column : column + size[1]]
            window = window.reshape(batch, -1, channels)
            scores = np.exp(eta * (window - window.max(axis=1, keepdims=True)))
            scores /= scores.sum(axis=1, keepdims=True)
            pooled[:, i, j] = (scores * window).sum(axis=1)
    return pooled


@pytest.mark.parametrize(
    "size,step", [((2, 2), None), ((3, 2), (1, 2)), ((3, 3), (2, 2))]
)
@pytest.mark.parametrize("beta", [0.5, 0.8])
def test_is_softmax_pooling(float64, rng, size, step, beta):
    """Proposition 4, and with eta for beta in place of 1/2."""
    images = rng.normal(size=(2, 7, 8, 3))
    layer = BetaVQPooling(size, step, beta=beta)
    pooled = layer(images)
    assert pooled.shape == layer.compute_output_shape(images.shape)
    np.testing.assert_allclose(
        pooled,
        softmax_pooling(images, size, step or size, beta / (1 - beta)),
        rtol=1e-12,
    )


@pytest.mark.parametrize("beta", [0.2, 0.5, 0.7])
def test_of_tsallis_entropy_is_sparsemax_pooling(float64, rng, balance, beta):
    """Also over the edge, where there is nothing to choose."""
    image = rng.normal(size=(5, 5)) - 1
    layer = BetaVQPooling(3, 2, "same", beta, entropy="tsallis")
    found = np.asarray(layer(image[None, ..., None]))[0, ..., 0]
    for i, row in enumerate((-1, 1, 3)):
        for j, column in enumerate((-1, 1, 3)):
            window = image[max(row, 0) : row + 3, max(column, 0) : column + 3]
            scores = np.ravel(window)
            expected = balance(scores, beta) @ scores
            assert found[i, j] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("entropy", ["shannon", "tsallis"])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size,step", [(2, 2), (3, 2), (3, 1)])
def test_limits_are_max_and_average_pooling(rng, padding, size, step, entropy):
    images = rng.normal(size=(2, 7, 6, 3)).astype("float32")
    # All below 0: what lies beyond the edge must not win.
    images -= 10
    place = (size, step, padding)
    for beta, kind in (
        (1.0, keras.layers.MaxPooling2D),
        (0.0, keras.layers.AveragePooling2D),
    ):
        expected = kind(*place)(images)
        np.testing.assert_array_equal(
            BetaVQPooling(*place, beta=beta, entropy=entropy)(images), expected
        )
        near = min(max(beta, 1e-8), 1 - 1e-8)
        nearly = BetaVQPooling(*place, beta=near, entropy=entropy)
        np.testing.assert_allclose(nearly(images), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "arguments,message",
    [
        ({"pool_size": 0}, "pool_size=0"),
        ({"pool_size": (2, 2, 2)}, r"pool_size=\(2, 2, 2\)"),
        ({"strides": 0}, "strides=0"),
        ({"padding": "full"}, "'full'"),
        ({"beta": 2}, "beta=2"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        BetaVQPooling(**arguments)


def test_image_smaller_than_a_window():
    with pytest.raises(ValueError, match="at least the window's"):
        BetaVQPooling(3)(np.zeros((1, 2, 5, 1), "float32"))

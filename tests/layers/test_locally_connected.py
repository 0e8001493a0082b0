"""The layer against loops in NumPy, a shared convolution and differences."""

import keras
import numpy as np
import pytest

from dlgn_tf.layers import LocallyConnected


def looped(x, kernel, bias, window, stride):
    out = np.empty((len(x), len(kernel), kernel.shape[2]))
    for r in range(len(kernel)):
        seen = x[:, r * stride : r * stride + window].reshape(len(x), -1)
        out[:, r] = seen @ kernel[r] + bias[r]
    return out


def build(rng, regions=5, channels=3, **arguments):
    layer = LocallyConnected(4, **arguments)
    layer.build((None, regions, channels))
    layer.bias.assign(rng.normal(size=layer.bias.shape))
    return layer


@pytest.mark.parametrize(
    ("window", "stride", "regions", "made"),
    [
        (2, None, 6, 3),
        (2, 1, 5, 4),
        (3, 2, 7, 3),
        (5, None, 5, 1),
        (1, 1, 3, 3),
    ],
)
def test_equals_loops(rng, window, stride, regions, made):
    layer = build(rng, regions, window=window, stride=stride)
    x = rng.normal(size=(7, regions, 3)).astype("float32")
    expected = looped(
        x, layer.kernel.numpy(), layer.bias.numpy(), window, stride or window
    )
    out = layer(x)
    assert out.shape == (7, made, 4) == layer.compute_output_shape(x.shape)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-5)


def test_initial_weights():
    layer = LocallyConnected(2000, window=2, seed=3)
    layer.build((None, 4, 5))
    kernel = layer.kernel.numpy()
    # He's for the ten inputs of a node, whatever the number of regions.
    np.testing.assert_allclose(kernel.std(), np.sqrt(2 / 10), rtol=0.02)
    assert np.abs(kernel[0] - kernel[1]).max() > 0.1
    assert not layer.bias.numpy().any()
    again = LocallyConnected(2000, window=2, seed=3)
    again.build((None, 4, 5))
    np.testing.assert_array_equal(again.kernel, kernel)


@pytest.mark.parametrize("regions", [1, 5])
def test_windows_that_leave_regions_out(regions):
    with pytest.raises(ValueError, match=f"over {regions}"):
        LocallyConnected(2, window=2).build((None, regions, 3))


@pytest.mark.parametrize("shape", [(None, 3), (6, None)])
def test_sizes_that_are_not_known_are_refused(shape):
    layer = LocallyConnected(4, 2)
    with pytest.raises(ValueError, match="numbers are known"):
        layer(keras.Input(shape))
    with pytest.raises(ValueError, match="numbers are known"):
        layer.compute_output_shape((None, *shape))

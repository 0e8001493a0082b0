"""Networks of known depth, against a computation layer by layer."""

import keras
import numpy as np
import pytest
from scipy.signal import correlate

from dlgn_tf.complexity.tasks import create_task
from dlgn_tf.errors import UserError


def convolved(x, kernel):
    """A 'same' convolution of one image, with SciPy."""
    padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
    return np.stack(
        [
            correlate(padded, kernel[..., k], mode="valid")[..., 0]
            for k in range(kernel.shape[-1])
        ],
        axis=-1,
    )


@pytest.mark.parametrize("depth", [0, 2])
def test_computes_what_the_name_says(rng, depth):
    task = create_task(depth, (8, 8, 3), width=4, channels=5, seed=1)
    x = rng.normal(size=(8, 8, 3))
    kernel = {
        layer.name: np.array(layer.kernel, "float64")
        for layer in task.layers
        if isinstance(layer, keras.layers.Conv2D)
    }
    h = convolved(x, kernel["conv0"])
    for index in range(1, depth + 1):
        h = convolved(np.maximum(h, 0), kernel[f"conv{index}"])
    h = h.reshape(2, 4, 2, 4, 4).max(axis=(1, 3))
    expected = h @ kernel["output"][0, 0]
    found = np.array(task(x[None].astype("float32")))[0]
    assert found.shape == (2, 2, 5)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_weights():
    task = create_task(8, (16, 16, 3), seed=3)
    assert not task.trainable_variables
    assert not any(w.name == "bias" for w in task.weights)
    relus = [x for x in task.layers if isinstance(x, keras.layers.Activation)]
    assert len(relus) == 8
    inner = np.concatenate(
        [np.ravel(task.get_layer(f"conv{k}").kernel) for k in range(1, 9)]
    )
    assert inner.std() == pytest.approx(np.sqrt(2 / (9 * 16)), rel=0.03)
    # A normal distribution that is not cut off.
    assert np.abs(inner).max() > 3 * inner.std()
    again, other = create_task(8, (16, 16, 3), seed=3), create_task(8, seed=4)
    for ours, same in zip(task.weights, again.weights, strict=True):
        np.testing.assert_array_equal(ours, same)
    assert np.any(np.array(task.weights[0]) != np.array(other.weights[0]))


@pytest.mark.parametrize(
    ("arguments", "said"), [((-1,), "depth=-1"), ((2, (10, 8, 3)), "10x8")]
)
def test_refuses(arguments, said):
    with pytest.raises(UserError, match=f"Expected .*Received: .*{said}"):
        create_task(*arguments)

"""Pruning and shared weights, against NumPy."""

import keras
import numpy as np
import pytest

from dlgn_tf.complexity import compression, teachers
from dlgn_tf.complexity.synthetic import shapes


@pytest.fixture
def model():
    images = shapes(60, 0)
    return teachers.create_teacher(
        "resnet20_dnn", images, seed=0, depth=8, width=4
    )


def kernels(network):
    return {
        layer.name: np.array(layer.kernel)
        for layer in network.layers
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.Dense))
    }


def test_prunes_below_the_standard_deviation(model):
    before = kernels(model.network)
    share = compression.prune(model.network, 0.7)
    after = kernels(model.network)
    zeros = 0
    for name, kernel in before.items():
        keep = np.abs(kernel) >= 0.7 * kernel.std()
        np.testing.assert_array_equal(after[name], np.where(keep, kernel, 0))
        zeros += (~keep).sum()
    assert share == zeros / sum(kernel.size for kernel in before.values())
    # Of a normal distribution 52 % lie within 0.7 standard deviations.
    assert 0.4 < share < 0.6
    # Pruned weights stay zero in training, and the others move.
    settings = teachers.TeacherSettings(epochs=2, batch_size=20)
    teachers.train_teacher(model, shapes(60, 0), settings)
    for name, kernel in kernels(model.network).items():
        np.testing.assert_array_equal(kernel[after[name] == 0], 0)
        assert np.any(after[name] != kernel)


def test_shared_weights_are_means_of_the_nearest(rng):
    kernel = rng.normal(size=(3, 3, 4, 8)).astype("float32")
    kernel[np.abs(kernel) < 0.5] = 0
    found = compression.shared(kernel, 4)
    assert found.dtype == kernel.dtype and found.shape == kernel.shape
    np.testing.assert_array_equal(found == 0, kernel == 0)
    weights, shared = kernel[kernel != 0], found[kernel != 0]
    centroids = np.unique(shared)
    assert len(centroids) == 4
    for centroid in centroids:
        own = weights[shared == centroid].astype("float64")
        assert own.mean() == pytest.approx(centroid, rel=1e-4)
    distances = np.abs(weights[:, None] - centroids)
    nearest = centroids[distances.argmin(axis=1)]
    assert np.mean(nearest == shared) > 0.99


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_different_weights_are_kept(count):
    kernel = np.array([[0.5, -1.0, 0.0, 0.5]], "float32")
    found = compression.shared(kernel, count)
    if count >= 2:
        np.testing.assert_array_equal(found, kernel)
    else:
        # One centroid is the mean, 0: it must not look pruned.
        np.testing.assert_allclose(found, 0, atol=1e-30)
        np.testing.assert_array_equal(found == 0, kernel == 0)


def test_compress(model):
    epochs = []
    settings = compression.Compression(
        rounds=2,
        epochs=3,
        last_epochs=5,
        convolution_bits=3,
        dense_bits=2,
    )
    compression.compress(model.network, epochs.append, settings)
    assert epochs == [3, 3, 5]
    assert compression.share_of_zeros(model.network) > 0.6
    counts = compression.different_weights(model.network)
    assert counts.pop("logits") == 4
    assert set(counts.values()) == {8}
    for name, kernel in kernels(model.network).items():
        if name in counts:
            assert len(np.unique(kernel)) == 9

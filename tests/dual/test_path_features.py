"""Random path features: their mean, their rate, what is learned from them."""

import importlib

import keras
import numpy as np
import pytest
from keras import layers
from sklearn.linear_model import RidgeCV

from dlgn_tf import dual, from_keras
from dlgn_tf.dual import kernel_learning
from dlgn_tf.dual.claims import tiny_networks
from dlgn_tf.dual.value_draws import ValueDraws
from dlgn_tf.errors import UserError


def create(kind, rng, family="dgn", **options):
    model = from_keras(
        tiny_networks.create(kind, rng), family, keep="all", **options
    )
    tiny_networks.draw_weights(model, rng)
    return model


def images_of(rng, count=4):
    return rng.integers(0, 256, (count, *tiny_networks.SHAPE)).astype("uint8")


def by_draw(features, draws):
    """Products of the features of each draw, `(draws, n, n)`."""
    each = features.reshape(len(features), draws, -1) * draws**0.5
    return np.einsum("idu,jdu->dij", each, each)


@pytest.mark.parametrize(
    "kind,family,biases",
    [("original_projection", "dnn", False), ("max_pooling", "dgn", True)],
)
def test_inner_products_have_the_kernel_as_mean(kind, family, biases, rng):
    """Within 4 standard errors; that of other images is not."""
    model, images, draws = create(kind, rng, family), images_of(rng), 300
    features = dual.path_features(model, images, draws, biases=biases)
    products = by_draw(features.astype("float64"), draws)
    mean, error = products.mean(0), products.std(0) / draws**0.5
    kernel = dual.neural_path_kernel(model, images, biases=biases)
    other = dual.neural_path_kernel(model, images // 2, biases=biases)
    assert np.abs((mean - kernel) / error).max() < 4
    assert np.abs((mean - other) / error).max() > 4
    assert np.allclose(features @ features.T, mean, rtol=1e-4)


def test_rate(rng):
    """The error falls as draws^(-1/2)."""
    model, images = create("normalized", rng), images_of(rng)
    kernel = dual.neural_path_kernel(model, images)
    features = dual.path_features(model, images, 512)
    products = by_draw(features.astype("float64"), 512)
    counts, errors = (2, 8, 32), []
    for count in counts:
        means = products.reshape(-1, count, 4, 4).mean(axis=1)
        errors.append(np.sqrt(np.mean((means - kernel) ** 2)))
    slope = np.polyfit(np.log(counts), np.log(errors), 1)[0]
    assert -0.6 < slope < -0.4


def test_weights_follow_from_the_seed(rng, monkeypatch):
    model, images = create("depthwise", rng), images_of(rng)
    whole = dual.path_features(model, images, 4, seed=1)
    again = dual.path_features(model, images[:2], 2, seed=1)
    units = whole.shape[1] // 4
    expected = whole[:2, : 2 * units] * np.sqrt(2)
    np.testing.assert_allclose(again, expected, rtol=1e-5)
    other = dual.path_features(model, images, 4, seed=2)
    assert np.abs(whole - other).max() > 0.1 * np.abs(whole).max()


@pytest.mark.parametrize("draws", [0, -1, 1.5, 2.0, float("nan"), True])
def test_draws_that_are_none(draws, rng):
    with pytest.raises(UserError, match="Expected draws >= 1"):
        dual.path_features(create("strides", rng), images_of(rng), draws)


def test_a_normalisation_that_is_called_twice(rng):
    """Its two calls are one layer."""
    x = keras.Input(tiny_networks.SHAPE)
    norm = layers.BatchNormalization()
    h = norm(layers.Conv2D(2, 2, padding="same", activation="relu")(x))
    h = norm(layers.Conv2D(2, 1, activation="relu")(h))
    h = layers.GlobalAveragePooling2D()(layers.ReLU()(h))
    model = from_keras(
        keras.Model(x, layers.Dense(1)(h)),
        "dgn",
        normalization="unit",
        keep="all",
        gate="soft",
    )
    tiny_networks.draw_weights(model, rng)
    images, draws = images_of(rng), 300
    products = by_draw(dual.path_features(model, images, draws), draws)
    mean, error = products.mean(0), products.std(0) / draws**0.5
    kernel = dual.neural_path_kernel(model, images)
    assert np.abs((mean - kernel) / error).max() < 4


def test_memory(rng, monkeypatch):
    """With little of it images come in smaller batches."""
    model, images = create("strides", rng), images_of(rng, 40)
    sizes, called = [], ValueDraws.__call__

    def forward(self, arrays):
        sizes.append(len(next(iter(arrays.values()))))
        return called(self, arrays)

    monkeypatch.setattr(ValueDraws, "__call__", forward)
    whole = dual.path_features(model, images, 2)
    few = dual.path_features(model, images, 2, memory_gib=1e-5)
    np.testing.assert_allclose(few, whole, rtol=1e-5)
    assert sizes[:2] == [40, 40] and max(sizes[2:]) < 40
    with pytest.raises(UserError, match="Features of 4 images.*memory_gib"):
        dual.path_features(model, images_of(rng), 10**6, memory_gib=0.01)


def test_regression_is_that_of_the_kernel(rng):
    labels, test_labels = rng.integers(3, size=60), rng.integers(3, size=30)
    features = rng.normal(size=(60, 20)) + np.eye(20)[labels]
    test = rng.normal(size=(30, 20)) + np.eye(20)[test_labels]
    found = dual.feature_regression(
        features, labels, test, test_labels, 3, ridges=[0.1]
    )
    expected = kernel_learning.ridge_regression(
        features @ features.T,
        labels,
        test @ features.T,
        test_labels,
        3,
        ridges=[0.1],
    )
    np.testing.assert_array_equal(found.predictions, expected.predictions)
    assert found.parameter == pytest.approx(0.1)
    with pytest.raises(UserError, match="not 0"):
        dual.feature_regression(0 * features, labels, test, test_labels, 3)


@pytest.mark.parametrize("count,units", [(60, 20), (20, 60)])
def test_the_ridge_is_that_of_leaving_out_one(count, units, rng, monkeypatch):
    """As scikit-learn has it, in parts of a few images, within the memory."""
    module = importlib.import_module("dlgn_tf.dual.path_features")
    monkeypatch.setattr(module, "_BATCH", 7)
    labels = rng.integers(3, size=count)
    drawn = rng.normal(size=(count + 30, units)).astype("float32")
    drawn[:count, :3] += np.eye(3)[labels]
    features, test = drawn[:count], drawn[count:]
    found = dual.feature_regression(
        features, labels, test, np.zeros(30, int), 3
    )
    scale = np.mean(np.sum(np.square(features), axis=1))
    alphas = [scale * ridge for ridge in kernel_learning.RIDGES]
    expected = RidgeCV(alphas, fit_intercept=False)
    expected.fit(features, kernel_learning.class_targets(labels, 3))
    assert found.parameter == pytest.approx(expected.alpha_ / scale)
    predictions = expected.predict(test).argmax(-1)
    np.testing.assert_array_equal(found.predictions, predictions)
    with pytest.raises(UserError, match=f"{units} features of {count} images"):
        dual.feature_regression(
            features, labels, test, np.zeros(30, int), 3, memory_gib=1e-6
        )

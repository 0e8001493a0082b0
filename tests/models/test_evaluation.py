"""Batches cover all images once; accuracy is that of the whole."""

import keras
import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.models import evaluation


@pytest.mark.parametrize("count", [1, 6, 7])
@pytest.mark.parametrize("size", [1, 3, 10])
def test_batches_cover_all(count, size):
    parts = [np.arange(count)[x] for x in evaluation.batches(count, size)]
    assert [row for part in parts for row in part] == list(range(count))
    assert all(1 <= len(part) <= size for part in parts)


def test_no_images_are_refused():
    with pytest.raises(UserError, match="at least one image. Received: none"):
        evaluation.batches(0, 3)


@pytest.fixture
def model(rng):
    x = keras.Input((4,))
    h = keras.layers.BatchNormalization()(x)
    # Out of evaluation mode most answers would be noise.
    h = keras.layers.Dropout(0.9, seed=1)(h)
    return keras.Model(x, keras.layers.Dense(3)(h))


@pytest.mark.parametrize("size", [1, 7, 20, 100])
def test_batches_change_nothing(model, rng, size):
    images = rng.normal(size=(20, 4)).astype("float32")
    kernel, bias = map(np.asarray, model.layers[-1].weights)
    # Moving mean 0 and variance 1 of a normalisation that saw nothing.
    expected = images / np.sqrt(1 + 1e-3) @ kernel + bias
    found = evaluation.logits(model, images, size)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    labels = expected.argmax(axis=1)
    labels[:5] = (labels[:5] + 1) % 3
    assert evaluation.accuracy(model, images, labels, size) == 0.75

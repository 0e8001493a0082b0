"""Batches cover all images once; accuracy is that of the whole."""

import keras
import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.models import evaluation
from dlgn_tf.models.build import create_model


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


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((8, 8, 1), 500), ((32, 32, 3), 500), ((224, 224, 3), 10), ((10**7,), 1)],
)
def test_of_larger_images_fewer_pass_together(shape, expected):
    images = np.empty((1, *shape), "uint8")
    assert evaluation.at_a_time(images, 500) == expected


def test_images_that_fit_a_bound_pass_together():
    model = create_model("c4gap_dlgn", (8, 8, 3), width=2, depth=2)
    each = evaluation.passing_bytes(model)
    # More than gates and pre-activations of both layers alone.
    assert each > 4 * 2 * 2 * 8 * 8 * 2
    for most, count in ((100, 7), (5, 7), (100, 0.5)):
        bound = count * each / 2**30
        found = evaluation.fitting(model, bound, most)
        assert found == max(1, min(most, int(count)))

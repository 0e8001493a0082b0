"""Shapes tell classes apart; teachers learn them as they are told to."""

import numpy as np
import pytest

from dlgn_tf.complexity import teachers
from dlgn_tf.complexity.synthetic import CLASSES, shapes
from dlgn_tf.layers import BatchNorm
from dlgn_tf.models import evaluation


def test_shapes_follow_from_the_seed():
    one, same, other = shapes(30, 1), shapes(30, 1), shapes(30, 2)
    np.testing.assert_array_equal(one.images, same.images)
    np.testing.assert_array_equal(one.labels, same.labels)
    assert not np.array_equal(one.images, other.images)
    assert one.images.shape == (30, 16, 16, 3)
    assert one.images.dtype == "uint8"


def test_classes_in_turn_and_wrong_labels():
    right = shapes(1000, 0, wrong_labels=0.0).labels
    np.testing.assert_array_equal(right, np.arange(1000) % CLASSES)
    told = shapes(1000, 0, wrong_labels=0.5).labels
    # One wrong label in ten is right by chance.
    assert np.mean(told != right) == pytest.approx(0.45, abs=0.05)


def test_classes_are_linearly_learnable_in_part():
    """The mean image of a class is known, so that a class is a shape."""
    train, test = (
        shapes(2000, seed, noise=5.0, wrong_labels=0.0) for seed in (0, 1)
    )
    centre = train.images.mean(axis=(1, 2, 3), keepdims=True)
    grey = (train.images - centre).mean(axis=-1).reshape(2000, -1)
    means = np.array([grey[train.labels == k].mean(axis=0) for k in range(10)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    other = test.images - test.images.mean(axis=(1, 2, 3), keepdims=True)
    scores = other.mean(axis=-1).reshape(2000, -1) @ means.T
    accuracy = np.mean(scores.argmax(axis=1) == test.labels)
    assert 0.25 < accuracy < 0.95


def test_teacher_learns():
    images = shapes(60, 0, side=8, noise=5.0, wrong_labels=0.0)
    model = teachers.create_teacher(
        "resnet20_dnn", images, depth=8, width=8, seed=0
    )
    norms = [x for x in model._flatten_layers() if isinstance(x, BatchNorm)]
    assert norms
    assert all(x.momentum == 0.9 for x in norms)
    before = evaluation.accuracy(model, images.images, images.labels)
    settings = teachers.TeacherSettings(epochs=30, batch_size=20)
    assert teachers.train_teacher(model, images, settings) is model
    after = evaluation.accuracy(model, images.images, images.labels)
    assert after > before + 0.3


def test_teacher_standardises_its_images():
    images = shapes(50, 0, side=8)
    model = teachers.create_teacher("c1gap_dnn", images, width=2)
    pixels = np.asarray(model.normalization(images.images))
    np.testing.assert_allclose(pixels.mean(axis=(0, 1, 2)), 0, atol=1e-4)
    np.testing.assert_allclose(pixels.std(axis=(0, 1, 2)), 1, atol=1e-4)


def test_teacher_follows_from_the_seed():
    images = shapes(30, 0, side=8)

    def trained(seed):
        model = teachers.create_teacher("c1gap_dnn", images, width=2, seed=seed)
        settings = teachers.TeacherSettings(epochs=2, seed=seed)
        return teachers.train_teacher(model, images, settings).get_weights()

    for one, same in zip(trained(1), trained(1), strict=True):
        np.testing.assert_array_equal(one, same)

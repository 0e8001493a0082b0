"""Seconds in which Keras' ResNet50 becomes a DLGN."""

import keras

import dlgn_tf
from benchmarks.turns import timed


def resnet50():
    return keras.applications.ResNet50(
        weights=None, input_shape=(64, 64, 3), classes=10
    )


def job():
    model = resnet50()
    options = {"family": "dlgn", "max_pooling": "average"}
    return lambda: timed(lambda: dlgn_tf.from_keras(model, **options))

"""Keras' own checks of layers, on TensorFlow and on JAX.

They serialise, build, call (eagerly and symbolically), train a compiled step,
and compute under a mixed policy.
"""

import importlib.util
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras.src import testing

from dlgn_tf import layers
from dlgn_tf.regularizers import Orthogonality

ON_JAX = keras.backend.backend() == "jax"
IMAGES = (2, 8, 8, 3)
# Class, arguments, shape of inputs, shape of outputs, trainable weights.
CASES = {
    "Gate": ({"kind": "soft", "beta": 4.0}, IMAGES, IMAGES, 0),
    "BatchNorm": ({"momentum": 0.9}, IMAGES, IMAGES, 2),
    "BetaVQ": (
        {"kind": "leaky", "beta": 0.3, "beta_mode": "per_channel"},
        IMAGES,
        IMAGES,
        1,
    ),
    "BetaVQPooling": (
        {"strides": 2, "padding": "same", "beta_mode": "per_layer"},
        IMAGES,
        (2, 4, 4, 3),
        1,
    ),
    "CircularPadding": ({"kernel_size": 4}, IMAGES, (2, 11, 11, 3), 0),
    "ComplexModulus": ({"angles": 1, "skip": True}, IMAGES, (2, 8, 8, 5), 0),
    "ComplexStandardization": (
        {"momentum": 0.8},
        (2, 4, 6),
        (2, 4, 6),
        0,
    ),
    "SkipModulus": ({"angles": 1}, (2, 4, 6), (2, 4, 2, 4), 0),
    "Grayscale": ({}, IMAGES, (2, 8, 8, 1), 0),
    "LocallyConnected": (
        {"nodes": 4, "window": 2, "seed": 0},
        (2, 6, 5),
        (2, 3, 4),
        2,
    ),
    "MorletFilters": ({"stride": 2}, IMAGES, (2, 4, 4, 27), 0),
    "OrthogonalDense": (
        {"units": 4, "reparametrization": "newton_schulz"},
        (2, 7),
        (2, 4),
        3,
    ),
    "OrthogonalConv2D": (
        {"filters": 4, "kernel_size": 3},
        IMAGES,
        (2, 6, 6, 4),
        2,
    ),
    "ApodizedConv2D": (
        {"filters": 4, "kernel_size": 3, "kernel_regularizer": Orthogonality()},
        IMAGES,
        (2, 6, 6, 4),
        2,
    ),
    "ApodizedOrthogonalConv2D": (
        {"filters": 4, "kernel_size": 3, "scale": "gain"},
        IMAGES,
        (2, 6, 6, 4),
        3,
    ),
    "PerImageStandardization": ({}, IMAGES, IMAGES, 0),
    "PixelNormalization": ({"mean": [0.1, 0.2, 0.3]}, IMAGES, IMAGES, 0),
    "PooledReLUConvolution": (
        {"members": 2, "filters": 4, "kernel_size": 3},
        IMAGES,
        (2, 2, 4),
        2,
    ),
    "SubsampleAndPad": (
        {"filters": 5, "stride": 2},
        IMAGES,
        (2, 4, 4, 5),
        0,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_layer(name):
    arguments, shape, expected, trainable = CASES[name]
    testing.TestCase().run_layer_test(
        getattr(layers, name),
        init_kwargs=arguments,
        input_shape=shape,
        expected_output_shape=expected,
        expected_num_trainable_weights=trainable,
        expected_num_losses=int("kernel_regularizer" in arguments),
        supports_masking=True if name in ("Gate", "BetaVQ") else None,
        # Compiling takes seconds: those whose gradients are written here.
        run_training_check=not ON_JAX
        and name in ("BatchNorm", "BetaVQ", "OrthogonalConv2D"),
    )


# TensorFlow's own convolutions and reflection fail there.
@pytest.mark.parametrize(
    "name", [n for n in CASES if CASES[n][3] == 0 and n != "MorletFilters"]
)
def test_a_batch_of_no_images(name):
    arguments, shape, expected, _ = CASES[name]
    found = getattr(layers, name)(**arguments)(np.zeros((0, *shape[1:])))
    assert tuple(found.shape) == (0, *expected[1:])


@pytest.mark.parametrize(
    "name", ["ComplexModulus", "SkipModulus", "SubsampleAndPad"]
)
def test_channels_that_are_not_known_are_refused(name):
    layer = getattr(layers, name)(**CASES[name][0])
    with pytest.raises(ValueError, match=r"Received: input_shape=\(None, 8"):
        layer(keras.Input((8, 8, None)))


def test_all_layers_are_checked():
    classes = {
        name
        for name in layers.__all__
        if issubclass(getattr(layers, name), keras.layers.Layer)
    }
    assert set(CASES) == classes


def test_regularizer():
    regularizer = Orthogonality(0.5, "mean_entries", (-1, 1), (-2, -1), 3)
    testing.TestCase().run_class_serialization_test(regularizer)
    kernel = np.arange(24, dtype="float32").reshape(2, 2, 3, 2) / 24
    gram = np.einsum("hwcm,hwcn->cmn", kernel, kernel)
    found = regularizer(keras.ops.convert_to_tensor(kernel))
    wanted = 0.5 * 2 * np.sum(gram[:, 0, 1] ** 2) * 4 / 36
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


@pytest.mark.skipif(
    ON_JAX or importlib.util.find_spec("jax") is None,
    reason="it runs there already, or jax is not installed",
)
def test_on_jax(package_environment):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        + ["-p", "no:xdist", __file__],
        env={
            **package_environment,
            "KERAS_BACKEND": "jax",
            # Compiling is most of the time.
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
        },
        capture_output=True,
        text=True,
        timeout=600,
    )
    last = done.stdout.splitlines()[-1]
    assert done.returncode == 0, done.stdout
    assert " 1 skipped" in last and "failed" not in last, done.stdout

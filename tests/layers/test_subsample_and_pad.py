"""Shortcut A against NumPy slicing and padding."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf.layers import SubsampleAndPad


@pytest.mark.parametrize("height,width", [(8, 8), (7, 5), (6, 9), (1, 2)])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("filters", [3, 4, 8])
def test_equals_numpy(rng, height, width, stride, filters):
    inputs = rng.normal(size=(2, height, width, 3)).astype("float32")
    outputs = SubsampleAndPad(filters, stride)(inputs)
    expected = np.pad(
        inputs[:, ::stride, ::stride],
        [(0, 0), (0, 0), (0, 0), (0, filters - 3)],
    )
    np.testing.assert_array_equal(outputs, expected)


@pytest.mark.parametrize(
    "side,expected", [(8, 4), (7, 4), (1, 1), (None, None)]
)
def test_symbolic_shape(side, expected):
    outputs = SubsampleAndPad(5, 2)(keras.Input((side, side, 3)))
    assert outputs.shape == (None, expected, expected, 5)


def test_stride_defaults_to_one(rng):
    inputs = rng.normal(size=(1, 3, 3, 2)).astype("float32")
    np.testing.assert_array_equal(SubsampleAndPad(2)(inputs), inputs)


def test_gradient_goes_to_the_kept_pixels(rng):
    weights = rng.normal(size=(2, 2, 3, 4)).astype("float32")
    inputs = tf.constant(rng.normal(size=(2, 3, 5, 2)).astype("float32"))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        total = tf.reduce_sum(weights * SubsampleAndPad(4, 2)(inputs))
    expected = np.zeros(inputs.shape)
    expected[:, ::2, ::2] = weights[..., :2]
    np.testing.assert_array_equal(tape.gradient(total, inputs), expected)


def test_more_channels_than_filters():
    with pytest.raises(
        ValueError, match=r"at most filters=2.*Received.*\(1, 4, 4, 3\)"
    ):
        SubsampleAndPad(2)(np.zeros((1, 4, 4, 3), "float32"))


def test_mixed_precision_keeps_the_values():
    inputs = np.arange(8, dtype="float32").reshape(1, 2, 2, 2)
    outputs = SubsampleAndPad(3, 2, dtype="mixed_bfloat16")(inputs)
    assert outputs.dtype == "bfloat16"
    np.testing.assert_array_equal(
        np.asarray(outputs, "float32"), [[[[0, 1, 0]]]]
    )


def test_config_round_trip():
    layer = SubsampleAndPad(7, 3, name="shortcut")
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    again = keras.saving.deserialize_keras_object(config)
    assert (again.filters, again.stride, again.name) == (7, 3, "shortcut")


def test_reload_gives_equal_outputs(rng, tmp_path):
    inputs = rng.normal(size=(2, 5, 5, 3)).astype("float32")
    model = keras.Sequential([keras.Input((5, 5, 3)), SubsampleAndPad(4, 2)])
    model.save(tmp_path / "shortcut.keras")
    again = keras.models.load_model(tmp_path / "shortcut.keras")
    np.testing.assert_array_equal(
        again(inputs), np.pad(inputs[:, ::2, ::2], [(0, 0)] * 3 + [(0, 1)])
    )

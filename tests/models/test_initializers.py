"""Bernoulli weights: two values, independent, from a seed."""

import keras
import numpy as np
import pytest

from dlgn_tf.models.build import create_model, load_model
from dlgn_tf.models.initializers import Bernoulli, bernoulli_weights


@pytest.mark.parametrize(
    "arguments, shape, sigma",
    [
        # sqrt(2 / 8), sqrt(2 / 32), 3 / sqrt(4), sqrt(2 / (3 * 3 * 2)).
        ({"width": 8}, (5, 8), 0.5),
        ({}, (32, 8), 0.25),
        ({"scale": 3.0, "width": 4}, (4, 4), 1.5),
        ({}, (3, 3, 2, 16), 1 / 3),
        ({"width": 4}, (3, 3, 2, 4), np.sqrt(2 / 36)),
    ],
)
def test_entries_are_plus_or_minus_sigma(arguments, shape, sigma):
    weights = np.asarray(Bernoulli(seed=0, **arguments)(shape))
    assert weights.shape == shape
    np.testing.assert_allclose(np.abs(weights), sigma, rtol=1e-6)
    assert weights.min() < 0 < weights.max()


def test_signs_are_fair_and_independent():
    weights = np.asarray(Bernoulli(width=2, seed=1)((200, 300)))
    # Sums of 60,000 and 200 * 299 fair signs: five standard deviations.
    assert abs(weights.mean()) < 5 / np.sqrt(weights.size)
    neighbours = weights[:, 1:] * weights[:, :-1]
    assert abs(neighbours.mean()) < 5 / np.sqrt(neighbours.size)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_values_of_the_asked_type(dtype):
    drawn = Bernoulli(seed=0)((50, 4), dtype=dtype)
    assert drawn.dtype.name == dtype
    np.testing.assert_array_equal(
        np.unique(np.abs(drawn)), np.sqrt(2 / 50).astype(dtype)
    )
    layer = keras.layers.Dense(
        3, dtype=dtype, kernel_initializer=Bernoulli(width=3)
    )
    layer.build((None, 3))
    assert layer.kernel.dtype == dtype


def test_the_seed_decides():
    first, again, other = (
        np.asarray(Bernoulli(width=2, seed=seed)((20, 20)))
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


def test_config_round_trip_and_reload(tmp_path):
    initializer = Bernoulli(1.5, 6, seed=2)
    copy = keras.initializers.deserialize(
        keras.initializers.serialize(initializer)
    )
    assert (copy.scale, copy.width) == (1.5, 6)
    np.testing.assert_array_equal(copy((6, 6)), initializer((6, 6)))
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(6, kernel_initializer=initializer),
        ]
    )
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert loaded.layers[0].kernel_initializer.width == 6


@pytest.mark.parametrize("arguments", [{"scale": 0.0}, {"width": 0}])
def test_arguments_outside_their_range_are_refused(arguments):
    with pytest.raises(ValueError, match="Received: "):
        Bernoulli(**arguments)


def test_a_bias_is_no_kernel():
    with pytest.raises(ValueError, match=r"Received: shape=\(3,\)"):
        Bernoulli()((3,))


def test_a_whole_network(rng):
    network = create_model(
        "gconv_dgn", (8, 8, 1), seed=0, width=4, head_width=8
    ).value_network
    network.get_layer("conv1").bias.assign(np.ones(4))
    bernoulli_weights(network, width=8, seed=5)
    conv3, conv4, dense1, dense2 = (
        np.asarray(network.get_layer(name).kernel)
        for name in ("conv3", "conv4", "dense1", "dense2")
    )
    np.testing.assert_allclose(np.abs(conv4), np.sqrt(2 / 72), rtol=1e-6)
    np.testing.assert_allclose(np.abs(dense2), 0.5, rtol=1e-6)
    assert np.any(np.sign(conv3) != np.sign(conv4[:, :, :4]))
    # Equal shapes, unequal weights.
    assert dense1.shape == dense2.shape and np.any(dense1 != dense2)
    assert not np.any(network.get_layer("conv1").bias)

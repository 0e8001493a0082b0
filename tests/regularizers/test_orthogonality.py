"""The orthogonality penalty against loops over pairs of filters."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from dlgn_tf.regularizers import (
    Orthogonality,
    largest_cosine,
    least_penalty,
    orthogonality_penalty,
)


def by_pairs(kernel, slopes=(0.0, 1.0)):
    """Condition (11): all pairs of filters and of their regions."""
    filters = [kernel[..., k].ravel() for k in range(kernel.shape[-1])]
    total = 0.0
    for k, other in itertools.permutations(range(len(filters)), 2):
        for s, t in itertools.product(slopes, repeat=2):
            total += (s * filters[k] @ (t * filters[other])) ** 2
    return total


@pytest.mark.parametrize("shape", [(7, 4), (4, 7), (3, 2, 5, 4), (6, 1)])
@pytest.mark.parametrize("slopes", [(0, 1), (0.2, 1), (-1, 1)])
def test_it_is_the_double_loop(rng, shape, slopes):
    kernel = rng.normal(size=shape)
    expected = by_pairs(kernel, slopes)
    found = orthogonality_penalty(tf.constant(kernel), "sum", slopes)
    assert float(found) == pytest.approx(expected, rel=1e-10, abs=1e-12)
    mean = orthogonality_penalty(tf.constant(kernel), "mean_entries", slopes)
    assert float(mean) == pytest.approx(
        expected / shape[-1] ** 2, rel=1e-10, abs=1e-12
    )


def test_welch_bound(rng):
    """96 unit filters of 27 inputs: at least 96^2 / 27 - 96."""
    random = rng.normal(size=(27, 96))
    random /= np.linalg.norm(random, axis=0)
    bound = 96**2 / 27 - 96
    found = least_penalty(tf.constant(random))
    assert float(found) == pytest.approx(bound, rel=1e-12)
    assert float(orthogonality_penalty(tf.constant(random))) > bound
    # A frame that is tight and of equal lengths reaches it: a harmonic one.
    angles = 2 * np.pi * np.outer(np.arange(5), np.arange(1, 3)) / 5
    frame = np.concatenate([np.cos(angles), np.sin(angles)], axis=1).T / 2**0.5
    found = float(orthogonality_penalty(tf.constant(frame)))
    assert found == pytest.approx(5**2 / 4 - 5, rel=1e-12)
    assert float(least_penalty(tf.constant(frame))) == pytest.approx(found)
    assert float(least_penalty(tf.constant(random[:, :20]))) == 0


def test_largest_cosine(rng):
    kernel = rng.normal(size=(2, 2, 3, 4))
    columns = kernel.reshape(-1, 4)
    unit = columns / np.linalg.norm(columns, axis=0)
    cosines = np.abs(unit.T @ unit)[np.triu_indices(4, 1)]
    found = float(largest_cosine(tf.constant(kernel)))
    assert found == pytest.approx(cosines.max(), rel=1e-12)
    columns[:, 0] = 0
    assert np.isfinite(float(largest_cosine(tf.constant(columns))))
    assert float(largest_cosine(tf.constant(columns[:, :1]))) == 0


def test_largest_cosine_of_float32_is_found_in_float64(rng):
    """Rounding in float32, or TF32, would be seen in the ninth digit."""
    kernel = rng.normal(size=(300, 6)).astype("float32")
    wide = kernel.astype("float64")
    unit = wide / np.linalg.norm(wide, axis=0)
    cosines = np.abs(unit.T @ unit)[np.triu_indices(6, 1)]
    found = float(largest_cosine(tf.constant(kernel)))
    assert found == pytest.approx(cosines.max(), rel=1e-13)


def test_as_a_regularizer_of_keras_layers(rng, tmp_path):
    regularizer = Orthogonality(0.5, "mean_entries", (-1, 1))
    layer = keras.layers.Conv2D(4, 2, kernel_regularizer=regularizer)
    image = keras.Input((5, 5, 3))
    model = keras.Model(image, layer(image))
    expected = 0.5 * by_pairs(np.asarray(layer.kernel), (-1, 1)) / 16
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-5)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert float(sum(loaded.losses)) == pytest.approx(expected, rel=1e-5)
    config = regularizer.get_config()
    assert Orthogonality.from_config(config).get_config() == config


def test_wrong_arguments():
    with pytest.raises(ValueError, match="reduction"):
        orthogonality_penalty(tf.zeros((3, 2)), "mean")
    with pytest.raises(ValueError, match="reduction"):
        Orthogonality(reduction="max")
    with pytest.raises(ValueError, match="factor"):
        Orthogonality(-1.0)


def gram_of(layer, shape):
    """Of the filters as a layer uses them: its rows as a linear map.

    One output position is looked at; of a transposed convolution, all that one
    pixel reaches.
    """
    size = int(np.prod(shape))
    basis = np.eye(size, dtype="float32").reshape(size, *shape)
    rows = np.asarray(layer(basis), np.float64)
    filters = rows.reshape(size, -1, rows.shape[-1])
    filters = filters.reshape(-1, rows.shape[-1])
    return filters.T @ filters


KERAS_LAYERS = {
    "Dense": (lambda: keras.layers.Dense(4), (6,), {}),
    "Conv1D": (lambda: keras.layers.Conv1D(4, 3), (3, 2), {}),
    "Conv2D": (lambda: keras.layers.Conv2D(4, 2), (2, 2, 3), {}),
    "Conv3D": (lambda: keras.layers.Conv3D(4, 2), (2, 2, 2, 2), {}),
    "grouped": (
        lambda: keras.layers.Conv2D(6, 2, groups=2),
        (2, 2, 4),
        {"groups": 2},
    ),
    "depthwise": (
        lambda: keras.layers.DepthwiseConv2D(2, depth_multiplier=3),
        (2, 2, 4),
        {"filter_axes": (-2, -1), "groups": 4},
    ),
    "transposed": (
        lambda: keras.layers.Conv2DTranspose(4, 3),
        (1, 1, 2),
        {"filter_axes": -2},
    ),
    "einsum": (
        lambda: keras.layers.EinsumDense("bc,dec->bde", (2, 3)),
        (5,),
        {"filter_axes": (0, 1)},
    ),
}


@pytest.mark.parametrize("name", KERAS_LAYERS)
def test_filters_are_those_that_the_layer_uses(name):
    make, shape, options = KERAS_LAYERS[name]
    layer = make()
    layer.build((None, *shape))
    if name == "einsum":
        flat = keras.layers.Reshape((-1,))
        gram = gram_of(lambda x: flat(layer(x)), shape)
    else:
        gram = gram_of(layer, shape)
    expected = np.sum((gram - np.diag(np.diag(gram))) ** 2)
    assert expected > 1e-3
    kernel = layer.kernel
    found = Orthogonality(**options)(kernel)
    assert float(found) == pytest.approx(expected, rel=1e-4)
    lengths = np.sqrt(np.diag(gram))
    cosines = np.abs(gram / lengths / lengths[:, None])
    np.fill_diagonal(cosines, 0)
    found = float(largest_cosine(kernel, **options))
    assert found == pytest.approx(cosines.max(), rel=1e-4)
    assert float(least_penalty(kernel, "sum", **options)) <= expected


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_16_bits_do_not_overflow(rng, dtype):
    kernel = tf.cast(100 * rng.normal(size=(3, 3, 4, 8)), dtype)
    wide = np.float64(tf.cast(kernel, tf.float64))
    for function, wanted in (
        (orthogonality_penalty, by_pairs(wide)),
        (least_penalty, float(least_penalty(wide))),
        (largest_cosine, float(largest_cosine(wide))),
    ):
        assert float(function(kernel)) == pytest.approx(wanted, rel=1e-4)


def test_welch_bound_of_groups(rng):
    """Each group of more filters than inputs has one of its own."""
    kernel = rng.normal(size=(3, 12))
    kernel /= np.linalg.norm(kernel, axis=0)
    found = float(least_penalty(kernel, groups=3))
    assert found == pytest.approx(3 * (4**2 / 3 - 4), rel=1e-10)
    with pytest.raises(ValueError, match="12 filters split.*groups=5"):
        orthogonality_penalty(kernel, groups=5)
    with pytest.raises(ValueError, match="filter_axes=3"):
        orthogonality_penalty(kernel, filter_axes=3)

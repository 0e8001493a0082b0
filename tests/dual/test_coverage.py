"""Which networks take the faster ways: against paths one by one."""

import keras
import numpy as np
import pytest
from keras import layers

from dlgn_tf import dual, from_keras
from dlgn_tf.dual import position_maps
from dlgn_tf.dual.claims import tiny_networks
from dlgn_tf.dual.coverage import structure_of
from dlgn_tf.dual.polynomials import Polynomials
from dlgn_tf.dual.position_maps import position_map
from dlgn_tf.errors import UserError
from dlgn_tf.layers import CircularPadding
from dlgn_tf.models.build import create_model

relu = tiny_networks.relu


def flat(x):
    return layers.Flatten()(x)


def pool(h):
    return layers.GlobalAveragePooling2D()(h)


def conv(h, side=2, padding="same"):
    return layers.Conv2D(2, side, padding=padding)(h)


def pooled_first(x):
    return relu(layers.Dense(3)(pool(x)))


def gated_first(x):
    return relu(layers.Dense(2)(relu(flat(x))))


def gated_twice(x):
    return relu(relu(layers.Dense(3)(flat(x))))


def gate_left_out(x):
    return relu(layers.Dense(3)(layers.Dense(2)(flat(x))))


def convolutions_without_gate(x):
    return pool(relu(conv(conv(x))))


def dense_at_each_pixel(x):
    return pool(relu(layers.Dense(3)(x)))


def blocks_without_a_first(x):
    h = layers.Dense(3)(flat(x))
    return relu(layers.Add()([h, relu(layers.Dense(3)(h))]))


def added_twice(x):
    h = relu(layers.Dense(2)(flat(x)))
    return relu(layers.Dense(2)(layers.Add()([h, h])))


def padded_but_not_there(x):
    h = relu(conv(CircularPadding(2)(x), padding="valid"))
    return pool(relu(conv(CircularPadding(2)(h), side=1)))


def two_paddings(x):
    h = relu(conv(CircularPadding(2)(x), padding="valid"))
    return pool(relu(conv(h)))


def depthwise_at_two_places(x):
    """The same random scales, at other channels of a concatenation."""
    scaled = layers.DepthwiseConv2D(2, padding="same")(x)
    other = layers.Conv2D(1, 2, padding="same")(x)
    both = layers.Concatenate()([scaled, other])
    h = layers.Add()([both, layers.Concatenate()([other, scaled])])
    return pool(relu(h))


def two_depthwise(x):
    h = layers.DepthwiseConv2D(2, padding="same")(x)
    h = layers.DepthwiseConv2D((2, 1), padding="same")(relu(h))
    return pool(relu(conv(h, side=1)))


def depthwise_in_a_skip(x):
    h = relu(conv(x))
    branch = relu(layers.DepthwiseConv2D(2, padding="same")(h))
    return pool(relu(conv(layers.Add()([h, branch]), side=1)))


def image_beside_a_stream(x):
    """What does not depend on weights is added and joined to what does."""
    h = layers.Add()([x, relu(conv(x))])
    return pool(relu(conv(layers.Concatenate()([h, x]), side=1)))


def created(end, rng):
    x = keras.Input(tiny_networks.SHAPE)
    plain = keras.Model(x, layers.Dense(1)(end(x)))
    model = from_keras(
        plain, "dgn", normalization="unit", keep="all", gate="soft", beta=4
    )
    tiny_networks.draw_weights(model, rng)
    return model


def images_of(rng):
    return rng.integers(0, 256, (3, *tiny_networks.SHAPE)).astype("uint8")


OFTEN = (
    pooled_first,
    gated_first,
    gated_twice,
    gate_left_out,
    convolutions_without_gate,
    dense_at_each_pixel,
    padded_but_not_there,
    depthwise_at_two_places,
)
# Variations.
SELDOM = (
    blocks_without_a_first,
    added_twice,
    two_paddings,
    two_depthwise,
    depthwise_in_a_skip,
    image_beside_a_stream,
)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    "end",
    [*OFTEN, *(pytest.param(x, marks=pytest.mark.slow) for x in SELDOM)],
)
def test_equals_enumeration(end, rng):
    """Of what only looks like a chain, and of streams that meet again."""
    model, images = created(end, rng), images_of(rng)
    assert structure_of(model) is None
    paths = Polynomials(model, images)
    found = dual.neural_path_kernel(model, images)
    np.testing.assert_allclose(found, paths.kernel(), rtol=1e-9)
    variances = rng.uniform(0.5, 2, len(paths.variance))
    found = dual.neural_path_kernel(model, images, variances=variances)
    by_name = dict(zip(paths.variance, variances, strict=True))
    expected = paths.kernel(by_name, derivative=True)
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    with_biases = Polynomials(model, images, biases=True).kernel()
    found = dual.neural_path_kernel(model, images, biases=True)
    np.testing.assert_allclose(found, with_biases, rtol=1e-9)


def test_a_dense_layer_that_is_called_twice_is_refused(rng):
    shared = layers.Dense(4, name="shared")

    def end(x):
        h = relu(layers.Dense(4)(flat(x)))
        return relu(shared(relu(shared(h))))

    with pytest.raises(UserError, match="shared, a Dense, is called 2 times"):
        dual.neural_path_kernel(created(end, rng), images_of(rng))


@keras.saving.register_keras_serializable(package="tests")
class HalfAdd(layers.Add):
    """It may do anything with what it derives from."""

    def call(self, x):
        return 0.5 * super().call(x)


def test_a_layer_is_not_taken_for_what_it_derives_from(rng):
    def end(x):
        h = relu(layers.Dense(4)(flat(x)))
        return relu(layers.Dense(4)(HalfAdd()([h, h])))

    with pytest.raises(UserError, match="takes several tensors"):
        dual.neural_path_kernel(created(end, rng), images_of(rng))


def test_sequences_are_refused(rng):
    """Rows of vectors are no positions of an image."""

    def end(x):
        h = relu(layers.Dense(3)(layers.Reshape((9, 2))(x)))
        return flat(h)

    with pytest.raises(UserError, match="no image and no vector"):
        dual.neural_path_kernel(created(end, rng), images_of(rng))


@pytest.mark.parametrize(
    "name,options,kind",
    [
        ("fc_dlgn", {"depth": 2}, "fully_connected"),
        ("fcresnet_dgn", {"depth": 8}, "residual"),
        ("c4gap_dgn", {"padding": "circular"}, "convolutional"),
        ("c4gap_dgn", {"kernel_size": 1}, "convolutional"),
        ("gconv_dlgn", {"head_width": 2}, "convolutional"),
        ("resnet20_dgn", {"depth": 8}, None),
    ],
)
def test_networks_that_take_them(name, options, kind):
    model = create_model(name, (8, 8, 1), width=2, **options)
    structure = structure_of(model)
    assert kind == (structure and structure.kind)
    if structure:
        in_order = [site for block in structure.blocks for site in block]
        assert in_order == list(model.site_names)


class Clip(layers.Layer):
    """Linear where numbers are small."""

    def call(self, x):
        return keras.ops.clip(x, -6, 6)


def called(layer, shape=(6, 5, 2), **options):
    layer(keras.Input(shape, **options))
    return layer


@pytest.mark.parametrize("layer", [Clip(), layers.Softmax()])
def test_what_is_linear_at_some_scale_alone_is_none(layer):
    with pytest.raises(ValueError, match="is not linear"):
        position_map(called(layer))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_position_maps(dtype, rng, monkeypatch):
    """Of layers that compute in few bits too, and of few positions at once."""
    monkeypatch.setattr(position_maps, "_NUMBERS", 100)
    assert position_map(called(layers.Dropout(0.5, dtype=dtype))) is None
    image = rng.normal(size=(6, 5, 2))
    pooling = layers.AveragePooling2D(2, 1, "same", dtype=dtype)
    for layer, made in (
        (layers.Permute((2, 1, 3), dtype=dtype), image.transpose(1, 0, 2)),
        (layers.Cropping2D(1, dtype=dtype), image[1:-1, 1:-1]),
        (pooling, means_of_neighbours(image)),
    ):
        by = position_map(called(layer))
        taken = image.reshape(-1, 2)[by.index] * by.weights[..., None]
        found = taken.sum(0).reshape(*by.space, 2)
        np.testing.assert_allclose(found, made, rtol=1e-12)


def means_of_neighbours(image):
    """Of 2 x 2 pixels, those that there are."""
    made = np.empty_like(image)
    for y, x in np.ndindex(image.shape[:2]):
        made[y, x] = image[y : y + 2, x : x + 2].mean((0, 1))
    return made

"""What the kernel of any network costs: said before, and kept to."""

import tracemalloc

import keras
import pytest
from keras import layers

from dlgn_tf import dual, from_keras
from dlgn_tf.command.memory import GIB
from dlgn_tf.dual import position_maps
from dlgn_tf.dual.blocks import Block
from dlgn_tf.dual.image_arrays import ImageArrays
from dlgn_tf.dual.propagation import Propagation
from dlgn_tf.dual.value_graph import plan_of
from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model


def images_of(rng, count, shape):
    return rng.integers(0, 256, (count, *shape)).astype("uint8")


def of_images(x, h):
    return from_keras(keras.Model(x, layers.Dense(10)(h)), "dgn", seed=0)


def vgg11(_):
    return create_model("vgg11_dgn", (32, 32, 1), width=2, seed=0)


def resnet16(_):
    return create_model("resnet20_dgn", (16, 16, 1), depth=8, width=2, seed=0)


def pooled(_):
    """Weights that are not the same for each site: zeros beyond an image."""
    x = keras.Input((12, 12, 1))
    h = layers.Conv2D(2, 3, padding="same", activation="relu")(x)
    h = layers.MaxPooling2D(3, 2, padding="same")(h)
    h = layers.Conv2D(2, 3, padding="same", activation="relu")(h)
    return of_images(x, layers.Flatten()(h))


def padded(_):
    x = keras.Input((12, 12, 1))
    h = layers.Conv2D(2, 3, padding="same", activation="relu")(x)
    h = layers.Conv2D(2, 3, activation="relu")(layers.ZeroPadding2D(2)(h))
    return of_images(x, layers.GlobalAveragePooling2D()(h))


@pytest.mark.parametrize("create", [vgg11, resnet16, pooled, padded])
def test_memory_is_bounded(create, rng):
    """What a block takes is what was said, or less."""
    model = create(rng)
    images = images_of(rng, 3, model.image_shape)
    plan = plan_of(model)
    (arrays,) = ImageArrays(model, plan.inputs, plan.choices)([images], 1.0)
    propagation = Propagation(plan, arrays)
    side = min(propagation.most, 3)
    tracemalloc.start()
    propagation.of_block(Block(slice(0, side), slice(0, side), False))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    said = propagation.block_bytes(side)
    assert said / 4 < peak < said


def test_memory_is_refused_before_a_block_is_computed(rng, monkeypatch):
    """Where a pair of images does not fit beside gates and kernel."""
    model = resnet16(rng)
    images = images_of(rng, 3, (16, 16, 1))
    plan = plan_of(model)
    (arrays,) = ImageArrays(model, plan.inputs)([images], 1.0)
    propagation = Propagation(plan, arrays)
    bound = (propagation.nbytes + propagation.block_bytes(1) // 2) / GIB
    monkeypatch.setattr(Propagation, "of_block", None)
    for call in (
        lambda: propagation(bound, progress=True),
        lambda: dual.expected_seconds(model, images, memory_gib=bound),
    ):
        with pytest.raises(UserError, match="3 x 3 images: .*memory_gib"):
            call()


def test_large_images_are_refused_before_layers_are_tried(rng, monkeypatch):
    x = keras.Input((224, 224, 3))
    h = layers.Conv2D(2, 3, padding="same", activation="relu")(x)
    h = layers.AveragePooling2D(2)(layers.Dropout(0.5)(h))
    h = layers.Conv2D(2, 3, activation="relu")(h)
    model = of_images(x, layers.GlobalAveragePooling2D()(h))
    monkeypatch.setattr(position_maps, "_called", None)
    with pytest.raises(UserError, match="pair of images, where they enter"):
        dual.expected_seconds(model, images_of(rng, 2, (224, 224, 3)))


def fc(_):
    """No chain for `dlgn_tf.dual.kernels`: its outputs are scaled."""
    options = {"loss": "squared", "targets": ([0, 0], [1, 2]), "seed": 0}
    return create_model("fc_dgn", (3, 3, 2), 2, depth=3, width=4, **options)


@pytest.mark.parametrize("create,sides", [(resnet16, [1, 2]), (fc, [1, 20])])
def test_time_is_that_of_a_whole_block(create, sides, rng, monkeypatch):
    """Of as many images as the kernel has in one, after a first small one."""
    model, measured = create(rng), []
    of_block = Propagation.of_block

    def noted(self, block):
        measured.append(block.rows.stop)
        return of_block(self, block)

    monkeypatch.setattr(Propagation, "of_block", noted)
    images = images_of(rng, 20, model.image_shape)
    assert dual.expected_seconds(model, images) > 0
    assert measured == sides

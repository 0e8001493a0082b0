"""Kernels of networks that pad with zeros, stride, pool and skip.

As `npk`, against draws of gradients: ResNet-20 on images of two sizes, and
two convolutions of 64 channels with a pooling between them, on 64 images
and within 1 GiB.
"""

from benchmarks.kernel_draws import against_gradients, hard
from benchmarks.trainings import random_images


def compare(options):
    for side in (8, 16):
        model = hard("resnet20_dgn", (side, side, 3), width=8)
        name = f"resnet20, width 8, 100 images {side}x{side}"
        yield _of_plan(name, model, 100)
    yield _of_plan(
        "conv 64, pool, conv 64, 64 images 16x16", _pooled(64, (16, 16, 3)), 64
    )


def _pooled(filters, shape):
    import keras
    from keras import layers

    from dlgn_tf import from_keras

    h = x = keras.Input(shape)
    h = layers.Conv2D(filters, 3, padding="same", activation="relu")(h)
    h = layers.AveragePooling2D(2)(h)
    h = layers.Conv2D(filters, 3, padding="same", activation="relu")(h)
    y = layers.Dense(1)(layers.GlobalAveragePooling2D()(h))
    return from_keras(keras.Model(x, y), "dgn", gate="hard", seed=0)


def _of_plan(name, model, count):
    """A single round: minutes, most of them of gradients."""
    from dlgn_tf.dual.costs import operations
    from dlgn_tf.dual.value_graph import plan_of

    return against_gradients(
        name,
        model,
        random_images(count, model.image_shape).images,
        products=operations(plan_of(model)) // 2,
        bound=1.0,
        rounds=1,
    )

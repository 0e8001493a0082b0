"""Keras models of a few units, of each kind that people train."""

import keras
from keras import layers

from dlgn_tf.layers import CircularPadding, SubsampleAndPad

SHAPE = (3, 3, 2)


def conv(h, filters=2, side=2, **options):
    options = {"padding": "same", **options}
    return layers.Conv2D(filters, side, **options)(h)


def relu(h):
    return layers.ReLU()(h)


def norm(h):
    return layers.BatchNormalization()(h)


def zero_padding(x):
    return relu(conv(relu(conv(x, side=3))))


def strides(x):
    h = relu(conv(x, strides=2))
    return relu(conv(h, side=(2, 1), padding="valid"))


def dilation(x):
    return relu(conv(relu(conv(x)), dilation_rate=2))


def average_pooling(x):
    h = layers.AveragePooling2D((2, 1))(relu(conv(x)))
    return relu(conv(h))


def gated_after_pooling(x):
    """A gate before and behind windows that overlap."""
    h = layers.AveragePooling2D((2, 2), strides=1)(relu(conv(x)))
    return relu(conv(relu(h), side=1))


def max_pooling(x):
    h = layers.MaxPooling2D((2, 2), strides=1)(relu(conv(x)))
    h = layers.MaxPooling2D((2, 1))(relu(conv(norm(h))))
    return h


def normalized(x):
    return relu(norm(conv(relu(norm(conv(x, use_bias=False))))))


def original_block(x):
    """ResNet v1: the gated stream goes on through the skip."""
    h = relu(norm(conv(x)))
    branch = norm(conv(relu(norm(conv(h, side=1)))))
    return relu(layers.Add()([h, branch]))


def original_projection(x):
    h = relu(norm(conv(x)))
    branch = norm(conv(h, 3, strides=2))
    return relu(layers.Add()([norm(conv(h, 3, 1, strides=2)), branch]))


def original_padding(x):
    h = relu(norm(conv(x)))
    branch = norm(conv(h, 3, strides=2))
    skip = SubsampleAndPad(3, 2)(h)
    h = relu(layers.Add()([skip, branch]))
    return relu(layers.Add()([h, conv(h, 3, 1)]))


def preactivated_blocks(x):
    """ResNet v2: shortcut after the first gate, then shortcut A, then none."""
    h = start = relu(norm(conv(x)))
    h = layers.Add()([start, conv(h)])
    branch = conv(relu(norm(h)), 3, 1, strides=2)
    h = layers.Add()([SubsampleAndPad(3, 2)(h), branch])
    h = layers.Add()([h, conv(relu(norm(h)), 3, 1)])
    return relu(norm(h))


def bottleneck(x):
    h = conv(x, 3)
    branch = conv(relu(norm(h)), 2, 1)
    branch = conv(relu(norm(branch)), 3, 1)
    return relu(layers.Add()([h, branch]))


def depthwise(x):
    h = relu(norm(conv(x)))
    h = layers.DepthwiseConv2D(2, padding="same", depth_multiplier=2)(h)
    h = relu(norm(h))
    return relu(conv(h, 2, 1))


def separable(x):
    h = relu(layers.SeparableConv2D(2, 2, padding="same")(x))
    return relu(layers.SeparableConv2D(3, 2, padding="same")(h))


def moved_and_averaged(x):
    """Zeros on some sides, an average of streams, positions that repeat."""
    h = relu(conv(layers.ZeroPadding2D(((1, 0), (0, 1)))(x), padding="valid"))
    h = layers.Average()([h, relu(conv(h, side=1))])
    return relu(conv(layers.UpSampling2D(2)(h), strides=2, side=3))


def groups(x):
    return relu(conv(relu(conv(x, 4)), 4, groups=2))


def dense_block(x):
    h = relu(conv(x))
    h = layers.Concatenate()([h, relu(norm(conv(h, 1)))])
    return relu(norm(conv(h)))


def same_stream_twice(x):
    """A covariance of two terms with one another."""
    h = conv(x)
    h = layers.Add()([h, relu(h), layers.AveragePooling2D(2, 1, "same")(h)])
    return relu(h)


def circular(x):
    for _ in range(2):
        x = relu(conv(CircularPadding(3)(x), side=3, padding="valid"))
    return x


def flattened(x):
    h = layers.AveragePooling2D((2, 1))(relu(conv(x)))
    h = layers.Dropout(0.5)(layers.Flatten()(h))
    return relu(norm(layers.Dense(2)(relu(h))))


KINDS = {
    x.__name__: x
    for x in (
        zero_padding,
        strides,
        dilation,
        average_pooling,
        gated_after_pooling,
        max_pooling,
        normalized,
        original_block,
        original_projection,
        original_padding,
        preactivated_blocks,
        bottleneck,
        depthwise,
        separable,
        moved_and_averaged,
        groups,
        dense_block,
        same_stream_twice,
        circular,
        flattened,
    )
}


def create(kind, rng):
    """A Keras model of one output, its weights and statistics drawn."""
    x = keras.Input(SHAPE, name="x")
    h = KINDS[kind](x)
    if len(h.shape) == 4:
        h = layers.GlobalAveragePooling2D()(h)
    model = keras.Model(x, layers.Dense(1)(h), name=kind)
    draw_weights(model, rng)
    return model


def draw_weights(model, rng):
    for weight in model.weights:
        drawn = rng.normal(size=weight.shape)
        if "variance" in weight.path:
            drawn = rng.uniform(0.5, 2, weight.shape)
        weight.assign(drawn)

"""Disentangler nets: as many nonlinear layers as an order says.

Source: Ren et al. (arXiv 2006.15920), section 3 and appendix; depths, widths,
blocks and strides are those of the authors' code.
"""

import math
from collections.abc import Sequence

import keras
from keras import layers

from dlgn_tf.complexity.features import Feature
from dlgn_tf.complexity.unit import Unit
from dlgn_tf.errors import UserError
from dlgn_tf.layers import BatchNorm, SubsampleAndPad
from dlgn_tf.models.convolution import he_convolution
from dlgn_tf.models.gated import copy_weights
from dlgn_tf.models.layout import channels_last
from dlgn_tf.models.seeds import initial_weights_from

ORDERS = (4, 7, 13, 25)
# Filters of the three stages, times the width r.
STAGES = (128, 256, 512)
# Which stages halve the resolution, of as many halvings as the index says.
_STAGE_STRIDES = ((1, 1, 1), (1, 1, 2), (1, 2, 2), (2, 2, 2))
# Of stem, max pooling and stages together.
_MOST_HALVINGS = 5
OUTPUT = "output"
# Of He's deviation, for the weights of the output. At 1 a new net gives values
# as large as a feature in its unit, which a short training has to unlearn.
_OUTPUT_GAIN = 0.1


def blocks_of(order: int) -> int:
    """Blocks m in each stage of a net of order l = 3m + 1.

    Raises:
        UserError: if there is no such order.
    """
    blocks, left = divmod(int(order) - 1, 3)
    if left or blocks < 1 or order != int(order):
        raise UserError(
            "Expected an order of a disentangler net, 3m + 1 for a number of "
            "blocks m >= 1: 4, 7, 10, 13, ... (the paper's are 4, 7, 13, 25, "
            f"49, 97). Received: order={order}"
        )
    return blocks


def order_of(blocks: int) -> int:
    """The order 3m + 1 of a net of m blocks in each stage."""
    return 3 * blocks + 1


@channels_last()
def disentangler(
    order: int,
    feature_shape: Sequence[int],
    image_shape: Sequence[int],
    width: float = 1.0,
    normalization: keras.layers.Layer | None = None,
    unit: Unit | None = None,
    seed: int | None = None,
) -> keras.Model:
    """A net of `order` ReLU layers from images to a feature's shape.

    3x3 convolution, batch normalisation, ReLU; three stages of m blocks; a 1x1
    convolution with biases. A block is a convolution, batch normalisation and
    the shortcut's sum before one ReLU: with order = 3m + 1 there are 3m + 1
    ReLUs and 3m + 2 convolutions. Stages halve the resolution where the feature
    asks for it. A feature whose sides are no halvings of the image's is reached
    by average pooling, and one without sides by a dense layer on the flattened
    last stage in place of the 1x1 convolution (both assumed: the paper has no
    such features); neither adds a nonlinear layer. Where three halvings do not
    suffice, as of images of 224 pixels, the first convolution is a 7x7 one of
    stride 2, with max pooling behind it where the feature is 32 times smaller
    than the image.

    Shortcuts add their zero channels behind the others and not on both sides,
    as the authors' do: the same nets with their channels in another order.
    Padding is Keras's "same", as in the zoo's ResNets: where a side is even, a
    window of stride 2 begins at the pixel that the shortcut keeps, and the
    authors' (PyTorch, one zero on each side) has it in the middle.
    Batch normalisation has PyTorch's defaults (momentum 0.9, epsilon 1e-5), as
    the authors' code is written in it. The weights of the output begin at a
    tenth of He's, so that a new net gives next to nothing (assumed: the
    authors' begin at He's).

    Args:
        order: l = 3m + 1, the number of ReLU layers.
        feature_shape: `(height, width, channels)` or `(units,)`.
        image_shape: `(height, width, channels)`.
        width: > 0, r of the paper: the stages have 128r, 256r and 512r filters.
        normalization: What puts pixels on their scale in the studied network,
            which is copied, or None.
        unit: In which the net learns the feature, and which a last layer of
            fixed numbers leaves, or None.
        seed: From which all initial weights follow, or None.

    Returns:
        Functional model, images -> feature.

    Raises:
        UserError: if there is no such order, or the feature is larger than the
            image.
    """
    blocks = blocks_of(order)
    feature_shape, image_shape = tuple(feature_shape), tuple(image_shape)
    _check(feature_shape, image_shape, width)
    halvings = _halvings(image_shape[:2], feature_shape[:-1])
    with initial_weights_from(seed):
        image = keras.Input(image_shape, name="image")
        h = _copied(normalization)(image) if normalization else image
        h, left = _stem(h, _filters(width)[0], halvings)
        for stage, stride in enumerate(_STAGE_STRIDES[left], start=1):
            filters = _filters(width)[stage - 1]
            for block in range(1, blocks + 1):
                name = f"stage{stage}_block{block}"
                h = _block(h, filters, stride if block == 1 else 1, name)
        output = _output(h, feature_shape)
        if unit:
            output = unit.back(output, "unit")
    net = keras.Model(image, output, name=f"disentangler{order}")
    if tuple(net.output_shape[1:]) != feature_shape:
        raise ValueError(
            f"Expected an output of shape {feature_shape}. Received: "
            f"{net.output_shape[1:]}"
        )
    return net


def net_for(
    feature: Feature,
    order: int,
    width: float,
    seed: int,
    unit: Unit | None = None,
) -> keras.Model:
    """A `disentangler` that can learn a feature, which is normalised alike."""
    return disentangler(
        order,
        feature.shape,
        feature.image_shape,
        width,
        feature.normalization,
        unit,
        seed,
    )


def in_unit(net: keras.Model) -> keras.Model:
    """A `disentangler` without the layer that leaves the unit.

    Both have the same weights.
    """
    return keras.Model(net.inputs, net.get_layer(OUTPUT).output, name=net.name)


def warm_start(small: keras.Model, large: keras.Model) -> None:
    """Copies a net's weights to a deeper one, in place.

    Stem, output and the first blocks of each stage become those of `small`, a
    `disentangler` of the same options; the other blocks stay as they are.
    """
    known = {layer.name for layer in small.layers}
    new = [layer.name for layer in large.layers if layer.name not in known]
    copy_weights(small, large, except_for=new)


def parameters(net: keras.Model) -> int:
    """How many numbers are trained; moving averages are not."""
    return sum(math.prod(v.shape) for v in net.trainable_variables)


def _filters(width):
    return [max(1, round(width * filters)) for filters in STAGES]


def _check(feature_shape, image_shape, width):
    if not width > 0:
        raise UserError(f"Expected a width > 0. Received: width={width}")
    if len(image_shape) != 3 or len(feature_shape) not in (1, 3):
        raise UserError(
            "Expected images (height, width, channels) and a feature (height, "
            f"width, channels) or (units,). Received: {image_shape}, "
            f"{feature_shape}"
        )
    sides = zip(feature_shape[:-1], image_shape[:2], strict=False)
    if any(small > large for small, large in sides):
        raise UserError(
            "Expected a feature that is no larger than the image. Received: "
            f"{feature_shape} of images {image_shape}"
        )


def _halvings(sides, wanted):
    """How often sides are halved, without going below what is wanted.

    A feature without sides counts as one a quarter of the image's.
    """
    if not wanted:
        return min(2, int(math.log2(min(sides))))
    counts = range(_MOST_HALVINGS + 1)
    halved = [[-(-side // 2**count) for side in sides] for count in counts]
    if list(wanted) in halved:
        return halved.index(list(wanted))
    return max(
        count
        for count in counts
        if all(s >= w for s, w in zip(halved[count], wanted, strict=True))
    )


def _stem(h, filters, halvings):
    """Returns what the stages see, and how often they are to halve it."""
    large = halvings > 3
    size, stride = (7, 2) if large else (3, 1)
    h = he_convolution(h, filters, size, stride, "stem_conv")
    h = layers.ReLU(name="stem_relu")(BatchNorm(**_NORM, name="stem_bn")(h))
    left = halvings - large
    if left == len(_STAGE_STRIDES):
        h = layers.MaxPooling2D(3, 2, padding="same", name="stem_pool")(h)
        left -= 1
    return h, left


# PyTorch's defaults.
_NORM = {"momentum": 0.9, "epsilon": 1e-5}


def _block(h, filters, stride, name):
    skip = h
    if stride > 1 or h.shape[-1] != filters:
        skip = SubsampleAndPad(filters, stride, name=f"{name}_shortcut")(h)
    h = he_convolution(h, filters, 3, stride, f"{name}_conv")
    h = BatchNorm(**_NORM, name=f"{name}_bn")(h)
    h = layers.Add(name=f"{name}_add")([skip, h])
    return layers.ReLU(name=f"{name}_relu")(h)


def _output(h, feature_shape):
    *sides, channels = feature_shape
    near_zero = keras.initializers.VarianceScaling(
        2 * _OUTPUT_GAIN**2, "fan_in", "truncated_normal"
    )
    named = {"kernel_initializer": near_zero, "name": OUTPUT}
    if not sides:
        h = layers.Flatten(name="flatten")(h)
        return layers.Dense(channels, **named)(h)
    if tuple(h.shape[1:3]) != tuple(sides):
        h = layers.AdaptiveAveragePooling2D(tuple(sides), name="resize")(h)
    return layers.Conv2D(channels, 1, **named)(h)


def _copied(layer):
    return type(layer).from_config(layer.get_config())

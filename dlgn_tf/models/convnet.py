"""Plain convolutional networks without batch normalisation.

With `padding="circular"` those that end in global average pooling are covered
by the theory of neural path kernels, and blind to rotations of the image.
"""

from keras import layers

from dlgn_tf.models.convolution import convolution
from dlgn_tf.models.head import logits


def conv_gap(x, site, classes, depth, width, kernel_size, padding, biases):
    """C1GAP, C4GAP: convolutions, global average pooling, dense.

    Every convolution has the same number of filters, stride 1 and keeps the
    resolution, so all gates have one shape and can be permuted.

    Source: the DLGN paper (arXiv 2110.03403), section 4. The numbers of filters
    are assumed (128, from later code of the same group).

    Args:
        depth: Integer >= 1. Number of convolutions.
        width: Integer. Filters of each.
        kernel_size: Integer. Side of each filter.
        padding: `"same"` or `"circular"`, see `convolution`.
        biases: Boolean. Whether layers have biases.
    """
    h = _gated_convolutions(
        x, site, [width] * depth, kernel_size, padding, biases
    )
    h = layers.GlobalAveragePooling2D(name="pool")(h)
    return logits(h, classes, biases)


def gconv(x, site, classes, depth, width, head_width, padding, biases):
    """GCONV: convolutions, global average pooling, two dense layers, dense.

    Source: the "CNN-GAP" of the neural path kernel paper (arXiv 2006.10529).
    The second half of the convolutions (the larger one of an odd number) has
    twice the filters of the first; the hidden dense layers carry gates of their
    own. Options are those of `conv_gap`; `width` is that of the first half, and
    `head_width` the units of the two hidden dense layers.
    """
    filters = _doubling(depth, width)
    h = _gated_convolutions(x, site, filters, 3, padding, biases)
    h = layers.GlobalAveragePooling2D(name="pool")(h)
    return _dense_head(h, site, classes, head_width, biases)


def vconv(x, site, classes, depth, width, head_width):
    """VCONV: as `gconv`, flattening where that one pools; see there.

    Source: the neural path kernel paper (arXiv 2006.10529).
    """
    h = _gated_convolutions(x, site, _doubling(depth, width), 3)
    h = layers.Flatten(name="flatten")(h)
    return _dense_head(h, site, classes, head_width)


def _doubling(depth, width):
    return [width] * (depth // 2) + [2 * width] * (depth - depth // 2)


def _gated_convolutions(
    x, site, filters, kernel_size, padding="same", biases=True
):
    h = x
    for index, count in enumerate(filters, start=1):
        name = f"conv{index}"
        h = convolution(h, count, kernel_size, name, padding, biases)
        h = site(h, name)
    return h


def _dense_head(h, site, classes, width, biases=True):
    for index in (1, 2):
        name = f"dense{index}"
        h = site(layers.Dense(width, use_bias=biases, name=name)(h), name)
    return logits(h, classes, biases)

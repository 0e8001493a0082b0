"""largecnn and smallcnn: convolutional networks of the SMASO paper."""

import functools

from keras import layers

from dlgn_tf.layers import BatchNorm
from dlgn_tf.models.convolution import POOLING, convolution
from dlgn_tf.models.head import logits

# Filters (in units of the width), side of each, stride; the seventh one sees
# no padding.
_LARGE = (
    (1, 3, 1),
    (1, 3, 1),
    (1, 3, 2),
    (2, 3, 1),
    (2, 3, 1),
    (2, 3, 2),
    (2, 3, 1),
    (2, 1, 1),
)
_UNPADDED = 7


def largecnn(x, site, classes, width, padding, batch_normalized, apodized):
    """Eight convolutions with gates, a 1x1 convolution to the logits, GAP.

    The last convolution and the mean over its positions are one linear map, in
    either order: here the mean comes first, and the convolution is the dense
    layer `logits`, of as many weights.

    Source: "From Hard to Soft" (arXiv 1810.09274), Appendix D. That one pixel
    is padded on either side where the stride is 2 is as in its authors' code;
    that there is no batch normalisation is assumed (their other networks have
    it).

    Args:
        width: Integer. Filters of the first three convolutions, half of those
            of the others.
        padding: `"valid"`, as published: the seventh convolution has none; or
            `"same"`: it has, as the others.
        batch_normalized: Boolean. Whether convolutions are batch-normalised;
            they then have no biases.
        apodized: Boolean. Whether filters are windowed, see `Apodized`.
    """
    conv = functools.partial(_gated, site, batch_normalized, apodized)
    h = x
    for index, (factor, side, stride) in enumerate(_LARGE, start=1):
        padded = padding == "same" or index != _UNPADDED
        h = conv(h, f"conv{index}", factor * width, side, stride, padded)
    h = layers.GlobalAveragePooling2D(name="pool")(h)
    return logits(h, classes)


def smallcnn(
    x, site, classes, width, padding, pooling, batch_normalized, apodized
):
    """Two convolutions with gates, each pooled, a 1x1 one; GAP; dense.

    Source: assumed. "From Hard to Soft" (arXiv 1810.09274), Appendix D, lists
    such a network; this one is that of later code of its authors.

    Args:
        width: Integer. Filters of the first convolution; the next ones have
            twice and four times as many.
        padding: Of the two 3x3 convolutions: `"valid"` or `"same"`.
        pooling: `"max"` or `"average"`. With max pooling the gating network of
            a DLGN is not linear.

    Other options are those of `largecnn`.
    """
    conv = functools.partial(_gated, site, batch_normalized, apodized)
    h = x
    for index in (1, 2):
        filters, padded = index * width, padding == "same"
        h = conv(h, f"conv{index}", filters, 3, 1, padded)
        h = POOLING[pooling](2, name=f"pool{index}")(h)
    h = conv(h, "conv3", 4 * width, 1, 1, False)
    h = layers.GlobalAveragePooling2D(name="pool")(h)
    return logits(h, classes)


def _gated(
    site, batch_normalized, apodized, h, name, filters, side, stride, padded
):
    """A convolution, perhaps batch normalisation, and a gate."""
    if padded and stride > 1:
        # "same" would pad one side more than the other.
        h = layers.ZeroPadding2D(side // 2, name=f"{name}_padding")(h)
        padded = False
    padding, biases = "same" if padded else "valid", not batch_normalized
    h = convolution(
        h, filters, side, name, padding, biases, apodized, strides=stride
    )
    if batch_normalized:
        h = BatchNorm(name=f"{name}_bn")(h)
    return site(h, name)

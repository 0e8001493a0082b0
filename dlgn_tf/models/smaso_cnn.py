"""largecnn and smallcnn: convolutional networks of the SMASO paper."""

from keras import layers

from dlgn_tf.layers import ApodizedConv2D, BatchNorm
from dlgn_tf.models.convolution import POOLING
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
    conv = _Convolution(site, batch_normalized, apodized)
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
    conv = _Convolution(site, batch_normalized, apodized)
    h = x
    for index in (1, 2):
        filters, padded = index * width, padding == "same"
        h = conv(h, f"conv{index}", filters, 3, 1, padded)
        h = POOLING[pooling](2, name=f"pool{index}")(h)
    h = conv(h, "conv3", 4 * width, 1, 1, False)
    h = layers.GlobalAveragePooling2D(name="pool")(h)
    return logits(h, classes)


class _Convolution:
    """Makes a convolution, perhaps batch normalisation, and a gate."""

    def __init__(self, site, batch_normalized, apodized):
        self._site = site
        self._batch_normalized = batch_normalized
        self._layer = ApodizedConv2D if apodized else layers.Conv2D

    def __call__(self, h, name, filters, side, stride, padded):
        if padded and stride > 1:
            # "same" would pad one side more than the other.
            h = layers.ZeroPadding2D(side // 2, name=f"{name}_padding")(h)
            padded = False
        # A window leaves a filter of one pixel as it is.
        layer = self._layer if side > 1 else layers.Conv2D
        h = layer(
            filters,
            side,
            strides=stride,
            padding="same" if padded else "valid",
            use_bias=not self._batch_normalized,
            name=name,
        )(h)
        if self._batch_normalized:
            h = BatchNorm(name=f"{name}_bn")(h)
        return self._site(h, name)

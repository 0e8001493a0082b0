"""VGG networks for small images."""

from keras import layers

from dlgn_tf.layers import BatchNorm
from dlgn_tf.models.convolution import POOLING, convolution
from dlgn_tf.models.depths import vgg_convolution, vgg_groups
from dlgn_tf.models.head import logits


def vgg(x, site, classes, depth, width, pooling, removed=()):
    """Groups of conv-BN-gate, each followed by a 2x2 pool; GAP; dense.

    The filters of the groups are width times 1, 2, 4, 8, 8.

    Source: Simonyan and Zisserman (arXiv 1409.1556) as in the lineage
    resnets-in-tensorflow2; average pooling instead of max pooling, for every
    family, as in the DLGN paper (arXiv 2110.03403), section 4: with max
    pooling the gating network of a DLGN is not linear.

    Args:
        depth: 11, 13, 16 or 19.
        width: Integer. Filters of the first group.
        pooling: `"average"` or `"max"`.
        removed: Names of convolutions, as `depths.vgg_removable` lists them,
            that are left out with their batch normalisation and gate.
    """
    h = x
    for group, convolutions in enumerate(vgg_groups(depth), start=1):
        filters = width * min(2 ** (group - 1), 8)
        for index in range(1, convolutions + 1):
            name = vgg_convolution(group, index)
            if name not in removed:
                h = _conv_bn_gate(h, site, filters, name)
        h = POOLING[pooling](2, name=f"pool{group}")(h)
    h = layers.GlobalAveragePooling2D(name="pool")(h)
    return logits(h, classes)


def _conv_bn_gate(h, site, filters, name):
    h = convolution(h, filters, 3, name, kernel_initializer="he_normal")
    return site(BatchNorm(name=f"{name}_bn")(h), name)

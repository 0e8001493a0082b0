"""Which depths an architecture can have. Imports neither Keras nor NumPy."""

from dlgn_tf.errors import UserError

# Convolutions in each of the five groups of a VGG network.
VGG_GROUPS = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}


def vgg_groups(depth):
    """Convolutions in each group of a VGG network of `depth` weight layers.

    Raises:
        UserError: if there is no such network.
    """
    if depth not in VGG_GROUPS:
        raise UserError(
            "Invalid depth of a VGG network. Expected one of "
            f"{sorted(VGG_GROUPS)}. Received: depth={depth}"
        )
    return VGG_GROUPS[depth]


def resnet_blocks(depth, block, widen=1):
    """Blocks in each of the three groups of a residual network.

    A depth counts weight layers: two a block and two others (stem and head) in
    ResNet v1 and v2, the projections of two groups besides in a Wide ResNet,
    three a block for bottlenecks.

    Raises:
        UserError: if no whole number of blocks gives this depth.
    """
    if block == "bottleneck":
        layers, others = 9, 2
    else:
        layers, others = 6, (2 if widen == 1 else 4)
    blocks, rest = divmod(depth - others, layers)
    if rest or blocks < 1:
        raise UserError(
            f"Invalid depth of a residual network with block={block}. Expected "
            f"{layers}n + {others} with n >= 1. Received: depth={depth}"
        )
    return blocks

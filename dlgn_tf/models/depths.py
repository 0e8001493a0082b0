"""Which depths an architecture can have, and the blocks that it then has.

Imports neither Keras nor NumPy.
"""

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


def vgg_convolution(group, index):
    """Name of a convolution of a VGG network; both count from 1."""
    return f"conv{group}_{index}"


def vgg_removable(depth):
    """Names of the convolutions with as many input as output channels.

    The others, which are not removable, begin groups 1 to 4; group 5 is as wide
    as group 4.
    """
    return [
        vgg_convolution(group, index)
        for group, convolutions in enumerate(vgg_groups(depth), start=1)
        for index in range(1 if group == 5 else 2, convolutions + 1)
    ]


def resnet_block(group, index):
    """Name of a block of a residual network; both count from 1."""
    return f"group{group}_block{index}"


def resnet_removable(depth, block, widen=1):
    """Names of all blocks of a residual network, from input to output."""
    return [
        resnet_block(group, index)
        for group in (1, 2, 3)
        for index in range(1, resnet_blocks(depth, block, widen) + 1)
    ]


def fcresnet_block(index):
    """Name of a block of a fully connected residual network, from 0."""
    return f"block{index}"


def fcresnet_removable(depth, block_depth):
    """Names of its blocks that have a skip, from input to output."""
    count = fcresnet_blocks(depth, block_depth)
    return [fcresnet_block(index) for index in range(1, count + 1)]


def fcresnet_blocks(depth, block_depth):
    """Blocks with a skip of a fully connected residual network.

    Besides them there are two blocks without, the first and the last.

    Raises:
        UserError: if no whole number of blocks, at least one, gives this depth.
    """
    blocks, rest = divmod(depth, block_depth)
    if rest or blocks < 3:
        raise UserError(
            "Invalid depth of a fully connected residual network with "
            f"block_depth={block_depth}. Expected {block_depth}n with n >= 3. "
            f"Received: depth={depth}"
        )
    return blocks - 2


def resnet_blocks(depth, block, widen=1):
    """Blocks in each of the three groups of a residual network.

    A depth counts weight layers: two per block and two others (stem and head)
    in ResNet v1 and v2, the projections of two groups besides in a Wide ResNet,
    three per block for bottlenecks.

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

"""Residual networks of fully connected blocks."""

from keras import layers

from dlgn_tf.models.depths import fcresnet_block, fcresnet_blocks
from dlgn_tf.models.head import logits


def fcresnet(x, site, classes, depth, width, block_depth, biases, removed=()):
    """Flattened image -> blocks of dense layers, most of them with skips.

    Every block is `block_depth` dense layers with a gate each. The first one,
    from the image, and the last one, to the logits, which have no gate, have no
    skip; those in between add what they compute to what they are given.

    Source: the DLGN paper (arXiv 2110.03403), Definition 3.1. The numbers of
    layers and units are assumed.

    Args:
        depth: Integer. Weight layers on the longest path: a multiple of
            `block_depth`, at least three times as much.
        width: Integer. Units of a hidden layer.
        block_depth: Integer >= 1. Weight layers of a block.
        biases: Boolean. Whether layers have biases; the theory has none.
        removed: Names of blocks, as `depths.fcresnet_removable` lists them,
            that are their skips alone.
    """
    skips = fcresnet_blocks(depth, block_depth)

    def block(h, index, gated):
        for layer in range(1, gated + 1):
            name = f"{fcresnet_block(index)}_dense{layer}"
            q = layers.Dense(width, use_bias=biases, name=name)(h)
            h = site(q, name)
        return h

    h = block(layers.Flatten(name="flatten")(x), 0, block_depth)
    for index in range(1, skips + 1):
        name = fcresnet_block(index)
        if name not in removed:
            branch = block(h, index, block_depth)
            h = layers.Add(name=f"{name}_add")([h, branch])
    h = block(h, skips + 1, block_depth - 1)
    return logits(h, classes, biases)

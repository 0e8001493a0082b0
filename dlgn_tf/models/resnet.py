"""Residual networks for small images: ResNet v1, v2, bottleneck, Wide ResNet.

Three groups of blocks at full, half and quarter resolution. Every block is a
function of its input and calls `site` wherever the network has a ReLU, so that
a ReLU which the network uses twice is two gates.

Source: He et al. (arXiv 1512.03385, 1603.05027), Zagoruyko and Komodakis (arXiv
1605.07146), with the details of the lineage resnets-in-tensorflow2.
"""

import dataclasses
from collections.abc import Callable

from keras import layers

from dlgn_tf.layers import BatchNorm, SubsampleAndPad
from dlgn_tf.models.convolution import he_convolution
from dlgn_tf.models.depths import resnet_block, resnet_blocks
from dlgn_tf.models.head import logits
from dlgn_tf.models.standardization import standardize


@dataclasses.dataclass(frozen=True)
class _Place:
    """Where a block stands, and how its shortcut is made."""

    site: Callable
    name: str
    filters: int
    stride: int
    shortcut: str
    activate_shortcut: bool
    norm: str = "pre"


def resnet(
    x,
    site,
    classes,
    depth,
    width,
    block,
    shortcut,
    activate_shortcuts,
    widen=1,
    norm="pre",
    removed=(),
):
    """A residual network of `depth` weight layers.

    Args:
        depth: Integer. 6n + 2 for blocks `original` and `preactivated` (6n + 4
            for a Wide ResNet, which counts its projections), 9n + 2 for
            `bottleneck`; n is the number of blocks in a group.
        width: Integer. Filters of the stem; those of the groups follow from
            it.
        block: `"original"` (conv-BN-gate, v1), `"preactivated"` (BN-gate-conv,
            v2) or `"bottleneck"` (preactivated 1x1, 3x3, 1x1).
        shortcut: `"A"` (subsample and pad with zeros) or `"B"` (1x1
            convolution), where a block changes shape.
        widen: Integer. Factor on the filters of the groups.
        activate_shortcuts: Which preactivated blocks take their shortcut after
            their first gate: `"first_block"` of the network, or the first of
            `"each_group"`.
        norm: Where batch normalisation stands: `"pre"`, before a gate, or
            `"post"`, behind it, with nothing learned, in a network without
            biases; of blocks `original` alone. Source: "A Rainbow in Deep
            Network Black Boxes" (arXiv 2305.18512), its ResNets.
        removed: Names of blocks, as `depths.resnet_removable` lists them, that
            are left without their branch: they are their shortcuts. Source:
            Veit et al. (arXiv 1605.06431), section 4.1.
    """
    with_branch, without_branch = _BLOCKS[block]
    group_filters = width * widen * (4 if block == "bottleneck" else 1)
    h = he_convolution(x, width, 3, 1, "stem")
    if block == "original":
        h = _gated(h, site, "stem", "stem", norm)
    for group in (1, 2, 3):
        for index in range(1, resnet_blocks(depth, block, widen) + 1):
            first_of_group = index == 1
            place = _Place(
                site=site,
                name=resnet_block(group, index),
                filters=group_filters * 2 ** (group - 1),
                stride=2 if first_of_group and group > 1 else 1,
                shortcut=shortcut,
                activate_shortcut=first_of_group
                and (group == 1 or activate_shortcuts == "each_group"),
                norm=norm,
            )
            left_out = place.name in removed
            h = (without_branch if left_out else with_branch)(h, place)
    if block != "original":
        h = site(_batch_norm(h, "final"), "final")
    h = layers.GlobalAveragePooling2D(name="pool")(h)
    return logits(h, classes, biases=norm == "pre")


def _original_block(u, place):
    name = place.name
    h = he_convolution(u, place.filters, 3, place.stride, f"{name}_conv1")
    h = _gated(h, place.site, f"{name}_1", f"{name}_conv1", place.norm)
    h = he_convolution(h, place.filters, 3, 1, f"{name}_conv2")
    if place.norm == "pre":
        h = _batch_norm(h, f"{name}_conv2")
    # Option B of v1 normalises its projection, that of v2 does not.
    skip = _shortcut(u, place, normalize=place.norm == "pre")
    return _end(layers.Add(name=f"{name}_add")([skip, h]), place)


def _original_shortcut(u, place):
    """An original block without its branch: the ReLU behind it stays."""
    return _end(_shortcut(u, place, normalize=place.norm == "pre"), place)


def _end(h, place):
    """The gate behind an original block."""
    h = place.site(h, f"{place.name}_2")
    return standardize(h, place.name) if place.norm == "post" else h


def _gated(h, site, site_name, conv_name, norm):
    """A gate, with batch normalisation before or behind it."""
    if norm == "pre":
        return site(_batch_norm(h, conv_name), site_name)
    return standardize(site(h, site_name), conv_name)


def _preactivated_block(u, place):
    filters = place.filters
    return _preactivated(u, place, (filters, 3, place.stride), (filters, 3, 1))


def _bottleneck_block(u, place):
    inner = place.filters // 4
    return _preactivated(
        u, place, (inner, 1, 1), (inner, 3, place.stride), (place.filters, 1, 1)
    )


def _preactivated(u, place, *convolutions):
    """Convolutions of so many filters, side and stride, a gate before each."""
    h, start = u, u
    for index, convolution in enumerate(convolutions, start=1):
        name = f"{place.name}_{index}"
        h = place.site(_batch_norm(h, name), name)
        if index == 1 and place.activate_shortcut:
            start = h
        h = he_convolution(h, *convolution, f"{place.name}_conv{index}")
    skip = _shortcut(start, place)
    return layers.Add(name=f"{place.name}_add")([skip, h])


def _preactivated_shortcut(u, place):
    """A preactivated block or bottleneck without its branch.

    Its first gate stays where the shortcut comes after it.
    """
    if place.activate_shortcut:
        u = place.site(_batch_norm(u, f"{place.name}_1"), f"{place.name}_1")
    return _shortcut(u, place)


# Each with its branch and without.
_BLOCKS = {
    "original": (_original_block, _original_shortcut),
    "preactivated": (_preactivated_block, _preactivated_shortcut),
    "bottleneck": (_bottleneck_block, _preactivated_shortcut),
}


def _shortcut(u, place, normalize=False):
    if u.shape[-1] == place.filters and place.stride == 1:
        return u
    name = f"{place.name}_shortcut"
    if place.shortcut == "A":
        return SubsampleAndPad(place.filters, place.stride, name=name)(u)
    projected = he_convolution(u, place.filters, 1, place.stride, name)
    return _batch_norm(projected, name) if normalize else projected


def _batch_norm(h, name):
    return BatchNorm(name=f"{name}_bn")(h)

"""Which networks have kernels of their own, faster than any network's."""

import dataclasses
import itertools
import typing

import keras
from keras import layers

from dlgn_tf.layers import CircularPadding, TwoLogits

if typing.TYPE_CHECKING:
    from dlgn_tf.models.gated import GatedNetwork


_COVERED = (
    layers.InputLayer,
    layers.Flatten,
    layers.Dense,
    layers.Conv2D,
    CircularPadding,
    layers.GlobalAveragePooling2D,
    layers.Multiply,
    layers.Add,
    TwoLogits,
)


@dataclasses.dataclass(frozen=True)
class Structure:
    """What of a network its kernel depends on, besides gates and input.

    Attributes:
        kind: `"fully_connected"`, `"convolutional"` or `"residual"`.
        windows: Tuple of integers, the side of each convolution's window.
        margin: Integer, rows and columns of zeros that make a convolution with
            zero padding of a circular one: behind each layer gates are 0 there.
        blocks: Tuple of tuples of site names, those of each block of a
            residual network; the last may be empty.
    """

    kind: str
    windows: tuple[int, ...] = ()
    margin: int = 0
    blocks: tuple[tuple[str, ...], ...] = ()


def structure_of(model: "GatedNetwork") -> Structure | None:
    """Structure of the value network of a model of `dlgn_tf.dual.kernels`.

    A `ReLUNetwork` is its own value network. None of a network of another kind:
    they take fc and fcresnet, and c1gap, c4gap and gconv.
    """
    network = model.logits_network
    if any(_is_strange(layer, model) for layer in network.layers):
        return None
    convolutions = [
        layer for layer in network.layers if isinstance(layer, layers.Conv2D)
    ]
    if convolutions:
        pooled = _has(network, layers.GlobalAveragePooling2D)
        skips = _has(network, layers.Add)
        margins = set(map(_margin, convolutions))
        zeros = margins - {0}
        if skips or not pooled or None in margins or zeros and 0 in margins:
            return None
        sides = tuple(layer.kernel_size[0] for layer in convolutions)
        margin = max(margins)
        return Structure("convolutional", windows=sides, margin=margin)
    if _has(network, layers.Add):
        blocks = _blocks(model, network)
        return blocks and Structure("residual", blocks=blocks)
    return Structure("fully_connected")


def _is_strange(layer, model):
    """Whether a layer is none that those kernels know."""
    at_sites = [model.layer_at(site) for site in model.site_names]
    known = isinstance(layer, _COVERED) or layer in at_sites
    return not known or bool(unusual_options(layer))


def unusual_options(layer: keras.layers.Layer) -> list[str]:
    """Options by which a dense layer or convolution is no plain one.

    Strings `NAME=VALUE`; none for layers of other kinds.
    """
    kinds = layers.Conv2D, layers.DepthwiseConv2D, layers.SeparableConv2D
    if not isinstance(layer, (layers.Dense, *kinds)):
        return []
    return [
        f"{name}={getattr(value, '__name__', value)}"
        for name, usual in _USUAL.items()
        if (value := getattr(layer, name, usual)) != usual
    ]


_USUAL = {
    "activation": keras.activations.linear,
    "groups": 1,
    "dilation_rate": (1, 1),
    "data_format": "channels_last",
}


def _has(network, kind):
    return any(isinstance(layer, kind) for layer in network.layers)


def _margin(convolution):
    """Rows of zeros that a convolution sees beyond an image, 0 if circular.

    None of one that does not keep the resolution, or has no square window.
    """
    side = convolution.kernel_size[0]
    if convolution.strides != (1, 1) or convolution.kernel_size != (side, side):
        return None
    if convolution.padding == "same":
        return side // 2
    before = convolution.input._keras_history.operation
    padded = isinstance(before, CircularPadding) and before.kernel_size == side
    return 0 if side == 1 or padded else None


def _blocks(model, network):
    """Gate sites by block: the first, those with skips, the last.

    None if there are skips around other blocks than those of fcresnet.
    """
    names = {layer.name for layer in network.layers}
    of_block = itertools.groupby(
        model.site_names, lambda site: site.rsplit("_", 1)[0]
    )
    blocks = {block: tuple(sites) for block, sites in of_block}
    skips = [block for block in blocks if f"{block}_add" in names]
    if len(skips) < sum(isinstance(x, layers.Add) for x in network.layers):
        return None
    first, *last = (block for block in blocks if block not in skips)
    ends = [blocks[block] for block in last] or [()]
    return (blocks[first], *(blocks[block] for block in skips), *ends)

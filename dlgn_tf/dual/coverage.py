"""Which networks the theory of neural path kernels covers."""

import dataclasses
import itertools
import typing

import keras
from keras import layers

from dlgn_tf.errors import UserError
from dlgn_tf.layers import CircularPadding, TwoLogits
from dlgn_tf.models.classifier import ImageClassifier

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
_IN_WORDS = {
    "BatchNorm": "batch normalisation",
    "MaxPooling2D": "max pooling",
    "AveragePooling2D": "pooling between convolutions",
    "SubsampleAndPad": "convolutions with skips",
}
_EXPECTED = (
    "Expected a network that the theory of neural path kernels covers: fc, "
    "fcresnet, or c1gap, c4gap or gconv with padding=circular."
)


@dataclasses.dataclass(frozen=True)
class Structure:
    """What of a network its kernel depends on, besides gates and input.

    Attributes:
        kind: `"fully_connected"`, `"convolutional"` or `"residual"`.
        windows: Tuple of integers, the side of each convolution's window.
        blocks: Tuple of tuples of site names, those of each block of a
            residual network; the last may be empty.
    """

    kind: str
    windows: tuple[int, ...] = ()
    blocks: tuple[tuple[str, ...], ...] = ()


def structure_of(model: "GatedNetwork") -> Structure:
    """Structure of the value network of a model that the theory covers.

    A `ReLUNetwork` is its own value network.

    Raises:
        UserError: if the theory does not cover it; its text names what to
            switch.
    """
    if not isinstance(model, ImageClassifier) or model.members > 1:
        _refuse(model, "is no single network")
    network = model.logits_network
    convolutions = [
        layer for layer in network.layers if isinstance(layer, layers.Conv2D)
    ]
    reasons = _strange_layers(model, network)
    if convolutions and not _has(network, layers.GlobalAveragePooling2D):
        reasons.append("no global average pooling (gconv has it)")
    if any(map(_sees_zeros, convolutions)):
        reasons.append("zeros beyond the edge of an image (padding=same)")
    if reasons:
        _refuse(model, f"has {' and '.join(reasons)}")
    if convolutions:
        sides = tuple(layer.kernel_size[0] for layer in convolutions)
        return Structure("convolutional", windows=sides)
    if _has(network, layers.Add):
        return Structure("residual", blocks=_blocks(model, network))
    return Structure("fully_connected")


def _refuse(model, why):
    name = getattr(model, "name", type(model).__name__)
    raise UserError(f"{_EXPECTED} Received: {name}, which {why}")


def _strange_layers(model, network):
    """What a network has that the theory has not, in words."""
    strange = {}
    at_sites = [model.layer_at(site) for site in model.site_names]
    for layer in network.layers:
        if not (isinstance(layer, _COVERED) or layer in at_sites):
            kind = type(layer).__name__
            strange[_IN_WORDS.get(kind, f"a layer of type {kind}")] = True
        for option in unusual_options(layer):
            strange[f"{option} in {layer.name}"] = True
    if _has(network, layers.Conv2D) and _has(network, layers.Add):
        strange["convolutions with skips"] = True
    return list(strange)


def unusual_options(layer: keras.layers.Layer) -> list[str]:
    """Options by which a dense layer or convolution is no plain one.

    Strings `NAME=VALUE`; none for layers of other kinds.
    """
    if not isinstance(layer, (layers.Dense, layers.Conv2D)):
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


def _sees_zeros(convolution):
    """Whether a convolution is other than circular with stride 1."""
    side = convolution.kernel_size[0]
    if convolution.strides != (1, 1) or convolution.kernel_size != (side, side):
        return True
    before = convolution.input._keras_history.operation
    padded = isinstance(before, CircularPadding) and before.kernel_size == side
    return side > 1 and not (convolution.padding == "valid" and padded)


def _blocks(model, network):
    """Gate sites by block: the first, those with skips, the last."""
    names = {layer.name for layer in network.layers}
    of_block = itertools.groupby(
        model.site_names, lambda site: site.rsplit("_", 1)[0]
    )
    blocks = {block: tuple(sites) for block, sites in of_block}
    skips = [block for block in blocks if f"{block}_add" in names]
    if len(skips) < sum(isinstance(x, layers.Add) for x in network.layers):
        _refuse(model, "has skips around other blocks than those of fcresnet")
    first, *last = (block for block in blocks if block not in skips)
    ends = [blocks[block] for block in last] or [()]
    return (blocks[first], *(blocks[block] for block in skips), *ends)

"""Which networks have kernels of their own, faster than any network's."""

import collections
import dataclasses
import re
import typing

import keras
from keras import layers

from dlgn_tf.layers import CircularPadding, TwoLogits
from dlgn_tf.models.functional import calls_of

if typing.TYPE_CHECKING:
    from dlgn_tf.models.gated import GatedNetwork

# Dense layers and convolutions, of an image and of a circular one, each with
# its gate; pooling; blocks with skips; a last dense layer without a gate.
_CHAIN = re.compile("(dg)*d")
_CONVOLUTIONS = re.compile("(cg|ovg)+p(dg)*d")
_RESIDUAL = re.compile(r"(dg)+(\((dg)+\))+(dg)*d")


@dataclasses.dataclass(frozen=True)
class Structure:
    """What of a network its kernel depends on, besides gates and input.

    Attributes:
        kind: `"fully_connected"`, `"convolutional"` or `"residual"`.
        blocks: Tuple of tuples of site names from input to output, those of
            each block of a residual network, the last of which may be empty;
            one of all sites for other kinds.
        windows: Tuple of integers, the side of each convolution's window.
        margin: Integer, rows and columns of zeros that make a convolution with
            zero padding of a circular one: behind each layer gates are 0 there.
    """

    kind: str
    blocks: tuple[tuple[str, ...], ...]
    windows: tuple[int, ...] = ()
    margin: int = 0


def structure_of(model: "GatedNetwork") -> Structure | None:
    """Structure of the value network of a model of `dlgn_tf.dual.kernels`.

    A `ReLUNetwork` is its own value network. None of a network of another kind:
    they take fc and fcresnet, and c1gap, c4gap and gconv.
    """
    calls = _calls(model)
    kinds = "".join(kind for kind, _ in calls)
    weighted = [layer for kind, layer in calls if kind in "cvd"]
    if len(set(map(id, weighted))) < len(weighted):
        return None
    site_of = {model.layer_at(x).name: x for x in model.site_names}
    blocks = tuple(
        tuple(
            site_of[calls[k][1].name]
            for k in range(*block.span())
            if kinds[k] == "g"
        )
        for block in re.finditer("[^()]+", kinds)
    )
    if _CHAIN.fullmatch(kinds):
        return Structure("fully_connected", blocks)
    if _RESIDUAL.fullmatch(kinds):
        return Structure("residual", blocks)
    if _CONVOLUTIONS.fullmatch(kinds):
        return _convolutional(blocks, weighted)
    return None


def _convolutional(blocks, weighted):
    """None where some convolutions see zeros beyond an image, others more."""
    convolutions = [x for x in weighted if isinstance(x, layers.Conv2D)]
    sides = tuple(x.kernel_size[0] for x in convolutions)
    paddings = {x.padding for x in convolutions if x.kernel_size[0] > 1}
    if len(paddings) > 1:
        return None
    margin = max(sides) // 2 if "same" in paddings else 0
    return Structure("convolutional", blocks, sides, margin)


def _calls(model):
    """Letters and layers along the graph of the value network, as pairs.

    Parentheses are where a stream is kept for a skip and where it is added,
    "?" what no kernel knows. What changes neither gates nor sums is left out.
    """
    network = model.logits_network
    nodes = calls_of(network)
    sites = {model.layer_at(site).name for site in model.site_names}
    uses = collections.Counter(id(x.input_tensors[0]) for x in nodes)
    uses.update(id(t) for x in nodes if _adds(x) for t in x.input_tensors[1:])
    calls, last, kept = [], network.inputs[0], None
    for node in nodes:
        layer, taken = node.operation, node.input_tensors
        if _adds(node):
            closed = {id(x) for x in taken} == {id(last), id(kept)}
            calls.append((")" if closed and len(taken) == 2 else "?", layer))
            kept = None
        elif taken[0] is not last:
            calls.append(("?", layer))
        else:
            if uses[id(last)] > 1:
                calls.append(("(", layer))
                kept = last
            kind = "g" if layer.name in sites else _kind(layer)
            calls += [(kind, layer)] if kind else []
        last = node.outputs[0]
    return calls if last is network.outputs[0] else [("?", None)]


def _adds(node):
    return type(node.operation) is layers.Add


def _kind(layer):
    """A letter for what a layer does, "" where a kernel need not know."""
    if is_own(layer) or unusual_options(layer):
        return "?"
    if isinstance(layer, (layers.Flatten, TwoLogits)):
        return ""
    if isinstance(layer, layers.Dense):
        return "d" if len(layer.input.shape) == 2 else "?"
    if isinstance(layer, layers.GlobalAveragePooling2D):
        return "p" if len(layer.output.shape) == 2 else "?"
    if isinstance(layer, CircularPadding):
        return "o" if layer.kernel_size > 1 else ""
    if isinstance(layer, layers.Conv2D):
        return _kind_of_convolution(layer)
    return "?"


def _kind_of_convolution(layer):
    """Of one that keeps the resolution of an image, or of one made circular."""
    side = layer.kernel_size[0]
    if layer.kernel_size != (side, side) or layer.strides != (1, 1):
        return "?"
    if layer.padding == "same" or side == 1:
        return "c"
    before = layer.input._keras_history.operation
    return "v" if getattr(before, "kernel_size", None) == side else "?"


def is_own(layer: keras.layers.Layer) -> bool:
    """Whether a layer is of a kind that neither Keras nor this package has."""
    return not type(layer).__module__.startswith(("keras.", "dlgn_tf."))


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

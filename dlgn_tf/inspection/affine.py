"""A value network with its gates and its biases left open.

Between two gate sites a value network is affine in evaluation: convolutions,
dense layers, batch normalisation with its moving statistics, averages, skips,
and whatever else `dlgn_tf.layers.affine` finds so. Written so that
the gates come from outside and every bias is multiplied by a number that comes
from outside too, its logits are linear in (input, those numbers) and affine in
the gates of any one site. That is all that exact decompositions need.

Source: the DLGN paper (arXiv 2110.03403), section 3, where biases are absent.
"""

import collections
import dataclasses
import math
from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops

from dlgn_tf.errors import UserError
from dlgn_tf.inspection.autodiff import double_precision
from dlgn_tf.inspection.site_map import bending_layers
from dlgn_tf.layers.affine import is_homogeneous
from dlgn_tf.layers.batch_norm import scale_and_shift, scales_channels
from dlgn_tf.models.classifier import single_networks
from dlgn_tf.models.functional import calls_of
from dlgn_tf.models.orthogonal import folded

# Of a step's output, of its derivative, and copies while it computes.
_TENSORS_HELD = 4


@dataclasses.dataclass(frozen=True)
class Step:
    """A layer of the network.

    Attributes:
        sources: Tuple of integers, the tensors it takes: 0 is the network's
            input, k what step k - 1 puts out.
        linear: Layer without biases that computes in the network's dtype, None
            at a gate site and where there is only a scale.
        scale: Array `(channels,)` that a batch normalisation multiplies by, or
            None.
        shift: Array that broadcasts to `shape`, the bias, or None.
        site: Name of the gate site that the step is, or None.
        shape: Tuple, of what it puts out, without the batch dimension.
        weighted: Boolean. Whether what it multiplies by is learned.
    """

    name: str
    sources: tuple[int, ...]
    linear: Callable | None = None
    scale: np.ndarray | None = None
    shift: np.ndarray | None = None
    site: str | None = None
    shape: tuple[int, ...] = ()
    weighted: bool = False


class AffineNetwork:
    """The value network of a model, layer by layer; a ReLU network is its own.

    Args:
        model: `GatedNetwork` or `ReLUNetwork`. Its weights are copied: what is
            trained later does not show.
        dtype: `"float32"` or `"float64"`, in which it computes.

    Attributes:
        steps: Tuple of `Step`, every one after those it takes from.
        biases: Tuple of names of the layers that have a bias, the part that
            does not depend on their input.
        not_linear: Tuple of names of the layers that are not affine, such as
            max pooling.
        not_additive: Tuple of names of those of them that are not homogeneous
            either, as max pooling is: what they make is no sum over what
            enters them (see `dlgn_tf.layers.affine`).
        classes: Integer, how many logits.
        dtype: String.

    Raises:
        UserError: if the model is of another kind, such as an ensemble, or
            there is no such dtype.
    """

    def __init__(self, model, dtype="float32"):
        if dtype not in ("float32", "float64"):
            raise UserError(
                "Expected dtype 'float32' or 'float64'. Received: "
                f"dtype={dtype!r}"
            )
        single_networks(model)
        plain = folded(model)
        network = plain.logits_network
        self.dtype, self.classes = dtype, model.classes
        self._site_of = {plain.layer_at(x).name: x for x in model.site_names}
        self._known = {id(network.inputs[0]): 0}
        self.steps = ()
        self.not_linear, self.not_additive = _bent(network, self._site_of)
        names = collections.Counter()
        for node in calls_of(network):
            name = node.operation.name
            names[name] += 1
            # A layer that is called twice is two steps.
            name = f"{name} call {names[name]}" if names[name] > 1 else name
            self.steps += (self._step(node, name),)
            self._known[id(node.outputs[0])] = len(self.steps)
        self._last_use = {
            source: position
            for position, step in enumerate(self.steps, start=1)
            for source in step.sources
        }
        self.biases = tuple(
            step.name for step in self.steps if step.shift is not None
        )

    @property
    def row_bytes(self):
        """About what one image holds on its way to the logits and back."""
        numbers = sum(math.prod(step.shape) for step in self.steps)
        return _TENSORS_HELD * int(self.dtype[-2:]) // 8 * numbers

    def __call__(self, entering, gate, biases=None, leaving=None):
        """Logits `(batch, classes)` of `dtype`.

        Args:
            entering: Tensor `(batch, height, width, channels)` of `dtype`, what
                the value network sees.
            gate: Function of a site's name and of the tensor that enters it,
                which returns what that is multiplied by.
            biases: Tensor `(batch, len(self.biases))`, by which each layer's
                biases are multiplied. Defaults to `None`: by one.
            leaving: Function of a site's name, of the tensor that enters it and
                of its product with the gate, which returns what leaves the
                site. Defaults to `None`: that product.
        """
        tensors = [entering]
        factors = dict.fromkeys(self.biases, 1.0)
        if biases is not None:
            columns = enumerate(self.biases)
            factors = {name: biases[:, k] for k, name in columns}
        for step in self.steps:
            taken = [tensors[source] for source in step.sources]
            if step.site is not None:
                result = taken[0] * gate(step.site, taken[0])
                if leaving is not None:
                    result = leaving(step.site, taken[0], result)
            elif step.linear is not None:
                result = applied(step.linear, taken)
            else:
                result = taken[0] * step.scale
            if step.shift is not None:
                result = result + step.shift * _column(
                    factors[step.name], len(step.shape)
                )
            tensors.append(result)
            # What no step takes any more need not be held.
            for source in step.sources:
                if self._last_use[source] == len(tensors) - 1:
                    tensors[source] = None
        return tensors[-1]

    def _step(self, node, name):
        """The step of a call of a layer whose inputs are all known."""
        layer, taken = node.operation, node.input_tensors
        site = self._site_of.get(layer.name)
        # A GaLU's second input is its gate.
        taken = taken[:1] if site is not None else taken
        step = Step(
            name,
            tuple(self._known[id(tensor)] for tensor in taken),
            site=site,
            shape=tuple(node.outputs[0].shape[1:]),
        )
        if site is not None:
            return step
        weights = [keras.backend.is_float_dtype(x.dtype) for x in layer.weights]
        step = dataclasses.replace(step, weighted=any(weights))
        if layer.name in self.not_linear:
            return dataclasses.replace(step, linear=_copied(node, self.dtype))
        if scales_channels(layer):
            scale, shift = (
                x.astype(self.dtype) for x in scale_and_shift(layer)
            )
            return dataclasses.replace(step, scale=scale, shift=shift)
        linear, shift = _without_bias(node, self.dtype)
        return dataclasses.replace(step, linear=linear, shift=shift)


def value_inputs(model, images, dtype, gates=None):
    """What the value network of a model sees of stored images, and its gates.

    A tensor `(n, height, width, channels)`, and a dict from site to tensor
    `(n, ...)` in the order of the sites, both cast to `dtype`. `gates` are
    those of the model, where they are there already.
    """
    gates = model.gates(images) if gates is None else gates
    gates = {site: ops.cast(gate, dtype) for site, gate in gates.items()}
    entering = ops.cast(model.normalization(images), dtype)
    if model.value_input == "ones":
        entering = ops.ones_like(entering)
    return entering, gates


def gate_function(model, gates):
    """What an `AffineNetwork` is called with, so that gates are the model's.

    Args:
        model: `GatedNetwork` or `ReLUNetwork`, whose gates are its own: they
            respond to what enters them, in the model's precision.
        gates: Dict from site to what `value_inputs` returned, of the former.
    """
    if model.gated:
        return lambda site, _: gates[site]

    def own(site, entered):
        q = ops.cast(entered, model.normalization.compute_dtype)
        return ops.cast(model.gates_of({site: q})[site], entered.dtype)

    return own


def _column(factor, rank):
    """A number per image, shaped to multiply `(images, ...)` of `rank` axes."""
    if isinstance(factor, float):
        return factor
    return ops.reshape(factor, (-1,) + (1,) * rank)


def _bent(network, sites):
    """Names of the layers that are no gate sites and not affine.

    A tuple of all, and one of those that are not homogeneous either.
    """
    with double_precision():
        bent = list(bending_layers(network, sites))
        others = [layer for layer in bent if not is_homogeneous(layer)]
    return tuple(tuple(x.name for x in each) for each in (bent, others))


def _without_bias(node, dtype):
    """A function as a call's but for its bias, and the bias, or None."""
    layer = node.operation
    if isinstance(layer, (layers.Conv2D, layers.Dense)):
        if not layer.use_bias:
            return _copied(node, dtype), None
        kernel, bias = layer.get_weights()
        return _copied(node, dtype, [kernel], use_bias=False), bias.astype(
            dtype
        )
    copy = _copied(node, dtype)
    of_zeros = ops.convert_to_numpy(applied(copy, _zeros(node, dtype)))
    if not of_zeros.any():
        return copy, None
    return (lambda taken: copy(taken) - of_zeros), of_zeros[0]


def _copied(node, dtype, weights=None, **options):
    """A copy of a layer that computes in a dtype, or a function that calls it.

    It is the layer itself where it is called with its tensors alone, so that
    kernels can be read.
    """
    layer, arguments = node.operation, node.arguments
    config = {**layer.get_config(), "dtype": dtype, **options}
    copy = type(layer).from_config(config)

    def call(taken):
        tensors = taken if isinstance(taken, list) else [taken]
        ids = map(id, node.input_tensors)
        args, kwargs = arguments.fill_in(dict(zip(ids, tensors, strict=True)))
        told = {"training": False} if "training" in kwargs else {}
        return copy(*args, **{**kwargs, **told})

    # Its weights are made.
    applied(call, _zeros(node, dtype))
    copy.set_weights(layer.get_weights() if weights is None else weights)
    plain = isinstance(layer, (layers.Conv2D, layers.Dense))
    return copy if plain and len(arguments.args) == 1 else call


def _zeros(node, dtype):
    """A batch of one of what enters a call, of zeros."""
    return [ops.zeros((1, *x.shape[1:]), dtype) for x in node.input_tensors]


def applied(function, tensors):
    """The function of a tensor, or of a list of several."""
    return function(tensors if tensors[1:] else tensors[0])

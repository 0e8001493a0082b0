"""The value network of a model, read as a plan for its covariance.

What comes before all weights and gates does not depend on them; the network
computes it itself. The other layers are those of `dlgn_tf.dual.value_layers`.
"""

import collections
import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from dlgn_tf.command.memory import check_memory
from dlgn_tf.dual import terms
from dlgn_tf.dual.coverage import is_own
from dlgn_tf.dual.masks import leaf
from dlgn_tf.dual.plan import Plan, WeightLayer
from dlgn_tf.dual.position_maps import Window, pooling_windows, space_of
from dlgn_tf.dual.terms import CONSTANT, Stream, Term
from dlgn_tf.dual.value_layers import through
from dlgn_tf.dual.variances import per_layer
from dlgn_tf.errors import UserError
from dlgn_tf.models.functional import calls_of

_WEIGHTED = {
    layers.Dense: 1,
    layers.Conv2D: 1,
    layers.DepthwiseConv2D: 1,
    layers.SeparableConv2D: 2,
}


def plan_of(
    model: Any,
    variances: float | Sequence[float] | None = None,
    biases: bool = False,
    memory_gib: float = math.inf,
) -> Plan:
    """Reads the value network of a model; a ReLU network is its own.

    Args:
        model: `GatedNetwork` or `ReLUNetwork`.
        variances: See `dlgn_tf.dual.network_kernel`. Without them those of a
            layer are 1 / (inputs of a unit), or 1 / (places of its window)
            where it sees what does not depend on weights.
        biases: Boolean. Whether biases start paths, with the values that they
            have, and shifts of batch normalisation.
        memory_gib: Float > 0. Bound on what one pair of images takes, known
            before layers are tried on images.

    Raises:
        UserError: naming the layer, if there is one that is none of these, or
            a pair of its positions for each number does not fit.
    """
    return _Reading(model, variances, biases, memory_gib).plan()


class _Reading:
    """A plan on its way."""

    def __init__(self, model, variances, biases, memory_gib):
        self._model, self.biases = model, biases
        self._memory_gib = memory_gib
        self._network = model.logits_network
        self._site_of = {model.layer_at(x).name: x for x in model.site_names}
        # By the id of a tensor: of the fixed ones themselves, too.
        self._streams: dict = {}
        self._of_fixed: dict = {}
        self._layers: list = []
        self._last = CONSTANT
        self._shapes: dict = {}
        self._inputs: dict = {}
        self._choices: dict = {}
        self._noted = collections.defaultdict(list)
        self._nodes = calls_of(self._network)
        self._variances = None
        if variances is not None:
            given = per_layer(variances, sum(map(_weights, self._nodes)))
            self._variances = iter(given)

    def plan(self):
        self._check_calls()
        for node in self._nodes:
            self._streams[id(node.outputs[0])] = self._made(node)
        logits = self.stream(self._network.outputs[0])
        self._end(logits)
        return Plan(
            tuple(self._layers),
            self._shapes,
            self._inputs,
            self._choices,
            dict(self._noted),
        )

    def _check_calls(self):
        calls = collections.Counter(
            x.operation.name for x in self._nodes if _weights(x)
        )
        for name, count in calls.items():
            if count > 1:
                layer = self._network.get_layer(name)
                self.refuse(layer, f"is called {count} times")

    def refuse(self, layer, reason):
        raise UserError(
            "Expected a value network of convolutions, dense layers, batch "
            "normalisation, skips, concatenation, padding and pooling. "
            f"Received: {self._model.name}, whose {layer.name}, a "
            f"{type(layer).__name__}, {reason}"
        )

    def _made(self, node):
        """What a call puts out: a `Stream`, or the tensor where it is fixed."""
        layer, taken = node.operation, node.input_tensors
        known = [self._streams.get(id(x), x) for x in taken]
        fixed = not any(isinstance(x, Stream) for x in known)
        gated = layer.name in self._site_of
        if fixed and not gated and not _learns(layer):
            return node.outputs[0]
        try:
            if gated:
                # A GaLU's second input is its gate.
                return self._gated(self.stream(taken[0]), layer)
            # A layer of one's own may do anything with what it derives from.
            tried = is_own(layer) and not layer.weights
            function = through.dispatch(object if tried else type(layer))
            return function(layer, self, [self.stream(x) for x in taken])
        except ValueError as error:
            return self.refuse(layer, str(error))

    def stream(self, tensor):
        """A tensor of the network as a `Stream`."""
        known = self._streams.get(id(tensor), tensor)
        if isinstance(known, Stream):
            return known
        if id(tensor) not in self._of_fixed:
            name = f"input{len(self._inputs)}"
            space, channels = space_of(tensor.shape[1:]), tensor.shape[-1]
            self._inputs[name] = tensor
            self._shapes[name] = math.prod(space), channels
            mask = leaf(name, hard=False)
            term = Term((CONSTANT,), 0, (0, channels), mask)
            self._of_fixed[id(tensor)] = Stream((term,), space, channels)
        return self._of_fixed[id(tensor)]

    def _gated(self, stream, layer):
        site = self._site_of[layer.name]
        self._shapes[site] = stream.positions, stream.channels
        hard = self._model.gate_at(site).indicator
        return stream.masked(leaf(site, hard))

    def chosen(self, layer, stream):
        """What max pooling puts out, with what it chooses as gates."""
        windows = pooling_windows(layer)
        name = f"{layer.name} choice"
        self._choices[name] = layer.input, windows
        self._shapes[name] = windows.index.size, stream.channels
        return stream.moved(windows, leaf(name, hard=True))

    def variance(self, layer, inputs):
        """Of the weights of a layer whose units have so many inputs."""
        variance = next(self._variances) if self._variances else 1 / inputs
        self._noted[layer.name].append(float(variance))
        return float(variance)

    def weighted(self, layer, stream, window, units, after, groups=1):
        """What a dense layer or convolution puts out, its bias included.

        Args:
            window: `Window`, or None: all of a flat stream.
            units: Integer, its output channels.
            after: Space that it leads to.
            groups: Integer, of channels.
        """
        inputs = stream.positions if window is None else window.places
        if stream.random:
            inputs *= stream.channels // groups
        variance, made = self.variance(layer, inputs), []
        each, size = stream.channels // groups, units // groups
        for group in range(groups):
            part = stream.part(group * each, (group + 1) * each)
            base = self._add(layer.name, part, window, after, variance)
            low = group * size
            made.append(Term((base,), low, (low, low + size)))
        made_stream = Stream(tuple(made), after, units)
        return self.biased(layer, made_stream)

    def _add(self, name, stream, window, after, variance, learned=True):
        if window is not None:
            check_memory(
                8 * stream.positions**2,
                self._memory_gib,
                f"A pair of images, where they enter {name},",
            )
        self._last += 1
        self._layers.append(
            WeightLayer(
                name,
                terms.pairs(stream),
                stream.space,
                after,
                window,
                variance,
                self._last,
                learned,
            )
        )
        return self._last

    def biased(self, layer, stream):
        """With the bias of a layer, if those start paths."""
        if not self.biases or getattr(layer, "bias", None) is None:
            return stream
        bias = keras.ops.convert_to_numpy(layer.bias)
        return stream.shifted(bias.astype("float64"))

    def _end(self, logits):
        """The mean over logits, which are alike but for what is behind."""
        window = None if logits.flat else Window()
        units = logits.channels * (logits.positions if logits.flat else 1)
        self._add("logits", logits, window, (1, 1), 1 / units, learned=False)


def _weights(node):
    """How many weight layers a call is."""
    kinds = _WEIGHTED.items()
    return sum(n for kind, n in kinds if isinstance(node.operation, kind))


def _learns(layer):
    """Whether a layer has weights that are, or were, learned."""
    return layer.weights and not isinstance(layer, layers.Normalization)

"""A value network with its gates and its biases left open.

Between two gate sites a value network is affine: convolutions, dense layers,
batch normalisation with its moving statistics, averages, skips. Written so that
the gates come from outside and every bias is multiplied by a number that comes
from outside too, its logits are linear in (input, those numbers) and affine in
the gates of any one site. That is all that exact decompositions need.

Source: the DLGN paper (arXiv 2110.03403), section 3, where biases are absent.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
from keras import layers
from keras import ops

from dlgn_tf.errors import UserError
from dlgn_tf.layers import CircularPadding
from dlgn_tf.layers import SubsampleAndPad
from dlgn_tf.layers.batch_norm import scale_and_shift
from dlgn_tf.models.classifier import listed
from dlgn_tf.models.gated import GatedNetwork
from dlgn_tf.models.orthogonal import folded
from dlgn_tf.models.relu import ReLUNetwork
from dlgn_tf.models.sites import galu_layer

# Linear without a weight, and linear but for a bias.
_FIXED = (
    layers.Flatten,
    layers.Add,
    layers.AveragePooling2D,
    layers.GlobalAveragePooling2D,
    layers.ZeroPadding2D,
    CircularPadding,
    SubsampleAndPad,
)
_WEIGHTED = (layers.Conv2D, layers.Dense)


@dataclasses.dataclass(frozen=True)
class Step:
    """A layer of the network.

    Attributes:
        name: String, of the layer.
        sources: Tuple of integers, the tensors it takes: 0 is the network's
            input, k what step k - 1 puts out.
        linear: Layer without biases that computes in the network's dtype, None
            at a gate site and where there is only a scale.
        scale: Array `(channels,)` that a batch normalisation multiplies by, or
            None.
        shift: Array `(channels,)`, the bias, or None.
        site: Name of the gate site that the step is, or None.
        shape: Tuple, of what it puts out, without the batch dimension.
    """

    name: str
    sources: tuple[int, ...]
    linear: Callable | None = None
    scale: np.ndarray | None = None
    shift: np.ndarray | None = None
    site: str | None = None
    shape: tuple[int, ...] = ()

    @property
    def weighted(self):
        """Whether what it multiplies by is trained, and not fixed or a gate."""
        return self.scale is not None or isinstance(self.linear, _WEIGHTED)


class AffineNetwork:
    """The value network of a model, layer by layer; a ReLU network is its own.

    Args:
        model: `GatedNetwork` or `ReLUNetwork`. Its weights are copied: what is
            trained later does not show.
        dtype: `"float32"` or `"float64"`, in which it computes.

    Attributes:
        steps: Tuple of `Step`, every one after those it takes from.
        biases: Tuple of names of the layers that have a bias; of batch
            normalisations, the part that does not depend on their input.
        not_linear: Tuple of names of the layers that are not linear, such as
            max pooling.
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
        network, site_layer = _value_network(folded(model))
        self.dtype = dtype
        self.classes = network.outputs[0].shape[-1]
        self._site_of = {site_layer(site): site for site in model.site_names}
        self._known = {id(network.inputs[0]): 0}
        self.steps, self.not_linear = (), ()
        for layer in network.layers:
            if not isinstance(layer, layers.InputLayer):
                self.steps += (self._step(layer),)
                self._known[id(layer.output)] = len(self.steps)
        self._last_use = {
            source: position
            for position, step in enumerate(self.steps, start=1)
            for source in step.sources
        }
        self.biases = tuple(
            step.name for step in self.steps if step.shift is not None
        )

    def __call__(self, entering, gate, biases=None):
        """Computes logits.

        Args:
            entering: Tensor `(batch, height, width, channels)` of `dtype`, what
                the value network sees.
            gate: Function of a site's name and of the tensor that enters it,
                which returns what that is multiplied by.
            biases: Tensor `(batch, len(self.biases))`, by which each layer's
                biases are multiplied. Defaults to `None`: by one.

        Returns:
            Tensor `(batch, classes)` of `dtype`.
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
            elif step.linear is not None:
                result = step.linear(taken if taken[1:] else taken[0])
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

    def _step(self, layer):
        """The step of a layer whose inputs are all known."""
        site = self._site_of.get(layer.name)
        taken = listed(layer.input)
        # A GaLU's second input is its gate.
        taken = taken[:1] if site is not None else taken
        step = Step(
            layer.name,
            tuple(self._known[id(tensor)] for tensor in taken),
            site=site,
            shape=tuple(layer.output.shape[1:]),
        )
        if site is not None:
            return step
        if isinstance(layer, layers.BatchNormalization):
            scale, shift = _moving(layer, self.dtype)
            return dataclasses.replace(step, scale=scale, shift=shift)
        if not isinstance(layer, (*_FIXED, *_WEIGHTED)):
            self.not_linear += (layer.name,)
        linear, shift = _without_bias(layer, self.dtype)
        return dataclasses.replace(step, linear=linear, shift=shift)


def value_inputs(model, images, dtype):
    """What the value network of a model sees, and its gates.

    Args:
        model: `GatedNetwork` or `ReLUNetwork`.
        images: Array `(n, height, width, channels)`, pixels in [0, 255].
        dtype: String, what the model computed is cast to.

    Returns:
        Tensor `(n, height, width, channels)`, and dict from site to tensor
        `(n, ...)` in the order of the sites.
    """
    gates = {
        site: ops.cast(gate, dtype)
        for site, gate in model.gates(images).items()
    }
    entering = ops.cast(model.normalization(images), dtype)
    if getattr(model, "value_input", "image") == "ones":
        entering = ops.ones_like(entering)
    return entering, gates


def _column(factor, rank):
    """A number an image, so that it multiplies arrays of so many axes."""
    if isinstance(factor, float):
        return factor
    return ops.reshape(factor, (-1,) + (1,) * rank)


def _value_network(model):
    """The functional model, and the names of the layers at its sites."""
    if isinstance(model, GatedNetwork):
        return model.value_network, galu_layer
    if isinstance(model, ReLUNetwork):
        return model.network, lambda site: model.layer_at(site).name
    raise UserError(
        "Expected one network with gates of its own or of another: dnn, dgn, "
        f"dlgn or dlgn_sf. Received: {type(model).__name__} {model.name}"
    )


def _moving(layer, dtype):
    """Scale and shift of a batch normalisation in evaluation mode."""
    return tuple(part.astype(dtype) for part in scale_and_shift(layer))


def _without_bias(layer, dtype):
    """A copy of a layer without its bias, and the bias."""
    config = {**layer.get_config(), "dtype": dtype}
    weights, shift = layer.get_weights(), None
    if isinstance(layer, _WEIGHTED) and layer.use_bias:
        kernel, bias = weights
        config["use_bias"] = False
        weights, shift = [kernel], bias.astype(dtype)
    copy = type(layer).from_config(config)
    taken = [tensor.shape for tensor in listed(layer.input)]
    copy.build(taken if taken[1:] else taken[0])
    copy.set_weights(weights)
    return copy, shift

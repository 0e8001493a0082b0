"""Value networks with random weights and the gates of a trained one."""

import math
import typing
from collections.abc import Sequence

import keras
import numpy as np
from keras import ops
from numpy import ndarray as Array

from dlgn_tf.dual.plan import Plan
from dlgn_tf.layers import TwoLogits
from dlgn_tf.layers.batch_norm import scales_channels
from dlgn_tf.models.functional import calls_of
from dlgn_tf.models.graphs import compiled

if typing.TYPE_CHECKING:
    from dlgn_tf.models.classifier import ImageClassifier


def random_signs(
    rng: np.random.Generator, shape: Sequence[int], variance: float
) -> Array:
    """Weights +sigma or -sigma, independently, of this variance."""
    return math.sqrt(variance) * (rng.integers(2, size=shape) * 2 - 1)


class ValueDraws:
    """A value network whose weights are drawn again and again.

    They are +sigma or -sigma, independently, with the variances of a plan; all
    else stays: gates, choices of max pooling, scales of batch normalisation.
    Biases, and what batch normalisation adds, are as they are or 0.

    Calling it with what `taken` makes of images gives an array `(n, units)` for
    the weights that were last drawn. Summed over units, products of those of
    two images have the kernel of the plan as their mean.

    Args:
        model: `GatedNetwork` or `ReLUNetwork`, of plain kernels.
        plan: Its `Plan`.
        biases: Boolean. Whether biases are as they are.
    """

    def __init__(
        self, model: "ImageClassifier", plan: Plan, biases: bool = False
    ) -> None:
        self._plan, self._biases = plan, biases
        self._entering: dict = {}
        self._drawn: list = []
        # By name: a layer may be called more than once.
        self._twins: dict = {}
        outputs = self._replayed(model)
        self._network = keras.Model(list(self._entering.values()), outputs)
        self._forward = compiled(self._network)

    @property
    def units(self) -> int:
        """How many numbers an image has."""
        return math.prod(self._network.output.shape[1:])

    def draw(self, seed: int, number: int) -> None:
        """Draws the weights of this number, which follow from the seed."""
        rng = np.random.default_rng([seed, number])
        for variable, variance in self._drawn:
            variable.assign(random_signs(rng, variable.shape, variance))

    def taken(self, arrays: dict[str, Array]) -> dict:
        """The arrays of images as tensors, the same for all draws."""
        return {
            name: ops.cast(
                np.asarray(arrays[name]).reshape(-1, *x.shape[1:]), "float32"
            )
            for name, x in self._entering.items()
        }

    def __call__(self, tensors: dict) -> Array:
        made = ops.convert_to_numpy(self._forward([*tensors.values()]))
        return made.reshape(len(made), -1) * self._scale

    def _replayed(self, model):
        """The tensor whose units are features, in a graph of new layers."""
        network = model.logits_network
        sites = {model.layer_at(x).name: x for x in model.site_names}
        tensors = {
            id(tensor): self._input(name, tensor.shape[1:])
            for name, tensor in self._plan.inputs.items()
        }
        *nodes, last = (
            x
            for x in calls_of(network)
            # The kernel is that of the one output.
            if not isinstance(x.operation, TwoLogits)
        )
        # A dense layer at the end would only mix what enters it; its bias is a
        # path of its own.
        scale: Array = np.ones(1)
        if _ends_in(nodes, keras.layers.Dense) and not self._biases:
            if type(last.operation) is keras.layers.Rescaling:
                # Units of the targets of a regression.
                scale = np.asarray(last.operation.scale, "float64")
                *nodes, last = nodes
        plain = _ends_in([last], keras.layers.Dense) and not self._biases
        plain = plain and len(last.operation.input.shape) == 2
        tensor = last.input_tensors[0] if plain else last.outputs[0]
        for node in nodes if plain else [*nodes, last]:
            if id(node.outputs[0]) in tensors:
                continue
            if all(id(x) not in tensors for x in node.input_tensors):
                continue
            layer = node.operation
            taken = {
                id(x): tensors[id(x)]
                for x in node.input_tensors
                if id(x) in tensors
            }
            if layer.name in sites:
                gate = self._input(sites[layer.name], layer.output.shape[1:])
                made = ops.multiply(taken[id(node.input_tensors[0])], gate)
            elif f"{layer.name} choice" in self._plan.choices:
                made = self._chosen(layer, *taken.values())
            else:
                made = self._again(node, taken)
            tensors[id(node.outputs[0])] = made
        variance = 1 / math.prod(tensor.shape[1:])
        if plain and last.operation.name in self._plan.variances:
            (variance,) = self._plan.variances[last.operation.name]
        self._scale = math.sqrt(variance * np.mean(np.square(scale)))
        return tensors[id(tensor)]

    def _input(self, name, shape):
        made = keras.Input(
            shape, dtype="float32", name=f"path_{name}".replace(" ", "_")
        )
        self._entering[name] = made
        return made

    def _chosen(self, layer, tensor):
        """What max pooling lets through of other values."""
        name = f"{layer.name} choice"
        _, by = self._plan.choices[name]
        channels = tensor.shape[-1]
        choice = self._input(name, self._plan.shapes[name])
        flat = ops.reshape(
            tensor, (-1, math.prod(tensor.shape[1:-1]), channels)
        )
        sites = ops.take(flat, by.index.reshape(-1), axis=1) * choice
        sites = ops.reshape(sites, (-1, *by.index.shape, channels))
        return ops.reshape(
            ops.sum(sites, axis=1), (-1, *layer.output.shape[1:])
        )

    def _again(self, node, taken):
        """A call of a layer like that of a node, its weights to be drawn."""
        layer = node.operation
        args, kwargs = node.arguments.fill_in(taken)
        if layer.name in self._twins:
            return self._twins[layer.name](*args, **kwargs)
        config = {**layer.get_config(), "dtype": "float32"}
        if type(layer) is keras.layers.Rescaling and not self._biases:
            config["offset"] = 0.0
        twin = self._twins[layer.name] = type(layer).from_config(config)
        made = twin(*args, **kwargs)
        twin.set_weights(layer.get_weights())
        kernels = [x for x in twin.weights if x.name.endswith("kernel")]
        variances = self._plan.variances.get(layer.name, [])
        self._drawn += zip(kernels, variances, strict=True)
        if not self._biases:
            for variable in twin.weights:
                shifts = variable.name in ("beta", "moving_mean")
                if variable.name == "bias" or (
                    shifts and scales_channels(layer)
                ):
                    variable.assign(np.zeros(variable.shape))
        return made


def _ends_in(nodes, kind):
    return bool(nodes) and type(nodes[-1].operation) is kind

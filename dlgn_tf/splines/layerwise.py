"""A network as its layers' splines: the affine map that it is at an input.

Whole networks are not the largest of affine maps: weights below 0 come after
nonlinearities. Each layer is, and once all have selected a region their affine
maps multiply to one.

Source: the SMASO paper (arXiv 1810.09274), equations 2 and 16; Balestriero and
Baraniuk, "A Spline Theory of Deep Learning" (2018), section 3.
"""

import dataclasses
import math

import keras
import numpy as np
from numpy import ndarray as Array
from scipy import sparse

from dlgn_tf.inspection.autodiff import double_precision
from dlgn_tf.splines import keras_layers, selection
from dlgn_tf.splines.composition import Maps


@dataclasses.dataclass(frozen=True)
class LayerSpline:
    """One layer of a network.

    Attributes:
        name: String, the layer's.
        maps: What its units choose from.
        taken: Indices of the layers whose outputs it takes, joined in this
            order; -1 stands for the network's input.
    """

    name: str
    maps: Maps
    taken: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class NetworkSplines:
    """The layers of a functional network, as `network_splines` reads them.

    Attributes:
        layers: Tuple of `LayerSpline`, in order; the last is the output.
        inputs: Integer, numbers of a flattened input.
    """

    layers: tuple[LayerSpline, ...]
    inputs: int

    def select(self, x: Array) -> dict[str, Array]:
        """T of each layer at an input `(inputs,)`, by the layer's name.

        Arrays `(units, regions)`, weights that sum to 1: one-hot where the
        choice is hard.
        """
        values = [np.asarray(x, "float64")]
        chosen = {}
        for layer in self.layers:
            maps = layer.maps
            scores = maps.slopes @ _joined(values, layer.taken)
            scores = scores.reshape(maps.offsets.shape) + maps.offsets
            weights = selection.beta_vq(
                scores, maps.beta, maps.log_counts, maps.entropy
            )
            values.append(selection.combine(weights, scores))
            chosen[layer.name] = weights
        return chosen

    def affine_map(self, chosen: dict[str, Array]) -> tuple[Array, Array]:
        """A and B of the network, composed of what the layers have chosen.

        At the input that `select` was asked for the output is A x + B; where
        all choices are hard, A is the derivative of the output in the input.

        Args:
            chosen: As `select` returns it, maybe of another input.

        Returns:
            Float64 arrays `(outputs, inputs)` and `(outputs,)`.
        """
        maps = [np.eye(self.inputs, self.inputs + 1)]
        for layer in self.layers:
            slopes, offsets = _affine_form(layer.maps, chosen[layer.name])
            made = slopes @ _joined(maps, layer.taken)
            # Offsets are slopes of a further input, 1.
            made[:, -1] += offsets
            maps.append(made)
        return maps[-1][:, :-1], maps[-1][:, -1]


def network_splines(network: keras.Model) -> NetworkSplines:
    """Reads every layer of a functional network, as `maso_of_layers` does.

    Args:
        network: One input and one output; layers that are each used once and
            are no networks.

    Raises:
        UserError: if a layer is neither affine nor a choice between affine
            maps, or the network is none of these.
    """
    # On JAX, also while copies are made and get their weights.
    with double_precision():
        copy = keras_layers.copied(network)
        index = {id(copy.inputs[0]): -1}
        layers: list[LayerSpline] = []
        for step in keras_layers.steps_of(copy):
            taken = tuple(index[tensor] for tensor in step.taken)
            maps = keras_layers.maps_of_step(step)
            index[step.made] = len(layers)
            layers.append(LayerSpline(step.operation.name, maps, taken))
    return NetworkSplines(tuple(layers), math.prod(copy.inputs[0].shape[1:]))


def _joined(of_layers, taken):
    """Rows of several layers; the network's input comes first of all."""
    return np.concatenate([of_layers[1 + layer] for layer in taken])


def _affine_form(maps, weights):
    """A[T], sparse `(units, inputs)`, and B[T] `(units,)`."""
    units, regions = weights.shape
    places = np.arange(units * regions)
    starts = np.arange(0, units * regions + 1, regions)
    chosen = sparse.csr_array(
        (np.ravel(weights), places, starts), (units, units * regions)
    )
    return chosen @ maps.slopes, selection.combine(weights, maps.offsets)

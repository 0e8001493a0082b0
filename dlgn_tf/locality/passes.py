"""A locally connected ReLU network and its back-propagation, sample by sample.

In the notation of Tian's paper (arXiv 1809.10829, section 2):

    f_j = f'_j sum_k w_jk f_k        g_k = f'_k sum_j w_jk g_j
    Dw_jk = E_x[f_k g_j]

with f' the gate (0 or 1) and g the gradient behind a node's own gate. The loss
is 1/2 E |y - f|^2, so that the top's g is y - f, and Dw is the direction of
descent, minus the gradient. A bias is the weight of a node that is always 1.
All of it is float64 NumPy, as a plain statement of the equations.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf.locality.receptive_fields import ReceptiveFields


@dataclasses.dataclass(frozen=True)
class LocalNetwork:
    """Weights of a locally connected network.

    Attributes:
        fields: What its regions are.
        weights: One array `(regions, children * nodes_below + 1, nodes)` for
            each level above the leaves; the last row is the bias.
        linear_top: Whether the top region's nodes are linear; all others are
            ReLUs.
    """

    fields: ReceptiveFields
    weights: tuple[np.ndarray, ...]
    linear_top: bool = True

    @classmethod
    def draw(
        cls, fields: ReceptiveFields, nodes: Sequence[int], rng: Generator
    ) -> "LocalNetwork":
        """Normal weights of variance 2 / (inputs of a node); biases too.

        Nodes are those of a region by level, leaves included.
        """
        weights = []
        for level, children in enumerate(fields.children):
            regions, window = children.shape
            fan_in = window * nodes[level]
            shape = (regions, fan_in + 1, nodes[level + 1])
            weights.append(rng.normal(0, np.sqrt(2 / fan_in), shape))
        return cls(fields, tuple(weights))

    def rows(self, level: int, place: int) -> slice:
        """Rows of a region's weights that read the child at a place."""
        window = self.fields.children[level - 1].shape[1]
        below = (self.weights[level - 1].shape[1] - 1) // window
        return slice(place * below, (place + 1) * below)

    def block(self, level: int, region: int, place: int) -> Array:
        """Weights from the child at a place of the window, W_ba."""
        return self.weights[level - 1][region, self.rows(level, place)]

    def is_linear(self, level: int) -> bool:
        """Whether the nodes of a level, 1 to depth, have no ReLU."""
        return self.linear_top and level == self.fields.depth

    def bias(self, level: int, region: int) -> Array:
        """Biases of a region's nodes, `(nodes,)`."""
        return self.weights[level - 1][region, -1]


@dataclasses.dataclass(frozen=True)
class Passes:
    """What both passes leave; lists by level, leaves first.

    Attributes:
        f: Arrays `(inputs, regions, nodes)`.
        gates: The same, of 0 and 1; leaves and linear nodes have 1.
        raw_f: The same, before the gate.
        g: The same; the leaves' too.
        raw_g: The same, before the gate.
        updates: Dw, arrays of the shapes of `LocalNetwork.weights`.
    """

    f: list
    gates: list
    raw_f: list
    g: list
    raw_g: list
    updates: list


def gathered(fields: ReceptiveFields, level: int, below: Array) -> Array:
    """Inputs of a level's regions, `(inputs, regions, children * n + 1)`."""
    inputs = below[:, fields.children[level - 1]]
    inputs = inputs.reshape(*inputs.shape[:2], -1)
    return np.concatenate([inputs, np.ones((*inputs.shape[:2], 1))], axis=2)


def run(
    network: LocalNetwork, leaves: Array, targets: Array, probabilities: Array
) -> Passes:
    """Forward and backward pass.

    Of leaves `(inputs, leaves, n)`, targets `(inputs, outputs)` and P(x),
    `(inputs,)`.
    """
    f, raw_f, gates = forward(network, leaves)
    depth = network.fields.depth
    updates: list = [None] * depth
    raw_g, g = [*updates], [*updates]
    raw_g.append(targets[:, None] - f[-1])
    g.append(gates[-1] * raw_g[-1])
    for level in range(depth, 0, -1):
        inputs = gathered(network.fields, level, f[level - 1])
        updates[level - 1] = np.einsum(
            "x,xri,xro->rio", probabilities, inputs, g[level]
        )
        raw_g[level - 1] = _backward(network, level, g[level], f[level - 1])
        g[level - 1] = gates[level - 1] * raw_g[level - 1]
    return Passes(f, gates, raw_f, g, raw_g, updates)


def forward(network: LocalNetwork, leaves: Array) -> tuple[list, list, list]:
    """The forward pass alone: lists `f`, `raw_f` and `gates` of `Passes`."""
    f, raw_f, gates = [leaves], [leaves], [np.ones_like(leaves)]
    for level, weights in enumerate(network.weights, start=1):
        inputs = gathered(network.fields, level, f[-1])
        raw_f.append(np.einsum("xri,rio->xro", inputs, weights))
        is_open = (raw_f[-1] > 0) | network.is_linear(level)
        gates.append(is_open.astype(float))
        f.append(gates[-1] * raw_f[-1])
    return f, raw_f, gates


def _backward(network, level, g, below):
    """sum_j w_jk g_j for every node k of the level below."""
    raw = np.zeros_like(below)
    for region, place, child in network.fields.edges(level):
        raw[:, child] += g[:, region] @ network.block(level, region, place).T
    return raw

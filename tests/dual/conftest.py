"""Tiny networks whose paths can be counted, and their forward passes."""

import dataclasses
import itertools

import numpy as np
import pytest

from dlgn_tf.dual import kernels, paths


@dataclasses.dataclass
class Tiny:
    """A network without biases and with one output, as arrays.

    `gates` and `weights` are lists of arrays, for a residual network lists of
    one list a block.
    """

    kind: str
    inputs: np.ndarray
    gates: list
    weights: list
    windows: tuple = ()

    def enumerated(self, normalized=False):
        gates = self.gates
        if normalized:
            # H is of second order in the gates of each layer.
            gates = self.map_gates(lambda g, n: g / np.sqrt(n))
        function = getattr(paths, f"{self.kind}_paths")
        return function(self.inputs, gates, self.weights)

    def kernel(self, **options):
        if self.windows:
            options["windows"] = self.windows
        return getattr(kernels, self.kind)(self.gates, self.inputs, **options)

    def map_gates(self, function):
        """Gates, by a function of them and of what divides their product."""
        if self.kind == "residual":
            return [[function(g, g.shape[1]) for g in b] for b in self.gates]
        areas = [k ** (self.inputs.ndim - 2) for k in self.windows]
        areas += [1] * (len(self.gates) - len(areas))
        pairs = zip(self.gates, areas, strict=True)
        return [function(g, g.shape[-1] * area) for g, area in pairs]

    def subset(self, images):
        """Arguments of the kernel for some of the images."""
        gates = self.map_gates(lambda g, _: g[images])
        return {"other_gates": gates, "other_inputs": self.inputs[images]}

    def flat_weights(self):
        if self.kind == "residual":
            return list(itertools.chain.from_iterable(self.weights))
        return self.weights

    def tangent_kernel(self):
        """Gram matrix of the output's derivatives in all weights.

        It is affine in each of them, so a difference is the derivative.
        """
        gradients, output = [], self.forward(self.weights)
        for array in self.flat_weights():
            for index in np.ndindex(array.shape):
                weight = array[index]
                array[index] = weight + 1
                gradients.append(self.forward(self.weights) - output)
                array[index] = weight
        return np.tensordot(gradients, gradients, (0, 0))

    def forward(self, weights):
        """The output `(n,)` layer by layer, without paths."""
        h = self.inputs
        if self.kind == "residual":
            h = chain(h, weights[0], self.gates[0])
            middle = zip(weights[1:-1], self.gates[1:-1], strict=True)
            for of_block, gates in middle:
                h = h + chain(h, of_block, gates)
            return chain(h, weights[-1], self.gates[-1])
        count = len(self.windows)
        for w, g in zip(weights[:count], self.gates, strict=False):
            h = circular(h, w) * g
        if count:
            h = h.mean(axis=tuple(range(1, h.ndim - 1)))
        return chain(h, weights[count:], self.gates[count:])


def chain(h, weights, gates):
    for index, w in enumerate(weights):
        h = h @ w
        if index < len(gates):
            h = h * gates[index]
    return h


def circular(h, kernel):
    """q[f] = sum_c kernel[c] h[f + c - before] on a circle or torus."""
    q = 0.0
    for offset in np.ndindex(kernel.shape[:-2]):
        shift = [
            (side - 1) // 2 - c
            for side, c in zip(kernel.shape, offset, strict=False)
        ]
        axes = tuple(range(1, 1 + len(shift)))
        q = q + np.roll(h, shift, axes) @ kernel[offset]
    return q


def build(kind, rng, hard, count=4):
    def gates(*shape):
        drawn = rng.random((count, *shape))
        return (drawn > 0.25).astype("float32") if hard else drawn

    def draw(*shapes):
        return [rng.normal(size=shape) for shape in shapes]

    if kind == "fully_connected":
        return Tiny(
            kind,
            rng.normal(size=(count, 3)),
            [gates(3), gates(4), gates(2)],
            draw((3, 3), (3, 4), (4, 2), (2,)),
        )
    if kind == "residual":
        return Tiny(
            kind,
            rng.normal(size=(count, 2)),
            [[gates(2), gates(2)] for _ in range(3)] + [[gates(2)]],
            [draw((2, 2), (2, 2)) for _ in range(3)] + [draw((2, 2), (2,))],
        )
    if kind == "line":
        return Tiny(
            "convolutional",
            rng.normal(size=(count, 5, 2)),
            [gates(5, 3), gates(5, 2), gates(4)],
            draw((3, 2, 3), (2, 3, 2), (2, 4), (4,)),
            windows=(3, 2),
        )
    return Tiny(
        "convolutional",
        rng.normal(size=(count, 3, 2, 2)),
        [gates(3, 2, 2), gates(3, 2, 2), gates(2)],
        draw((3, 3, 2, 2), (2, 2, 2, 2), (2, 2), (2,)),
        windows=(3, 2),
    )


KINDS = ("fully_connected", "line", "plane", "residual")


@pytest.fixture(params=[True, False], ids=["hard", "soft"])
def hard(request):
    return request.param


@pytest.fixture(params=KINDS)
def tiny(request, hard, rng):
    """One network of each kind, with hard and with soft gates."""
    return build(request.param, rng, hard)


@pytest.fixture
def tiny_class():
    return Tiny

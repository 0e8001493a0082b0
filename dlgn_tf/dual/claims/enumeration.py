"""dlgn.1 and dlgn.2: tiny networks, path by path."""

import dataclasses
import functools
import itertools
import math

import numpy as np

from dlgn_tf.claims.small_networks import (
    SmallNetwork,
    floating_point,
    relative_difference,
)
from dlgn_tf.dual import kernels, paths

IMAGES = 16

FC = SmallNetwork(
    "fc", width=3, options={"biases": False, "depth": 3}, image_shape=(1, 3, 1)
)
# Two skips, one layer a block.
FCRESNET = SmallNetwork(
    "fcresnet",
    width=2,
    options={"biases": False, "depth": 4, "block_depth": 1},
    image_shape=(1, 2, 1),
)


@dataclasses.dataclass(frozen=True)
class Example:
    """A tiny network, computed in two ways.

    `output`, `(n,)`, is computed layer by layer, `kernel`, `(n, n)`, without
    enumeration.
    """

    paths: paths.Paths
    output: np.ndarray
    kernel: np.ndarray


def examples(rng, soft):
    """The networks of both claims, by name.

    Gates are soft and of another network, or those of the network's own ReLUs.
    Networks of so few units may have all of them off for all images; such a
    draw leaves nothing to compare, and is drawn again.
    """
    found = {}
    for name, draw in NETWORKS.items():
        found[name] = draw(rng, soft)
        while not np.any(found[name].output):
            found[name] = draw(rng, soft)
    return found


def measure_outputs(rng):
    differences, counts = {}, {}
    for soft in (False, True):
        for name, example in examples(rng, soft).items():
            kind = f"{name}, {'soft' if soft else 'own hard'} gates"
            differences[kind] = relative_difference(
                example.paths.output(), example.output
            )
            counts[name] = count(example.paths)
    return {
        "max |difference| / max |output|": differences,
        "paths": {name: found for name, (found, _) in counts.items()},
        "bundles": {name: found for name, (_, found) in counts.items()},
    }


def count(enumerated):
    """Numbers of paths and of bundles of one size, refusing any other."""
    sizes = np.bincount(enumerated.bundle)
    places = set(zip(enumerated.bundle, enumerated.start, strict=True))
    if np.any(sizes != sizes[0]) or len(places) < len(enumerated.start):
        raise ValueError(
            "Expected bundles of one size, whose paths start at different "
            f"nodes. Received: sizes {sorted(set(sizes))}, {len(places)} "
            f"different starts of {len(enumerated.start)} paths"
        )
    return len(enumerated.start), len(sizes)


def measure_kernels(rng):
    differences = {}
    for soft in (False, True):
        for name, example in examples(rng, soft).items():
            kind = f"{name}, {'soft' if soft else 'hard'} gates"
            differences[kind] = relative_difference(
                example.kernel, example.paths.kernel()
            )
    return {"max |difference| / max |H|": differences}


def fully_connected(rng, soft):
    """27 paths: 3 inputs, 2 hidden layers of 3 units; a model of the zoo."""
    gates, inputs, weights, output = _of_model(FC, rng, soft)
    return Example(
        paths.fully_connected_paths(inputs, gates, weights),
        output,
        FC.width ** len(gates) * kernels.fully_connected(gates, inputs),
    )


def residual(rng, soft):
    """36 paths: 2 inputs, 4 blocks of a layer of 2 units, from the zoo."""
    gates, inputs, weights, output = _of_model(FCRESNET, rng, soft)
    by_block = [[gate] for gate in gates] + [[]]
    kernel = sum(
        FCRESNET.width ** (size + 1)
        * kernels.residual(by_block, inputs, size=size)
        for size in range(3)
    )
    return Example(
        paths.residual_paths(inputs, by_block, [[w] for w in weights]),
        output,
        kernel,
    )


def _of_model(network, rng, soft):
    """Gates, inputs, weights and the first logit of a model."""
    with floating_point("float64"):
        family = "dgn" if soft else "dnn"
        model = network.create(family, rng, mean=0.5, std=0.25)
    images = network.images(rng, IMAGES)
    *weights, last = (np.asarray(w) for w in model.logits_network.weights)
    gates = [np.asarray(gate) for gate in model.gates(images).values()]
    inputs = np.asarray(model.normalization(images)).reshape(IMAGES, -1)
    output = np.asarray(model(images))[:, 0]
    return gates, inputs, [*weights, last[:, 0]], output


def convolutional(rng, soft, space, channels, width):
    """Two circular convolutions of windows of side 2, GAP, two dense layers."""
    window = (2,) * len(space)
    inputs = rng.normal(size=(IMAGES, *space, channels))
    filters = [
        rng.normal(size=(*window, count, width)) for count in (channels, width)
    ]
    dense, last = rng.normal(size=(width, width)), rng.normal(size=width)
    gates, h = [], inputs

    def gated(q):
        own = np.asarray(q > 0, "float64")
        gates.append(rng.uniform(size=q.shape) if soft else own)
        return q * gates[-1]

    for kernel in filters:
        h = gated(_circular(h, kernel))
    pooled = h.reshape(IMAGES, -1, width).mean(axis=1)
    output = gated(pooled @ dense) @ last
    scale = width ** len(gates) * math.prod(window) ** len(filters)
    return Example(
        paths.convolutional_paths(inputs, gates, [*filters, dense, last]),
        output,
        scale * kernels.convolutional(gates, inputs, 2),
    )


def _circular(h, kernel):
    """Circular convolution in any number of dimensions, term by term."""
    window = kernel.shape[:-2]
    axes = tuple(range(1, 1 + len(window)))
    total = 0
    for offset in itertools.product(*map(range, window)):
        shift = [
            (side - 1) // 2 - o for side, o in zip(window, offset, strict=True)
        ]
        total = total + np.roll(h, shift, axes) @ kernel[offset]
    return total


NETWORKS = {
    "fully connected": fully_connected,
    "convolutional": functools.partial(
        convolutional, space=(4,), channels=1, width=2
    ),
    "residual": residual,
    "convolutional 2-D": functools.partial(
        convolutional, space=(3, 3), channels=2, width=2
    ),
}

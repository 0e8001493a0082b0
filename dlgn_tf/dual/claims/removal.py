"""dlgn.14: a residual block is the sub-networks that contain it."""

import itertools
import math

import numpy as np
from keras import ops

from dlgn_tf.claims.small_networks import (
    SmallNetwork,
    floating_point,
    relative_difference,
)
from dlgn_tf.dual import kernels
from dlgn_tf.models.depths import fcresnet_block
from dlgn_tf.models.gated import copy_weights

SKIPS = 3
# Five blocks of two layers.
NETWORK = SmallNetwork(
    "fcresnet", options={"depth": 10}, width=16, image_shape=(4, 4, 1)
)


def measure(rng):
    found = {
        fcresnet_block(block): differences(block, rng)
        for block in range(1, SKIPS + 1)
    }
    return {
        "max |difference| / max": found,
        "max |kernel| without a fully connected layer": (
            kernel_without_a_layer(rng)
        ),
        "network": f"{NETWORK} dlgn, {SKIPS} skips, {NETWORK.size}",
    }


def differences(block, rng):
    """What leaving a block out changes, beside what it should.

    Relative differences. `"remaining"`: the kernel without the block from the
    sum over the sub-networks that do not contain it. `"removed"`: what the
    kernel loses from the sum over those that do. `"closed gates"`: the kernel
    without the block from the whole's with the block's gates closed.
    `"outputs"`: the same for the outputs of the value networks.
    """
    whole, images = create(rng), NETWORK.images(rng)
    gates, inputs = gates_by_block(whole, images)
    closed = _closed(gates, block)
    remaining = gates[:block] + gates[block + 1 :]
    kernel, kernel_without, kernel_closed = (
        kernels.residual(of_blocks, inputs)
        for of_blocks in (gates, remaining, closed)
    )
    sums = {True: 0, False: 0}
    for kept, sub_kernel in sub_networks(gates, inputs):
        sums[block in kept] += sub_kernel
    return {
        "remaining": relative_difference(kernel_without, sums[False]),
        "removed": relative_difference(kernel - kernel_without, sums[True]),
        "closed gates": relative_difference(kernel_closed, kernel_without),
        "outputs": _output_difference(whole, block, images, closed, remaining),
    }


def create(rng, **options):
    """A DLGN in float64."""
    with floating_point("float64"):
        return NETWORK.create("dlgn", rng, **options)


def gates_by_block(model, images):
    """Gates of each block, and the inputs of the value network."""
    gates = {}
    for name, gate in model.gates(images).items():
        gates.setdefault(name.partition("_")[0], []).append(np.asarray(gate))
    pixels = np.asarray(model.normalization(images))
    return list(gates.values()), pixels.reshape(len(images), -1)


def sub_networks(gates, inputs):
    """Yields each set of kept blocks with its kernel, one by one."""
    grams = [
        [gate @ gate.T / gate.shape[1] for gate in of_block]
        for of_block in gates
    ]
    last = len(gates) - 1
    for count in range(last):
        for kept in itertools.combinations(range(1, last), count):
            used = [grams[k] for k in (0, *kept, last)]
            yield kept, math.prod(_chained(used), start=inputs @ inputs.T)


def kernel_without_a_layer(rng):
    """max |kernel| of dense layers where one layer's gates are closed."""
    gates = rng.integers(2, size=(3, 4, 16)).astype("float64")
    gates[1] = 0
    return float(np.abs(kernels.fully_connected(gates, np.eye(4))).max())


def _closed(gates, block):
    return [
        [np.zeros_like(g) for g in of_block] if index == block else of_block
        for index, of_block in enumerate(gates)
    ]


def _chained(blocks):
    return itertools.chain.from_iterable(blocks)


def _output_difference(whole, block, images, closed, remaining):
    without = create(
        np.random.default_rng(0), removed=(fcresnet_block(block),)
    ).value_network
    copy_weights(whole.value_network, without)
    pixels = whole.normalization(images)
    outputs, expected = (
        network([pixels, *map(ops.convert_to_tensor, _chained(gates))])
        for network, gates in (
            (without, remaining),
            (whole.value_network, closed),
        )
    )
    return relative_difference(outputs, expected)

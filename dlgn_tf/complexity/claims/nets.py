"""complexity.1 and complexity.9: what disentangler nets are made of."""

import collections

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.command import startup
from dlgn_tf.complexity import disentangler as nets
from dlgn_tf.output.spread import listed

tf = startup.tensorflow()

# Millions of parameters at r = 1, of features 64x8x8 and images 32x32.
PARAMETERS = {4: 1.66, 7: 4.76, 13: 10.96, 25: 23.3, 49: 48.1, 97: 97.7}
COUNTED = (4, 7, 13)
SHAPES = (
    ((8, 8, 64), (32, 32, 3)),
    ((16, 16, 5), (16, 16, 1)),
    ((2, 2, 40), (16, 16, 3)),
    ((7, 7, 16), (224, 224, 3)),
    ((5, 3, 8), (12, 12, 3)),
)


def measure_depths(rng):
    counts = {
        (order, shape): _operations(
            nets.disentangler(order, shape, image, width=1 / 64), image
        )
        for order in COUNTED
        for shape, image in SHAPES
    }
    millions = {}
    for order in PARAMETERS:
        net = nets.disentangler(order, *SHAPES[0])
        millions[order] = nets.parameters(net) / 1e6
    shown = listed(millions.values(), separator=", ")
    return Measurement(
        holds=depths_hold(counts, millions),
        measured=(
            f"{len(counts)} nets counted, orders "
            f"{', '.join(map(str, COUNTED))} of {len(SHAPES)} shapes; millions "
            f"of parameters at r = 1: {shown}"
        ),
        values={"operations": str(counts), "millions": millions},
    )


def depths_hold(counts, millions):
    """Whether nets are as deep and as large as they should be.

    Args:
        counts: Dict from (order, feature shape) to (ReLUs, convolutions,
            output shape).
        millions: Dict from order to millions of parameters.
    """
    deep = all(
        found == (order, order + 1, shape)
        for (order, shape), found in counts.items()
    )
    # As many digits as were published.
    large = all(
        round(millions[order], 2 if expected < 20 else 1) == expected
        for order, expected in PARAMETERS.items()
    )
    return bool(deep and large)


def _operations(net, image_shape):
    """ReLUs, convolutions and output shape of what the net computes."""
    image = tf.TensorSpec((1, *image_shape))
    graph = tf.function(net).get_concrete_function(image).graph
    kinds = collections.Counter(x.type for x in graph.get_operations())
    return kinds["Relu"], kinds["Conv2D"], tuple(net.output_shape[1:])


def measure_warm_start(rng):
    seeds = rng.integers(2**31, size=2)
    equal, differ = [], []
    for feature_shape in ((4, 4, 8), (12,)):
        for blocks in (1, 2, 4):
            small, large = (
                nets.disentangler(
                    nets.order_of(m),
                    feature_shape,
                    (16, 16, 3),
                    width=1 / 32,
                    seed=int(seed),
                )
                for m, seed in zip((blocks, 2 * blocks), seeds, strict=True)
            )
            _disturb(small, rng)
            before = _weights(large)
            nets.warm_start(small, large)
            same, other = _compared(_weights(small), before, _weights(large))
            equal += same
            differ += other
    return Measurement(
        holds=bool(equal and differ and all(equal) and all(differ)),
        measured=(
            f"{sum(equal)} of {len(equal)} shared tensors equal; "
            f"{sum(differ)} of {len(differ)} kernels differ before, or from "
            "any of the small net"
        ),
        values={"equal": len(equal), "different": len(differ)},
    )


def _disturb(net, rng):
    """As if trained: statistics and biases no longer as they start."""
    for variable in net.weights:
        noise = rng.uniform(0.1, 0.2, variable.shape)
        variable.assign(variable + noise.astype("float32"))


def _weights(net):
    """By layer and variable."""
    return {
        f"{layer.name}/{variable.name}": np.array(variable)
        for layer in net.layers
        for variable in layer.weights
    }


def _compared(small, before, after):
    """Whether shared tensors are equal; whether other kernels differ."""
    equal = [np.array_equal(after[name], small[name]) for name in small]
    kernels = [name for name in after if name.endswith("kernel")]
    differ = [
        not np.array_equal(before[name], after[name])
        for name in kernels
        if name in small
    ]
    for name in kernels:
        if name not in small:
            differ.append(
                np.array_equal(before[name], after[name])
                and not any(
                    np.array_equal(after[name], s) for s in small.values()
                )
            )
    return equal, differ

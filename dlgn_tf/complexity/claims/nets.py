"""complexity.1 and complexity.9: what disentangler nets are made of."""

import collections

import numpy as np

from dlgn_tf.claims.check import by_figure
from dlgn_tf.command import startup
from dlgn_tf.complexity import disentangler as nets

tf = startup.tensorflow()

# Orders whose millions of parameters were published, for features 64x8x8 and
# images 32x32, and to how many digits behind the point.
DIGITS = {4: 2, 7: 2, 13: 2, 25: 1, 49: 1, 97: 1}
COUNTED = (4, 7, 13)
SHAPES = (
    ((8, 8, 64), (32, 32, 3)),
    ((16, 16, 5), (16, 16, 1)),
    ((2, 2, 40), (16, 16, 3)),
    ((7, 7, 16), (224, 224, 3)),
    ((5, 3, 8), (12, 12, 3)),
)


def measure_depths(rng):
    cases = {
        f"order {order}, {shape}": depth_figures(
            order,
            shape,
            *_operations(
                nets.disentangler(order, shape, image, width=1 / 64), image
            ),
        )
        for order in COUNTED
        for shape, image in SHAPES
    }
    millions = {
        order: nets.parameters(nets.disentangler(order, *SHAPES[0])) / 1e6
        for order in DIGITS
    }
    return {
        **by_figure(cases),
        "millions of parameters, r = 1": {
            f"order {order}": round(millions[order], digits)
            for order, digits in DIGITS.items()
        },
        "details": {"millions": millions},
    }


def depth_figures(
    order: int, shape: tuple, relus: int, convolutions: int, output_shape: tuple
) -> dict:
    """What is expected of a net of this order for a feature of this shape."""
    return {
        "ReLU layers - l": relus - order,
        "convolutions - l": convolutions - order,
        "has the feature's shape": output_shape == shape,
    }


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
    return {"shared tensors are equal": equal, "other kernels differ": differ}


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
    differ = []
    for name in (name for name in after if name.endswith("kernel")):
        kept = np.array_equal(before[name], after[name])
        if name in small:
            differ.append(not kept)
        else:
            copies = (np.array_equal(after[name], x) for x in small.values())
            differ.append(kept and not any(copies))
    return equal, differ

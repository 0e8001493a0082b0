"""dlgn.9: numbers of parameters and gates, and the learning rate."""

import dataclasses
import math

import keras

from dlgn_tf.config.recipes import RECIPES
from dlgn_tf.models.build import create_model
from dlgn_tf.training.optimizers import learning_rate


@dataclasses.dataclass(frozen=True)
class Counts:
    """Sizes of a network with its published options and 10 classes.

    `parameters` has the moving statistics, `trainable` leaves them out; `gates`
    counts gate tensors (the ReLUs of a ReLU network).
    """

    parameters: int
    trainable: int
    gates: int


_V1 = {"block": "original", "shortcut": "A"}
_CIFAR = (32, 32, 3)
# Model, image shape, options, counts. The counts follow from the layers as
# the papers and the repositories behind them list them.
NETWORKS = (
    ("fc_dnn", (28, 28, 1), {}, Counts(167_818, 167_818, 5)),
    ("vconv_dnn", _CIFAR, {}, Counts(33_883_210, 33_883_210, 6)),
    ("gconv_dnn", _CIFAR, {}, Counts(361_546, 361_546, 6)),
    ("c4gap_dnn", _CIFAR, {}, Counts(447_626, 447_626, 4)),
    ("c4gap_dgn", _CIFAR, {}, Counts(893_962, 893_962, 4)),
    ("c4gap_dlgn", _CIFAR, {}, Counts(893_962, 893_962, 4)),
    ("c4gap_dlgn_sf", _CIFAR, {}, Counts(461_962, 461_962, 4)),
    ("c1gap_dnn", _CIFAR, {}, Counts(4_874, 4_874, 1)),
    ("vgg16_dnn", _CIFAR, {}, Counts(14_736_714, 14_728_266, 13)),
    ("resnet110_dnn", _CIFAR, {}, Counts(1_738_618, 1_730_522, 109)),
    ("resnet110_dnn", _CIFAR, _V1, Counts(1_736_058, 1_727_962, 109)),
)
LEARNING_RATES = {
    0: 0.01,
    399: 0.01,
    401: 0.1,
    31_999: 0.1,
    32_001: 0.01,
    47_999: 0.01,
    48_001: 0.001,
}


def measure(rng):
    del rng  # Nothing here is random.
    counts, rates = count_figures(), learning_rate_figures()
    return {
        "count - published": {
            name: found - expected for name, (found, expected) in counts.items()
        },
        "learning rate over published": {
            name: found / expected for name, (found, expected) in rates.items()
        },
        "parameters": ", ".join(
            f"{name.removesuffix(' parameters')} {found:,}"
            for name, (found, _) in counts.items()
            if name.endswith(" parameters")
        ),
        "details": {
            name: {"measured": found, "expected": expected}
            for name, (found, expected) in {**counts, **rates}.items()
        },
    }


def count(model):
    """Counts what a model holds, its layers and not its lists of names."""
    layers = model.logits_network.layers
    kind = keras.layers.Multiply if model.gated else keras.layers.Activation
    return Counts(
        parameters=model.count_params(),
        trainable=sum(math.prod(v.shape) for v in model.trainable_variables),
        gates=sum(isinstance(layer, kind) for layer in layers),
    )


def count_figures():
    """Dict from a figure's name to (measured, expected)."""
    figures = {}
    for name, image_shape, options, expected in NETWORKS:
        found = count(create_model(name, image_shape, **options))
        variant = " ".join([name, *map(str, options.values())])
        for field in dataclasses.fields(Counts):
            figures[f"{variant} {field.name}"] = (
                getattr(found, field.name),
                getattr(expected, field.name),
            )
    return figures


def learning_rate_figures():
    recipe = RECIPES["resnet"]
    rate = learning_rate(recipe.learning_rates, recipe.boundaries)
    return {
        f"resnet110 learning rate at {step}": (float(rate(step)), expected)
        for step, expected in LEARNING_RATES.items()
    }

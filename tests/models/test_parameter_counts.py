"""Parameter counts: published figures, those of the registry, real models."""

import operator

import numpy as np
import pytest

from dlgn_tf.models import registry
from dlgn_tf.models.build import create_model

FAMILIES = ("dnn", "dgn", "dlgn", "dlgn_sf")

# The lineage's resnets-in-tensorflow2 and section 3 of the DLGN spec; images
# 32x32x3, 10 classes.
PUBLISHED = {
    "resnet20_dnn": 271_098,
    "resnet56_dnn": 857_082,
    "resnet110_dnn": 1_738_618,
    "vgg16_dnn": 14_736_714,
    "vconv_dnn": 33_883_210,
    "gconv_dnn": 361_546,
    "c4gap_dnn": 447_626,
    "c4gap_dgn": 893_962,
    "c4gap_dlgn": 893_962,
    "c4gap_dlgn_sf": 461_962,
    "c1gap_dnn": 4_874,
    # Section 6.1 of the SMASO spec: weights and biases.
    "largecnn_dnn": 1_368_480 + 1_258,
}
# The lineage's README, in millions. It counts trainable parameters.
README = {
    "vgg11": (9.2, 1),
    "vgg13": (9.4, 1),
    "vgg19": (20.0, 1),
    "resnet32": (0.46, 2),
    "resnet44": (0.66, 2),
    "resnet164": (1.7, 1),
    "resnet1001": (10.3, 1),
    "wrn16_4": (2.7, 1),
    "wrn40_4": (8.9, 1),
    "wrn16_8": (11.0, 1),
    "wrn28_10": (36.5, 1),
}
# The spec, which leaves moving statistics out.
TRAINABLE = {"vgg16": 14_719_818 + 8_448, "resnet110": 1_730_522}


@pytest.mark.parametrize("name,parameters", PUBLISHED.items())
def test_registry_equals_the_published_figure(name, parameters):
    architecture, family = registry.parse(name)
    assert architecture.parameter_count(family) == parameters


@pytest.mark.parametrize(
    "name,sites", [("resnet110", 109), ("vgg16", 13), ("c4gap", 4)]
)
def test_gate_sites_of_the_spec(name, sites):
    assert registry.ARCHITECTURES[name].gate_sites == sites


def parameters_of(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)


def counts(name, **options):
    """Parameters of a model, those that are trainable, and its gate sites."""
    model = create_model(name, **options)
    assert len(set(model.site_names)) == len(model.site_names)
    trainable = parameters_of(model.trainable_weights)
    sites = len(model.site_names)
    return np.array([parameters_of(model.weights), trainable, sites])


def extrapolated(name):
    """As `counts`: each step in a ResNet's depth adds the same blocks."""
    options = registry.parse(name)[0].resolve({})
    if "block" not in options:
        return counts(name)
    step = 9 if options["block"] == "bottleneck" else 6
    start = options["depth"] % step + 2 * step
    least, more = (counts(name, depth=d) for d in (start, start + step))
    return least + (options["depth"] - start) // step * (more - least)


SMALL = ("fc", "fcresnet", "c1gap", "c4gap", "gconv", "smallcnn", "largecnn")
SMALL += ("resnet20", "mlp", "plaincnn")
# In these a dgn is built as a dlgn is.
MIDDLE = ("vconv", "vgg11", "resnet110", "resnet164")
OTHERS = sorted({*registry.ARCHITECTURES}.difference(SMALL, MIDDLE))
BUILT = (
    *(f"{name}_{family}" for name in SMALL for family in FAMILIES),
    *(f"{n}_{family}" for n in MIDDLE for family in ("dnn", "dlgn", "dlgn_sf")),
    *(f"{name}_dnn" for name in OTHERS),
    *(
        pytest.param(f"{name}_{family}", marks=pytest.mark.slow)
        for name in OTHERS
        for family in FAMILIES[1:]
        if registry.ARCHITECTURES[name].gate_sites
    ),
)


@pytest.mark.parametrize("name", BUILT)
def test_built_model_has_as_many(name):
    architecture, family = registry.parse(name)
    parameters, trainable, sites = extrapolated(name)
    assert parameters == architecture.parameter_count(family)
    assert sites == architecture.gate_sites
    assert architecture.families == (FAMILIES if sites else ("dnn",))
    if family == "dnn" and architecture.name in README:
        millions, digits = README[architecture.name]
        assert round(trainable / 1e6, digits) == millions
    if family == "dnn" and architecture.name in TRAINABLE:
        assert trainable == TRAINABLE[architecture.name]


def test_weights_of_the_authors_scattering_network_with_skip():
    """Their inputs: 30, 640, 1280, 2560 and four times 5120; a head of 4096."""
    inputs, outputs = (30, 640, 1280, 2560), (64, 128, 256, 512)
    weights = sum(map(operator.mul, inputs, outputs))
    weights += 4 * 5120 * 512 + 4096 * 10
    assert weights == 12_248_960
    model = create_model("scattering7_dnn")
    assert parameters_of(model.trainable_weights) == weights
    kernels = [
        x.kernel.shape
        for x in model.network.layers
        if x.name[:2] == "co" and hasattr(x, "kernel")
    ]
    assert [tuple(k) for k in kernels] == [
        *zip(inputs, outputs, strict=True)
    ] + 4 * [(5120, 512)]


def test_fc_on_mnist():
    model = create_model("fc_dnn", (28, 28, 1))
    assert parameters_of(model.weights) == 167_818


def test_original_resnet110_with_shortcut_a():
    """The spec's 1,727,962 leave the moving statistics out."""
    model = create_model("resnet110_dnn", block="original", shortcut="A")
    assert parameters_of(model.trainable_weights) == 1_727_962
    # Stem and 36 convolutions in each group, 2 statistics a filter.
    moving = 2 * (16 + 36 * (16 + 32 + 64))
    assert parameters_of(model.non_trainable_weights) == moving
    assert len(model.site_names) == 109

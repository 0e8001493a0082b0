"""Parameter counts: published figures, a formula written here, real models."""

import operator

import numpy as np
import pytest

from dlgn_tf.models import registry
from dlgn_tf.models.build import create_model

FAMILIES = ("dnn", "dgn", "dlgn", "dlgn_sf")


class Count:
    """Counts the parameters of a ReLU network, layer by layer.

    Sites are kept as `(height, width, filters)` or `(units,)`.
    """

    def __init__(self, side=32, channels=3):
        self.image = (side, side, channels)
        self.trainable = self.moving = self.head = 0
        self.sites = []
        self.has_batch_norm = False
        # What the linear maps of a DLGN-SF have and see.
        self.has_biases = False
        self.seen_channels = channels

    def conv(self, size, inputs, filters, bias=True):
        self.trainable += size * size * inputs * filters + bias * filters
        self.has_biases |= bias

    def dense(self, inputs, units, bias=True):
        self.trainable += (inputs + bias) * units
        self.has_biases |= bias

    def batch_norm(self, channels):
        self.has_batch_norm = True
        self.trainable += 2 * channels
        self.moving += 2 * channels

    def logits(self, inputs, classes=10, bias=True):
        self.head = (inputs + bias) * classes
        return self

    def standardization(self, channels):
        """Moving statistics, with nothing learned."""
        self.moving += 2 * channels

    @property
    def dnn(self):
        return self.trainable + self.moving + self.head

    @property
    def two_networks(self):
        return 2 * (self.trainable + self.moving) + self.head

    @property
    def shallow(self):
        total = self.dnn
        height, width, _ = self.image
        for site in self.sites:
            units, window = site[-1], 9
            if len(site) == 1:
                window = height * width
            elif self.has_batch_norm:
                total += 4 * units
            total += (window * self.seen_channels + self.has_biases) * units
        return total


def fc(count, hidden=5, width=128):
    inputs = int(np.prod(count.image))
    for _ in range(hidden):
        count.dense(inputs, width)
        count.sites.append((width,))
        inputs = width
    return count.logits(inputs)


def fcresnet(count, blocks=3, block_depth=2, width=128):
    """Without biases; a first and a last block besides those with skips."""
    inputs = int(np.prod(count.image))
    for _ in range((blocks + 2) * block_depth - 1):
        count.dense(inputs, width, bias=False)
        count.sites.append((width,))
        inputs = width
    return count.logits(inputs, bias=False)


def convnet(count, filters, dense=(), flatten=False):
    height, width, inputs = count.image
    for number in filters:
        count.conv(3, inputs, number)
        count.sites.append((height, width, number))
        inputs = number
    inputs = inputs * height * width if flatten else inputs
    for units in dense:
        count.dense(inputs, units)
        count.sites.append((units,))
        inputs = units
    return count.logits(inputs)


def largecnn(count):
    """As the SMASO spec lists it: filters, side, output."""
    inputs = count.image[-1]
    for filters, size, side in (
        (96, 3, 32),
        (96, 3, 32),
        (96, 3, 16),
        (192, 3, 16),
        (192, 3, 16),
        (192, 3, 8),
        (192, 3, 6),
        (192, 1, 6),
    ):
        count.conv(size, inputs, filters)
        count.sites.append((side, side, filters))
        inputs = filters
    return count.logits(inputs)


def smallcnn(count):
    """Convolutions without padding, two of them pooled by 2."""
    inputs = count.image[-1]
    for filters, size, side in ((32, 3, 30), (64, 3, 13), (128, 1, 6)):
        count.conv(size, inputs, filters)
        count.sites.append((side, side, filters))
        inputs = filters
    return count.logits(inputs)


def mlp(count):
    """Of a grey image; nothing has biases."""
    height, width, _ = count.image
    count.seen_channels = 1
    count.dense(height * width, 512, bias=False)
    count.dense(512, 256, bias=False)
    count.sites += [(512,), (256,)]
    return count.logits(256, bias=False)


def plaincnn(count):
    """Of a grey image 32x32, of which 14x14 and 5x5 are left."""
    count.seen_channels = 1
    count.conv(5, 1, 32, bias=False)
    count.conv(5, 32, 64, bias=False)
    count.sites += [(14, 14, 32), (5, 5, 64)]
    return count.logits(5 * 5 * 64, bias=False)


def scattering(count, *widths, skip=False):
    """Low-pass and 4 wavelets a channel; with the skip their moduli too.

    Maps then have two parts, which matrices act on alike and of which
    standardisations know both.
    """
    inputs, maps, parts = count.image[-1], 5, 1
    if skip:
        maps, parts = 10, 2
    for width in widths:
        count.standardization(parts * maps * inputs)
        count.conv(1, maps * inputs, width, bias=False)
        inputs = width
    count.standardization(parts * inputs)
    return count.logits(2 * 2 * parts * inputs, bias=False)


def vgg(count, *groups):
    inputs, side = count.image[-1], count.image[0]
    for convolutions, filters in zip(
        groups, (64, 128, 256, 512, 512), strict=True
    ):
        for _ in range(convolutions):
            count.conv(3, inputs, filters)
            count.batch_norm(filters)
            count.sites.append((side, side, filters))
            inputs = filters
        side //= 2
    return count.logits(512)


def original(count, blocks, shortcut):
    count.conv(3, 3, 16, bias=False)
    count.batch_norm(16)
    count.sites.append((32, 32, 16))
    inputs = 16
    for filters, side in ((16, 32), (32, 16), (64, 8)):
        for _ in range(blocks):
            count.conv(3, inputs, filters, bias=False)
            count.conv(3, filters, filters, bias=False)
            count.batch_norm(filters)
            count.batch_norm(filters)
            count.sites += 2 * [(side, side, filters)]
            if inputs != filters and shortcut == "B":
                count.conv(1, inputs, filters, bias=False)
                count.batch_norm(filters)
            inputs = filters
    return count.logits(64)


def preactivated(count, blocks, widen=1):
    """With shortcut B, whose projections carry no batch normalisation."""
    count.conv(3, 3, 16, bias=False)
    inputs, inputs_side = 16, 32
    for factor, side in ((1, 32), (2, 16), (4, 8)):
        filters = 16 * widen * factor
        for _ in range(blocks):
            count.batch_norm(inputs)
            count.conv(3, inputs, filters, bias=False)
            count.batch_norm(filters)
            count.conv(3, filters, filters, bias=False)
            count.sites.append((inputs_side, inputs_side, inputs))
            count.sites.append((side, side, filters))
            if inputs != filters:
                count.conv(1, inputs, filters, bias=False)
            inputs, inputs_side = filters, side
    count.batch_norm(inputs)
    count.sites.append((8, 8, inputs))
    return count.logits(inputs)


def bottleneck(count, blocks):
    count.conv(3, 3, 16, bias=False)
    inputs, inputs_side = 16, 32
    for inner, side in ((16, 32), (32, 16), (64, 8)):
        for _ in range(blocks):
            count.batch_norm(inputs)
            count.conv(1, inputs, inner, bias=False)
            count.batch_norm(inner)
            count.conv(3, inner, inner, bias=False)
            count.batch_norm(inner)
            count.conv(1, inner, 4 * inner, bias=False)
            count.sites.append((inputs_side, inputs_side, inputs))
            # The stride is that of the 3x3 convolution.
            count.sites.append((inputs_side, inputs_side, inner))
            count.sites.append((side, side, inner))
            if inputs != 4 * inner:
                count.conv(1, inputs, 4 * inner, bias=False)
            inputs, inputs_side = 4 * inner, side
    count.batch_norm(inputs)
    count.sites.append((8, 8, inputs))
    return count.logits(inputs)


COUNTS = {
    "fc": fc(Count()),
    "fcresnet": fcresnet(Count()),
    "c1gap": convnet(Count(), [128]),
    "c4gap": convnet(Count(), [128] * 4),
    "gconv": convnet(Count(), [64, 64, 128, 128], dense=(256, 256)),
    "vconv": convnet(Count(), [64, 64, 128, 128], (256, 256), flatten=True),
    "largecnn": largecnn(Count()),
    "smallcnn": smallcnn(Count()),
    "mlp": mlp(Count()),
    "plaincnn": plaincnn(Count()),
    "scattering3": scattering(Count(), 64, 128, 256, 512),
    "scattering3_mini": scattering(Count(), 16, 32, 64, 64),
    "scattering7": scattering(
        Count(), 64, 128, 256, 512, 512, 512, 512, 512, skip=True
    ),
    "vgg11": vgg(Count(), 1, 1, 2, 2, 2),
    "vgg13": vgg(Count(), 2, 2, 2, 2, 2),
    "vgg16": vgg(Count(), 2, 2, 3, 3, 3),
    "vgg19": vgg(Count(), 2, 2, 4, 4, 4),
    "resnet20": original(Count(), 3, "A"),
    "resnet32": original(Count(), 5, "A"),
    "resnet44": original(Count(), 7, "A"),
    "resnet56": original(Count(), 9, "A"),
    "resnet110": preactivated(Count(), 18),
    "resnet164": bottleneck(Count(), 18),
    "resnet1001": bottleneck(Count(), 111),
    "wrn16_4": preactivated(Count(), 2, widen=4),
    "wrn40_4": preactivated(Count(), 6, widen=4),
    "wrn16_8": preactivated(Count(), 2, widen=8),
    "wrn28_10": preactivated(Count(), 4, widen=10),
}


@pytest.mark.parametrize("name", registry.ARCHITECTURES)
def test_registry_equals_the_formula(name):
    count, entry = COUNTS[name], registry.ARCHITECTURES[name]
    assert entry.gate_sites == len(count.sites)
    if not count.sites:
        assert entry.families == ("dnn",)
        assert entry.parameters == (count.dnn,)
        assert entry.parameter_count("dnn") == count.dnn
        return
    assert entry.families == FAMILIES
    assert entry.parameters == (count.dnn, count.two_networks, count.shallow)
    assert [entry.parameter_count(family) for family in FAMILIES] == [
        count.dnn,
        count.two_networks,
        count.two_networks,
        count.shallow,
    ]


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


@pytest.mark.parametrize("name,parameters", PUBLISHED.items())
def test_registry_equals_the_published_figure(name, parameters):
    architecture, family = registry.parse(name)
    assert architecture.parameter_count(family) == parameters


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


def test_moving_statistics_of_vgg16():
    """The spec counts 14,719,818 and 8,448 of batch normalisation apart."""
    count = COUNTS["vgg16"]
    assert count.moving == 8_448
    batch_norm = 2 * count.moving
    assert count.dnn - batch_norm == 14_719_818


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


@pytest.mark.parametrize("name", README)
def test_readme_of_the_lineage(name):
    count, (millions, digits) = COUNTS[name], README[name]
    trainable = registry.ARCHITECTURES[name].parameters[0] - count.moving
    assert trainable == count.trainable + count.head
    assert round(trainable / 1e6, digits) == millions


@pytest.mark.parametrize(
    "name,sites", [("resnet110", 109), ("vgg16", 13), ("c4gap", 4)]
)
def test_gate_sites_of_the_spec(name, sites):
    assert registry.ARCHITECTURES[name].gate_sites == sites


def parameters_of(weights):
    return sum(int(np.prod(weight.shape)) for weight in weights)


def check_built(name, **options):
    model = create_model(name, **options)
    architecture, family = registry.parse(name)
    count = COUNTS[architecture.name]
    assert parameters_of(model.weights) == architecture.parameter_count(family)
    assert len(model.site_names) == architecture.gate_sites
    assert len(set(model.site_names)) == architecture.gate_sites
    if family == "dnn":
        assert parameters_of(model.non_trainable_weights) == count.moving
    else:
        shapes = [q.shape[1:] for q in model.gating_network.outputs]
        assert shapes == count.sites
        gates = [gate.shape[1:] for gate in model.value_network.inputs[1:]]
        assert gates == count.sites


SMALL = ("fc", "fcresnet", "c1gap", "c4gap", "gconv", "smallcnn")
SMALL += ("largecnn", "resnet20", "resnet32", "mlp", "plaincnn")
WITHOUT_GATES = ("scattering3", "scattering3_mini", "scattering7")
# In these a dgn is built as a dlgn is.
MIDDLE = ("vconv", "vgg11", "vgg16", "resnet44")
DEEPER = ("vgg13", "vgg19", "resnet56", "resnet110")
LARGE = ("resnet164", "resnet1001", "wrn16_4", "wrn40_4", "wrn16_8", "wrn28_10")


BUILT = (
    *(f"{name}_{family}" for name in SMALL for family in FAMILIES),
    *(f"{n}_{family}" for n in MIDDLE for family in ("dnn", "dlgn", "dlgn_sf")),
    *(f"{name}_dnn" for name in (*WITHOUT_GATES, *DEEPER)),
)


@pytest.mark.parametrize("name", BUILT)
def test_built_model_has_as_many(name):
    check_built(name)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", LARGE)
def test_built_large_model_has_as_many(name, family):
    check_built(f"{name}_{family}")


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES[1:])
def test_built_gated_resnet110_has_as_many(family):
    check_built(f"resnet110_{family}")


def test_fc_on_mnist():
    model = create_model("fc_dnn", (28, 28, 1))
    assert parameters_of(model.weights) == 167_818
    assert fc(Count(28, 1)).dnn == 167_818


def test_original_resnet110_with_shortcut_a():
    """The spec's 1,727,962 leave the moving statistics out."""
    model = create_model("resnet110_dnn", block="original", shortcut="A")
    count = original(Count(), 18, "A")
    assert parameters_of(model.trainable_weights) == 1_727_962
    assert count.trainable + count.head == 1_727_962
    assert parameters_of(model.non_trainable_weights) == count.moving
    # Stem and 36 convolutions in each group, 2 statistics a filter.
    assert count.moving == 2 * (16 + 36 * (16 + 32 + 64))
    assert len(model.site_names) == 109


def test_preactivated_resnet110_without_moving_statistics():
    count = COUNTS["resnet110"]
    assert count.trainable + count.head == 1_730_522

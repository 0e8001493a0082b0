"""Structure of residual networks; test_forward has their arithmetic."""

import keras
import numpy as np
import pytest

from dlgn_tf.layers import SubsampleAndPad
from dlgn_tf.models.build import create_model

SHAPE = (8, 8, 3)


def build(**options):
    given = {"depth": 14, "width": 4} | options
    return create_model("resnet20_dnn", SHAPE, **given)


def layers_of(model, kind):
    return [layer for layer in model.network.layers if isinstance(layer, kind)]


def blocks(count):
    return [
        f"group{group}_block{index}"
        for group in (1, 2, 3)
        for index in range(1, count + 1)
    ]


@pytest.mark.parametrize(
    "options,sites",
    [
        (
            {},
            ["stem", *(f"{b}_{i}" for b in blocks(2) for i in (1, 2))],
        ),
        (
            {"block": "preactivated"},
            [*(f"{b}_{i}" for b in blocks(2) for i in (1, 2)), "final"],
        ),
        (
            {"block": "bottleneck", "depth": 20},
            [*(f"{b}_{i}" for b in blocks(2) for i in (1, 2, 3)), "final"],
        ),
    ],
)
def test_sites_from_input_to_output(options, sites):
    assert build(**options).site_names == sites


@pytest.mark.parametrize(
    "block,depth,expected",
    [
        ("original", 14, [(8, 4)] * 5 + [(4, 8)] * 4 + [(2, 16)] * 4),
        # The first site of a preactivated block has its input's shape.
        ("preactivated", 14, [(8, 4)] * 5 + [(4, 8)] * 4 + [(2, 16)] * 4),
        (
            "bottleneck",
            11,
            [
                *((8, 4), (8, 4), (8, 4)),
                *((8, 16), (8, 8), (4, 8)),
                *((4, 32), (4, 16), (2, 16)),
                (2, 64),
            ],
        ),
    ],
)
def test_shapes_of_the_sites(block, depth, expected):
    model = build(block=block, depth=depth)
    shapes = [
        q.shape for q in model.preactivations(np.zeros((1, *SHAPE))).values()
    ]
    assert shapes == [(1, side, side, n) for side, n in expected]


@pytest.mark.parametrize("block", ["original", "preactivated", "bottleneck"])
@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_shortcuts_only_where_the_shape_changes(block, shortcut):
    depth = 20 if block == "bottleneck" else 14
    model = build(block=block, shortcut=shortcut, depth=depth)
    names = {layer.name for layer in model.network.layers}
    found = sorted(n for n in names if n.endswith("_shortcut"))
    groups = (1, 2, 3) if block == "bottleneck" else (2, 3)
    assert found == [f"group{group}_block1_shortcut" for group in groups]
    kind = SubsampleAndPad if shortcut == "A" else keras.layers.Conv2D
    for name in found:
        assert isinstance(model.network.get_layer(name), kind)
    # Only v1 normalises its projections.
    normalized = {n for n in names if n.endswith("_shortcut_bn")}
    projects = block == "original" and shortcut == "B"
    assert normalized == ({f"{n}_bn" for n in found} if projects else set())


@pytest.mark.parametrize("block", ["original", "preactivated", "bottleneck"])
def test_convolutions_have_no_bias(block):
    model = build(block=block, depth=20, shortcut="B")
    convolutions = layers_of(model, keras.layers.Conv2D)
    assert len(convolutions) >= 19
    assert not any(layer.use_bias for layer in convolutions)


def test_kernels_are_he_normal():
    """Truncated normal of variance 2 / fan-in."""
    model = create_model("resnet20_dnn", (8, 8, 3), seed=0)
    for layer in layers_of(model, keras.layers.Conv2D)[-4:]:
        kernel = np.asarray(layer.kernel)
        fan_in = np.prod(kernel.shape[:-1])
        assert kernel.std() == pytest.approx(np.sqrt(2 / fan_in), rel=0.03)


def test_widths_of_a_wide_resnet():
    model = create_model("wrn16_4_dnn", SHAPE, width=2)
    filters = [c.filters for c in layers_of(model, keras.layers.Conv2D)]
    assert set(filters) == {2, 8, 16, 32}
    assert filters.count(2) == 1


def which_shortcuts_are_activated(name, **options):
    """Names of the blocks whose sum takes its skip from a ReLU."""
    model = create_model(f"{name}_dnn", SHAPE, **options)
    found = []
    for layer in layers_of(model, keras.layers.Add):
        skip = layer.input[0]
        origin = skip._keras_history.operation
        if origin.name.endswith("_shortcut"):
            origin = origin.input._keras_history.operation
        if origin.name.endswith("_relu"):
            found.append(layer.name.removesuffix("_add"))
    return found


@pytest.mark.parametrize(
    "name,options,expected",
    [
        ("resnet110", {"depth": 14, "width": 4}, [1]),
        ("resnet164", {"depth": 20, "width": 2}, [1, 2, 3]),
        ("resnet1001", {"depth": 20, "width": 2}, [1, 2, 3]),
        ("wrn40_4", {"depth": 16, "width": 2}, [1, 2, 3]),
    ],
)
def test_activated_shortcuts_as_in_the_lineage(name, options, expected):
    found = which_shortcuts_are_activated(name, **options)
    assert found == [f"group{group}_block1" for group in expected]

"""Structure of plain networks; test_forward has their arithmetic."""

import keras
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model

SHAPE = (6, 6, 2)


def sizes(name, **options):
    model = create_model(f"{name}_dnn", SHAPE, 3, **options)
    layers = model.network.layers
    filters = [x.filters for x in layers if isinstance(x, keras.layers.Conv2D)]
    units = [x.units for x in layers if isinstance(x, keras.layers.Dense)]
    return filters, units, model.site_names


def names(kind, count):
    return [f"{kind}{index}" for index in range(1, count + 1)]


@pytest.mark.parametrize(
    "name,options,filters,units",
    [
        ("fc", {}, [], [128] * 5 + [3]),
        ("fc", {"depth": 2, "width": 7}, [], [7, 3]),
        ("c1gap", {}, [128], [3]),
        ("c4gap", {}, [128] * 4, [3]),
        ("c4gap", {"depth": 2, "width": 5}, [5, 5], [3]),
        ("gconv", {}, [64, 64, 128, 128], [256, 256, 3]),
        ("vconv", {}, [64, 64, 128, 128], [256, 256, 3]),
        (
            "gconv",
            {"depth": 2, "width": 3, "head_width": 5},
            [3, 6],
            [5, 5, 3],
        ),
    ],
)
def test_sizes_and_sites(name, options, filters, units):
    assert sizes(name, **options) == (
        filters,
        units,
        names("conv", len(filters)) + names("dense", len(units) - 1),
    )


@pytest.mark.parametrize("size", [1, 3, 5])
def test_kernel_size_keeps_the_resolution(size):
    model = create_model("c4gap_dlgn", SHAPE, width=3, kernel_size=size)
    for network in (model.gating_network, model.value_network):
        kernel = network.get_layer("conv2").kernel
        assert kernel.shape == (size, size, 3, 3)
    assert {q.shape for q in model.gating_network.outputs} == {(None, 6, 6, 3)}


@pytest.mark.parametrize("name", ["c1gap", "c4gap", "gconv"])
@pytest.mark.parametrize("family", ["dnn", "dlgn", "dlgn_sf"])
def test_circular_padding_has_the_same_weights(name, family):
    """By name and shape, so that they can be carried over."""
    same, circular = (
        create_model(f"{name}_{family}", SHAPE, width=3, padding=padding)
        for padding in ("same", "circular")
    )
    weights = [
        [(weight.path, weight.shape) for weight in model.weights]
        for model in (same, circular)
    ]
    assert weights[0] == weights[1]
    assert same.site_shapes == circular.site_shapes
    kinds = {
        type(layer).__name__
        for network in (
            [circular.network]
            if family == "dnn"
            else [circular.gating_network, circular.value_network]
        )
        for layer in network.layers
    }
    assert "CircularPadding" in kinds


def test_circular_padding_of_a_small_image():
    with pytest.raises(UserError, match="at least 3x3.*Received: 2x9"):
        create_model("c4gap_dnn", (2, 9, 1), padding="circular", kernel_size=7)

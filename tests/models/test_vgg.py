"""Structure of VGG networks; test_forward has their arithmetic."""

import keras
import pytest

from dlgn_tf.models.build import create_model


def layers_of(model, kind):
    return [layer for layer in model.network.layers if isinstance(layer, kind)]


@pytest.mark.parametrize(
    "depth,filters",
    [
        (11, [2, 4, 8, 8, 16, 16, 16, 16]),
        (13, [2, 2, 4, 4, 8, 8, 16, 16, 16, 16]),
        (16, [2, 2, 4, 4, 8, 8, 8, 16, 16, 16, 16, 16, 16]),
        (19, [2, 2, 4, 4, 8, 8, 8, 8, 16, 16, 16, 16, 16, 16, 16, 16]),
    ],
)
def test_filters_and_sites(depth, filters):
    model = create_model(f"vgg{depth}_dnn", width=2)
    convolutions = layers_of(model, keras.layers.Conv2D)
    assert [c.filters for c in convolutions] == filters
    assert {c.kernel_size for c in convolutions} == {(3, 3)}
    assert all(c.use_bias for c in convolutions)
    assert model.site_names == [c.name for c in convolutions]


@pytest.mark.parametrize("family", ["dnn", "dlgn"])
@pytest.mark.parametrize(
    "pooling,kind",
    [
        (None, keras.layers.AveragePooling2D),
        ("average", keras.layers.AveragePooling2D),
        ("max", keras.layers.MaxPooling2D),
    ],
)
def test_pooling(family, pooling, kind):
    model = create_model(f"vgg11_{family}", width=2, pooling=pooling)
    network = model.network if family == "dnn" else model.gating_network
    pools = [
        layer
        for layer in network.layers
        if isinstance(
            layer, (keras.layers.AveragePooling2D, keras.layers.MaxPooling2D)
        )
    ]
    # The gating network ends in the last pre-activation, before a pool.
    assert len(pools) == (5 if family == "dnn" else 4)
    for layer in pools:
        assert isinstance(layer, kind)
        assert layer.pool_size == layer.strides == (2, 2)

"""Structure of plain networks; test_forward has their arithmetic."""

import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.models.build import create_model

SHAPE = (6, 6, 2)


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


@pytest.mark.parametrize("name", ["fc", "fcresnet", "c1gap", "c4gap", "gconv"])
def test_without_biases_there_are_none(name):
    model = create_model(f"{name}_dgn", SHAPE, width=2, biases=False)
    assert {weight.name for weight in model.weights} == {"kernel"}


def test_circular_padding_of_a_small_image():
    with pytest.raises(UserError, match="at least 3x3.*Received: 2x9"):
        create_model("c4gap_dnn", (2, 9, 1), padding="circular", kernel_size=7)

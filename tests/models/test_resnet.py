"""Structure of residual networks; test_forward has their arithmetic."""

import keras
import numpy as np
import pytest

from dlgn_tf.layers import BatchNorm
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


def test_kernels_are_he_normal():
    """Truncated normal of variance 2 / fan-in."""
    model = create_model("resnet20_dnn", (8, 8, 3), seed=0)
    for layer in layers_of(model, keras.layers.Conv2D)[-4:]:
        kernel = np.asarray(layer.kernel)
        fan_in = np.prod(kernel.shape[:-1])
        assert kernel.std() == pytest.approx(np.sqrt(2 / fan_in), rel=0.03)


def test_nothing_is_learned_but_kernels_where_norms_stand_behind_gates():
    model = create_model("resnet20_dnn", norm="post")
    assert {v.name for v in model.trainable_variables} == {"kernel"}
    norms = layers_of(model, BatchNorm)
    # One behind each gate.
    assert len(norms) == len(model.site_names) == 19
    assert not any(x.center or x.scale for x in norms)

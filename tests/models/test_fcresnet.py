"""Residual networks of fully connected blocks; see test_forward."""

import numpy as np

from dlgn_tf.models import registry
from dlgn_tf.models.build import create_model
from dlgn_tf.models.gated import copy_weights

SHAPE = (3, 2, 2)


def create(family, rng, **options):
    options = {"width": 5, "depth": 8, "block_depth": 2, **options}
    model = create_model(f"fcresnet_{family}", SHAPE, 3, **options)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape) / 2)
    return model


def test_without_biases_there_are_none(rng):
    for name in ("fc", "c1gap", "c4gap", "gconv"):
        model = create_model(f"{name}_dgn", (6, 6, 1), width=2, biases=False)
        assert {weight.name for weight in model.weights} == {"kernel"}
    assert {weight.name for weight in create("dgn", rng).weights} == {"kernel"}


def test_removed_blocks_are_their_skips(rng):
    model = create("dgn", rng, depth=10)
    images = rng.integers(0, 256, (4, *SHAPE)).astype("uint8")
    remaining = create("dgn", rng, depth=10, removed=("block2",))
    for part in ("gating_network", "value_network"):
        copy_weights(getattr(model, part), getattr(remaining, part))
        network = getattr(model, part)
        kernel = network.get_layer("block2_dense2").kernel
        kernel.assign(np.zeros(kernel.shape))
    assert "block2_dense1" not in remaining.site_names
    np.testing.assert_allclose(
        remaining(images), model(images), rtol=1e-5, atol=1e-6
    )
    names = registry.ARCHITECTURES["fcresnet"].removable_blocks({})
    assert names == ["block1", "block2", "block3"]

"""Networks as if they were trained: biases and statistics in general position.

Also what enters and multiplies in them, as arrays for the enumeration of paths.
"""

import numpy as np
import pytest

from dlgn_tf.claims.small_networks import leave_initial_point


@pytest.fixture
def general_model(rng):
    """A function that builds a model away from its initial point."""
    from dlgn_tf.models.build import create_model

    def build(name, image_shape=(8, 8, 2), classes=4, **options):
        options = {"mean": 0.5, "std": 0.25, "seed": 3, **options}
        model = create_model(name, image_shape, classes, **options)
        for part in ("network", "gating_network", "value_network"):
            if hasattr(model, part):
                leave_initial_point(getattr(model, part), rng)
        return model

    return build


@pytest.fixture
def images_for(rng):
    """A function that draws stored images for a model."""

    def draw(model, count=3):
        shape = (count, *model.image_shape)
        return rng.integers(0, 256, shape).astype(np.uint8)

    return draw


@pytest.fixture
def trained_like(rng):
    """A function that builds a model and draws all that training moves."""
    from dlgn_tf.models.build import create_model

    def build(name, image_shape=(8, 8, 1), **options):
        channels = image_shape[-1]
        model = create_model(
            name,
            image_shape,
            4,
            mean=list(rng.uniform(0.3, 0.6, channels)),
            std=list(rng.uniform(0.2, 0.4, channels)),
            seed=1,
            **options,
        )
        for variable in model.variables:
            noise = rng.standard_normal(variable.shape)
            if variable.name == "moving_variance":
                variable.assign(0.5 + np.abs(noise))
            elif variable.name != "kernel":
                variable.assign(variable.numpy() + 0.3 * noise)
        return model

    return build


@pytest.fixture
def pixels(rng):
    """A function that draws stored images."""

    def draw(count, image_shape=(8, 8, 1)):
        return rng.integers(0, 256, (count, *image_shape), dtype=np.uint8)

    return draw

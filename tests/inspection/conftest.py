"""Networks whose statistics and weights no initialiser gives."""

import numpy as np
import pytest

from dlgn_tf.models.build import create_model


@pytest.fixture
def trained_like(rng):
    """A function that builds a model and draws all that training moves."""

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

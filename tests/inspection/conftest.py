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
        for network in model.networks.values():
            leave_initial_point(network, rng)
        return model

    return build


@pytest.fixture
def images_for(pixels):
    """A function that draws stored images for a model."""
    return lambda model, count=3: pixels(count, model.image_shape)


@pytest.fixture
def trained_like(general_model, rng):
    """As `general_model`, each channel normalised in its own way."""

    def build(name, image_shape=(8, 8, 1), **options):
        channels = image_shape[-1]
        mean = list(rng.uniform(0.3, 0.6, channels))
        std = list(rng.uniform(0.2, 0.4, channels))
        return general_model(name, image_shape, mean=mean, std=std, **options)

    return build


@pytest.fixture
def pixels(rng):
    """A function that draws stored images."""

    def draw(count, image_shape=(8, 8, 1)):
        return rng.integers(0, 256, (count, *image_shape), dtype=np.uint8)

    return draw


@pytest.fixture
def inspected():
    """A function that makes an `InspectedNetwork` of images like digits."""
    from dlgn_tf.data import catalog
    from dlgn_tf.inspection.report import InspectedNetwork

    def of(model, images, **how):
        return InspectedNetwork(
            model=model,
            family=model.name.partition("_")[2],
            step=None,
            origin="a test",
            dataset=catalog.get("digits"),
            images=images,
            **{
                "sites": tuple(model.site_names[:2]),
                "channels": 2,
                "examples": 2,
                "kernel_images": 10,
                **how,
            },
        )

    return of

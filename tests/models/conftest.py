"""Fixtures of tests of models: images, and weights far from their start."""

import pathlib

import numpy as np
import pytest


@pytest.fixture
def draw(rng):
    """A function that draws images of a shape, uint8 `(count, *shape)`."""

    def images(shape, count=5):
        return rng.integers(0, 256, (count, *shape)).astype("uint8")

    return images


@pytest.fixture
def images(request, draw):
    """Five images of the shape that a file of tests calls SHAPE."""
    return draw(request.module.SHAPE)


@pytest.fixture(scope="session")
def graphs(module_of):
    """The module user_graphs.py."""
    return module_of(pathlib.Path(__file__).with_name("user_graphs.py"))


@pytest.fixture
def randomize(rng):
    """A function that gives a network, or a model, other weights in place.

    What passes kernels keeps its size; statistics and scales are none that a
    layer starts with.
    """

    def drawn(name, shape):
        if name in ("gamma", "moving_variance"):
            return rng.uniform(0.6, 1.5, shape)
        normal = rng.normal(size=shape)
        kernel = name == "kernel"
        return normal / np.sqrt(np.prod(shape[:-1])) if kernel else 0.3 * normal

    def change(network):
        for weight in network.weights:
            weight.assign(drawn(weight.name, weight.shape))
        return network

    return change

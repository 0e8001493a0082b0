"""Errors, slopes and bias of random networks against laws made by hand."""

import numpy as np
import pytest

from dlgn_tf.dual import convergence
from dlgn_tf.dual.random_networks import (
    Convolutional,
    FullyConnected,
    PlainReLU,
    Residual,
)

LIMIT = np.array([[2.0, 1.0], [1.0, 3.0]])


class Law:
    """A network whose kernel is off by `offset + noise / width^power`."""

    def __init__(self, power, offset=0.0):
        self.power, self.offset = power, offset

    def draw(self, rng, width):
        def sample(rng):
            noise = rng.normal(size=(2, 2)) / width**self.power
            return LIMIT + self.offset + noise, LIMIT

        return sample


@pytest.mark.parametrize("power", [0.25, 0.5, 1.0])
def test_slope_is_that_of_the_law(rng, power):
    widths = (16, 64, 256)
    errors = convergence.errors(Law(power), widths, 400, rng)
    assert errors.shape == (3, 400)
    # Each mean is within 2 % of its expectation.
    assert convergence.slope(widths, errors) == pytest.approx(-power, abs=0.05)


def test_error_is_relative():
    class Off:
        def draw(self, rng, width):
            return lambda rng: (1.5 * LIMIT, LIMIT)

    errors = convergence.errors(Off(), (4,), 2, None)
    np.testing.assert_allclose(errors, 0.5)


def test_bias(rng):
    fair = convergence.bias(Law(0.5), 4, 400, rng)
    # sqrt(4 entries) 0.5 / |LIMIT|.
    assert fair.of_draw == pytest.approx(1 / np.linalg.norm(LIMIT), rel=0.1)
    assert fair.ratio < 2.5
    # Half a standard deviation of each entry, over 400 draws.
    off = convergence.bias(Law(0.5, offset=0.25), 4, 400, rng)
    assert off.ratio > 6


@pytest.mark.parametrize(
    "network",
    [
        FullyConnected(depth=3),
        FullyConnected(constant=True, order=(1, 2, 0)),
        FullyConnected(linear=True, beta=5.0),
        Convolutional(window=2),
        Convolutional(constant=True),
        Residual(layers=1),
        Residual(constant=True, skips=2, removed=1),
    ],
    ids=str,
)
def test_the_limit_is_the_mean_at_any_width(network, rng):
    """So a wrong constant or kernel is seen, without widths that grow."""
    found = convergence.bias(network, 6, 3000, rng)
    assert found.of_mean < 0.15
    assert found.ratio < 4


def test_plain_relu_is_biased(rng):
    assert convergence.bias(PlainReLU(), 16, 400, rng).ratio > 5

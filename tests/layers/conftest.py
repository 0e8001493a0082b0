"""Fixtures of tests of layers."""

import numpy as np
import pytest
from scipy import optimize


@pytest.fixture
def balance():
    """A function: weights that maximise beta <t, scores> + (1 - beta) H(t).

    H is Tsallis' entropy of order 2, halved: (1 - |t|^2) / 2.
    """

    def weights(scores, beta):
        found = optimize.minimize(
            lambda t: -beta * t @ scores - (1 - beta) * (1 - t @ t) / 2,
            np.full(len(scores), 1 / len(scores)),
            jac=lambda t: (1 - beta) * t - beta * scores,
            bounds=[(0, 1)] * len(scores),
            constraints={"type": "eq", "fun": lambda t: t.sum() - 1},
            options={"ftol": 1e-14},
        )
        assert found.success
        return found.x

    return weights

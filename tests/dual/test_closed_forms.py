"""Closed-form gate kernels against angles by hand and random networks."""

import numpy as np
import pytest

from dlgn_tf.dual.closed_forms import gate_kernels
from dlgn_tf.errors import UserError

DIRECTIONS = np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [-3.0, 0.0]])


def test_linear_gating_networks_keep_the_angle():
    found = gate_kernels(DIRECTIONS, depth=4, family="dlgn")
    # Angles of 0, 90, 45 and 180 degrees.
    first = [1 / 2, 1 / 4, 3 / 8, 0]
    assert found.shape == (3, 4, 4)
    for layer in found:
        np.testing.assert_allclose(layer[0], first, atol=1e-15)
        np.testing.assert_allclose(np.diag(layer), 1 / 2, atol=0)


def test_relus_follow_the_arc_cosine_recursion():
    found = gate_kernels(DIRECTIONS, depth=4, family="dgn")
    np.testing.assert_allclose(found[0, 0], [1 / 2, 1 / 4, 3 / 8, 0])
    # After one layer, of 90 degrees: cos = 1 / pi; of 180 degrees: cos = 0.
    second = 0.5 - np.arccos(1 / np.pi) / (2 * np.pi)
    np.testing.assert_allclose(found[1, 0, 1], second)
    np.testing.assert_allclose(found[1, 0, 3], 1 / 4)
    np.testing.assert_allclose(found[2, 0, 3], second)
    np.testing.assert_allclose(found[:, 2, 2], 1 / 2, atol=0)


def test_two_sets_of_images(rng):
    images = rng.uniform(size=(5, 3, 3, 2))
    whole = gate_kernels(images, depth=3, family="dgn")
    part = gate_kernels(images[:2], images[2:], depth=3, family="dgn")
    np.testing.assert_allclose(part, whole[:, :2, 2:], atol=1e-12)


@pytest.mark.parametrize("family", ["dgn", "dlgn"])
def test_wide_random_networks_come_close(rng, family):
    x = rng.normal(size=(4, 6))
    limit = gate_kernels(x, depth=4, family=family)
    h = x
    for layer in limit:
        q = h @ rng.normal(size=(h.shape[1], 1500)) / np.sqrt(1500)
        on = q > 0
        shared = (on[:, None] & on[None]).mean(axis=-1)
        # Up to six standard deviations of 1,500 units.
        np.testing.assert_allclose(shared, layer, atol=0.06)
        h = np.maximum(q, 0) if family == "dgn" else q


@pytest.mark.parametrize(
    "inputs, options, text",
    [
        (np.eye(2), {"depth": 3, "family": "dnn"}, "Received: dnn"),
        (np.eye(2), {"depth": 1, "family": "dgn"}, "Received: 1"),
        (np.eye(2), {"depth": 2.5, "family": "dgn"}, "Received: 2.5"),
        (np.zeros((1, 2)), {"depth": 3, "family": "dgn"}, "is 0"),
        (np.eye(2) * np.nan, {"depth": 3, "family": "dgn"}, "not finite"),
        (
            np.eye(2),
            {"others": np.eye(3), "depth": 3, "family": "dgn"},
            "of 2 numbers each.*Received: 3",
        ),
    ],
)
def test_mistakes(inputs, options, text):
    with pytest.raises(UserError, match=text):
        gate_kernels(inputs, **options)

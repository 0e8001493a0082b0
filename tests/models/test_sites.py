"""What happens at a gate site, by policy, against NumPy."""

import keras
import numpy as np
import pytest

from dlgn_tf.models import sites

ALL = [
    sites.Activate,
    sites.RecordAndActivate,
    sites.RecordAndPass,
    sites.MultiplyByGate,
]


@pytest.fixture
def q(rng):
    return rng.normal(size=(2, 3, 4)).astype("float32")


def test_activate(q):
    site, entering = sites.Activate(), keras.Input((3, 4))
    leaving = site(entering, "first")
    model = keras.Model(entering, leaving)
    np.testing.assert_array_equal(model(q), np.maximum(q, 0))
    assert model.get_layer(sites.activation_layer("first")).output is leaving


@pytest.mark.parametrize(
    "policy,leave",
    [
        (sites.RecordAndActivate, lambda q: np.maximum(q, 0)),
        (sites.RecordAndPass, lambda q: q),
    ],
)
def test_record(q, policy, leave):
    site, entering = policy(), keras.Input((3, 4))
    doubled = 2 * entering
    leaving = site(doubled, "first")
    again = site(leaving - 0.5, "second")
    model = keras.Model(entering, {"first": leaving, "second": again})
    recorded = keras.Model(entering, dict(enumerate(site.preactivations)))
    np.testing.assert_array_equal(model(q)["first"], leave(2 * q))
    np.testing.assert_array_equal(recorded(q)[0], 2 * q)
    np.testing.assert_array_equal(recorded(q)[1], leave(2 * q) - 0.5)
    np.testing.assert_array_equal(
        model(q)["second"], leave(leave(2 * q) - np.float32(0.5))
    )
    assert site.names == ["first", "second"]


def test_multiply_by_gate(rng, q):
    site, entering = sites.MultiplyByGate(), keras.Input((3, 4))
    leaving = site(site(entering, "first") + 1, "second")
    gates = rng.uniform(size=(2, *q.shape)).astype("float32")
    model = keras.Model([entering, *site.gates], leaving)
    np.testing.assert_allclose(
        model([q, *gates]), (q * gates[0] + 1) * gates[1], rtol=1e-6
    )
    assert site.names == ["first", "second"]
    assert [gate.shape for gate in site.gates] == [(None, 3, 4)] * 2


@pytest.mark.parametrize("policy", ALL)
def test_one_site_is_one_gate(policy):
    site, entering = policy(), keras.Input((3, 4))
    site(entering, "a")
    site(entering, "b")
    with pytest.raises(ValueError, match="Received: name='a' twice"):
        site(entering, "a")
    assert site.names == ["a", "b"]

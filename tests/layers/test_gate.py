"""The gate against NumPy, its closed-form gradient, and its arguments."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from dlgn_tf.errors import UserError
from dlgn_tf.gate_kinds import GATES
from dlgn_tf.gate_kinds import GateFunction
from dlgn_tf.gate_kinds import GateKind
from dlgn_tf.layers import Gate


def sigmoid(q):
    return 1 / (1 + np.exp(-np.asarray(q, "float64")))


def gradient(gate, q):
    q = tf.constant(q)
    with tf.GradientTape() as tape:
        tape.watch(q)
        total = tf.reduce_sum(gate(q))
    return tape.gradient(total, q)


@pytest.mark.parametrize("shape", [(5,), (4, 3), (2, 3, 4, 5)])
@pytest.mark.parametrize("beta", [0.5, 4.0, 10.0])
@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_soft_gate_equals_numpy(rng, shape, beta, epsilon):
    q = rng.normal(size=shape).astype("float32")
    gates = Gate("soft", beta=beta, epsilon=epsilon)(q)
    np.testing.assert_allclose(
        gates, (1 + epsilon) * sigmoid(beta * q), rtol=1e-5, atol=1e-7
    )


def test_defaults_are_soft_with_beta_10():
    np.testing.assert_allclose(
        Gate()(np.float32([0.1])), [0.7310586], rtol=1e-6
    )


def test_soft_gate_is_finite_far_from_zero():
    q = np.array([-1e30, -1e4, 1e4, 1e30], "float32")
    np.testing.assert_array_equal(Gate(epsilon=0.5)(q), [0, 0, 1.5, 1.5])
    np.testing.assert_array_equal(gradient(Gate(), q), 0)


def test_hard_gate_is_the_indicator_and_off_at_exactly_zero():
    tiny = np.finfo("float32").tiny
    q = np.array([-2.0, -tiny, -0.0, 0.0, tiny, 3.0], "float32")
    np.testing.assert_array_equal(Gate("hard")(q), [0, 0, 0, 0, 1, 1])


def test_hard_gate_ignores_beta_and_epsilon():
    gate = Gate("hard", beta=3.0, epsilon=0.1)
    np.testing.assert_array_equal(gate(np.float32([-1, 2])), [0, 1])


def test_no_gradient_through_a_hard_gate(rng):
    q = rng.normal(size=(3, 4)).astype("float32")
    assert gradient(Gate("hard"), q) is None


@pytest.mark.parametrize("beta,epsilon", [(1.0, 0.0), (4.0, 0.1), (10.0, 0.0)])
def test_gradient_of_a_soft_gate_is_the_closed_form(rng, beta, epsilon):
    q = rng.normal(size=(6, 5)).astype("float32")
    s = sigmoid(beta * q)
    np.testing.assert_allclose(
        gradient(Gate("soft", beta, epsilon), q),
        (1 + epsilon) * beta * s * (1 - s),
        rtol=1e-4,
        atol=1e-6,
    )


@pytest.mark.parametrize(
    "arguments,expected,received",
    [
        ({"kind": "medium"}, r"one of \('soft', 'hard'\)", "kind='medium'"),
        ({"kind": None}, r"one of \('soft', 'hard'\)", "kind=None"),
        ({"beta": 0}, "a number > 0", "beta=0"),
        ({"beta": -1.5}, "a number > 0", r"beta=-1\.5"),
        ({"beta": float("nan")}, "a number > 0", "beta=nan"),
        ({"epsilon": -0.1}, "a number >= 0", r"epsilon=-0\.1"),
        ({"epsilon": float("nan")}, "a number >= 0", "epsilon=nan"),
    ],
)
def test_bad_arguments(arguments, expected, received):
    with pytest.raises(
        ValueError, match=f"Expected {expected}. Received: {received}"
    ):
        Gate(**arguments)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_mixed_precision_computes_in_16_bits(policy, kind):
    gates = Gate(kind, dtype=policy)(np.float32([-1.0, 0.25, 2.0]))
    assert gates.dtype == policy.removeprefix("mixed_")
    expected = [0, 1, 1] if kind == "hard" else sigmoid([-10, 2.5, 20])
    np.testing.assert_allclose(
        np.asarray(gates, "float64"), expected, atol=0.005
    )


def test_float64():
    gates = Gate(beta=4.0, dtype="float64")(np.array([0.3]))
    np.testing.assert_allclose(gates, [1 / (1 + np.exp(-1.2))], rtol=1e-14)


def test_symbolic_shape_and_dtype():
    q = keras.Input((5, None, 3))
    gates = Gate("hard")(q)
    assert gates.shape == (None, 5, None, 3)
    assert gates.dtype == "float32"


@pytest.mark.parametrize(
    "own",
    [
        lambda q: ops.mean(q, axis=-1),
        lambda q: q[..., :1],
        lambda q: q[:, None],
        lambda q: q[0],
        lambda q: 0.5,
    ],
)
def test_gates_of_another_shape_are_refused(own, monkeypatch):
    """Any of them would be broadcast where it is multiplied with values."""
    function = GateFunction(own, "own")
    monkeypatch.setitem(GATES, "own", GateKind(lambda: function))
    expected = r"\(own\) of the shape .* \({}, 5, 3\). Received: shape"
    with pytest.raises(UserError, match=expected.format(4)):
        Gate("own")(np.ones((4, 5, 3)))
    image = keras.Input((5, 3))
    model = keras.Model(image, Gate("own")(image))
    with pytest.raises(UserError, match=expected.format(4)):
        model.predict(np.ones((4, 5, 3)), verbose=0)


def test_config_round_trip():
    gate = Gate("hard", beta=3.0, epsilon=0.25, name="g", dtype="float64")
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(gate)))
    again = keras.saving.deserialize_keras_object(config)
    assert (again.kind, again.beta, again.epsilon) == ("hard", 3.0, 0.25)
    assert (again.name, again.compute_dtype) == ("g", "float64")


def test_reload_gives_equal_gates(rng, tmp_path):
    q = rng.normal(size=(3, 4)).astype("float32")
    model = keras.Sequential([keras.Input((4,)), Gate(beta=2.0, epsilon=0.5)])
    model.save(tmp_path / "gate.keras")
    again = keras.models.load_model(tmp_path / "gate.keras")
    np.testing.assert_array_equal(again(q), model(q))
    np.testing.assert_allclose(again(q), 1.5 * sigmoid(2 * q), rtol=1e-5)

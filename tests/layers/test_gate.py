"""The gate against NumPy, its closed-form gradient, and its arguments."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from dlgn_tf.errors import UserError
from dlgn_tf.gate_kinds import GATES, GateFunction, GateKind
from dlgn_tf.layers import Gate


def gradient(gate, q):
    q = tf.constant(q)
    with tf.GradientTape() as tape:
        tape.watch(q)
        total = tf.reduce_sum(gate(q))
    return tape.gradient(total, q)


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


@pytest.mark.parametrize(
    "arguments,expected,received",
    [
        (
            {"kind": "medium"},
            r"one of \('soft', 'hard', 'own'\)",
            "kind='medium'",
        ),
        ({"kind": None}, r"one of \('soft', 'hard', 'own'\)", "kind=None"),
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

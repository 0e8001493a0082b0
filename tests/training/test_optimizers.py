"""Schedules in closed form, and one step of each optimiser."""

import keras
import numpy as np
import pytest

from dlgn_tf.training import optimizers

LINEAGE = ((0.01, 0.1, 0.01, 0.001), (400, 32_000, 48_000))


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.01),
        (399, 0.01),
        (400, 0.01),
        (401, 0.1),
        (31_999, 0.1),
        (32_000, 0.1),
        (32_001, 0.01),
        (48_000, 0.01),
        (48_001, 0.001),
        (64_000, 0.001),
        (10**9, 0.001),
    ],
)
def test_rates_of_the_lineage(step, expected):
    schedule = optimizers.learning_rate(*LINEAGE)
    assert float(schedule(step)) == pytest.approx(expected)
    # The step is an integer variable in training.
    variable = keras.Variable(step, dtype="int32", trainable=False)
    assert float(schedule(variable)) == pytest.approx(expected)


@pytest.mark.parametrize("step", [0, 1, 10**6, 2**30, 2**30 + 1, 2**31 - 1])
def test_single_rate_holds_for_ever(step):
    schedule = optimizers.learning_rate((0.0003,))
    variable = keras.Variable(step, dtype="int32", trainable=False)
    assert float(schedule(variable)) == pytest.approx(0.0003)


def _moves(optimizer, gradients):
    variable = keras.Variable(np.zeros(2, np.float32))
    optimizer.build([variable])
    positions = []
    for gradient in gradients:
        optimizer.apply([np.asarray(gradient, np.float32)], [variable])
        positions.append(np.array(variable.numpy()))
    return np.stack(positions)


GRADIENTS = np.array([[1.0, -2.0], [0.5, 0.5], [-3.0, 0.25], [1.0, 1.0]])


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd(nesterov, resolve):
    config = resolve(
        "--model=resnet20_dnn",
        "--dataset=digits",
        "--learning_rates=0.5,0.125",
        "--boundaries=1",
        "--momentum=0.75",
        f"--nesterov={nesterov}",
    )
    position, velocity, expected = np.zeros(2), np.zeros(2), []
    for step, gradient in enumerate(GRADIENTS):
        rate = 0.5 if step <= 1 else 0.125
        velocity = 0.75 * velocity - rate * gradient
        if nesterov:
            position = position + 0.75 * velocity - rate * gradient
        else:
            position = position + velocity
        expected.append(position)
    optimizer = optimizers.create_optimizer(config)
    np.testing.assert_allclose(
        _moves(optimizer, GRADIENTS), expected, rtol=1e-6
    )


def test_adam(resolve):
    """The moments of Kingma and Ba: 0.9 and 0.999, epsilon 1e-7."""
    config = resolve("--model=c4gap_dnn", "--dataset=digits")
    m = v = position = np.zeros(2)
    expected = []
    for step, gradient in enumerate(GRADIENTS, start=1):
        m = 0.9 * m + 0.1 * gradient
        v = 0.999 * v + 0.001 * gradient**2
        unbiased = m / (1 - 0.9**step), v / (1 - 0.999**step)
        position = position - 3e-4 * unbiased[0] / (np.sqrt(unbiased[1]) + 1e-7)
        expected.append(position)
    optimizer = optimizers.create_optimizer(config)
    np.testing.assert_allclose(
        _moves(optimizer, GRADIENTS), expected, rtol=1e-4
    )

"""Networks of vectors against paths in NumPy, the zoo, finite differences."""

import itertools

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.tabular import fitting, networks, zoo
from dlgn_tf.tabular.fitting import Plan, Rows
from dlgn_tf.tabular.networks import Form

CASES = [
    (family, biases, value_input)
    for family in ("dnn", "dgn", "dlgn", "dlgn_sf")
    for biases in (False, True)
    for value_input in ("ones", "image")
    if family != "dnn" or value_input == "image"
]


@pytest.mark.parametrize(("family", "biases", "value_input"), CASES)
def test_is_the_zoo_s_network(family, biases, value_input, rng):
    form = Form(family, 3, (4, 4), 2, 2.5, biases, value_input)
    weights = networks.initial(form, 3)
    mean, std = rng.standard_normal(3), rng.uniform(1, 2, 3)
    x = rng.standard_normal((5, 3)).astype("float32")
    model = zoo.as_model(form, weights, mean, std)
    scaled = ((x - mean) / std).astype("float32")
    np.testing.assert_allclose(
        networks.outputs(form, weights, scaled),
        model(x[:, None, None]),
        atol=1e-5,
    )


def test_value_tensor_is_a_sum_over_paths(measure_claim):
    assert measure_claim("vectors.1").holds


def test_a_gate_left_out_is_seen(measure_claim, monkeypatch):
    whole = networks.over_paths
    monkeypatch.setattr(
        networks,
        "over_paths",
        lambda made, tensor: whole([*made[:-1], made[-1] ** 0], tensor),
    )
    assert measure_claim("vectors.1").holds is False


def test_first_weights_are_pytorch_s():
    form = Form("dlgn", 50, (40, 30), biases=True)
    weights = networks.initial(form, 0)
    layers = [*weights.gating, *weights.value]
    assert len(layers) == 5
    for kernel, bias in layers:
        bound = len(kernel) ** -0.5
        for array in (kernel, bias):
            assert 0.5 * bound < np.abs(array).max() <= bound
    again, other = (networks.initial(form, seed) for seed in (0, 1))
    np.testing.assert_array_equal(again.value[0][0], weights.value[0][0])
    assert not np.array_equal(other.value[0][0], weights.value[0][0])


@pytest.mark.parametrize(
    "mistake",
    [
        {"family": "cnn"},
        {"widths": ()},
        {"widths": (0,)},
        {"widths": (2.5,)},
        {"beta": 0},
        {"beta": float("nan")},
        {"value_input": "zeros"},
        {"family": "dlgn_vt", "widths": (1000, 1000, 1000)},
    ],
)
def test_no_such_network(mistake):
    with pytest.raises(UserError, match="Expected.*Received"):
        Form(**{"family": "dlgn", "inputs": 2, "widths": (2,), **mistake})


TARGETS = {
    "logistic": lambda rng: rng.choice([-1.0, 1.0], (8, 1)),
    "softmax": lambda rng: np.eye(3)[rng.integers(3, size=8)],
    "squared": lambda rng: rng.standard_normal((8, 2)),
}


@pytest.mark.parametrize("loss", TARGETS)
def test_first_step_is_adam_s_down_the_gradient(loss, rng):
    """Of size rate, against the sign of finite differences of the loss."""
    y = TARGETS[loss](rng)
    form = Form("dlgn_vt", 3, (2, 2), y.shape[1], gating="composed")
    weights = networks.initial(form, 0, "float64")
    weights.value[0] = (40 * weights.value[0][0],)
    x, counts = rng.standard_normal((8, 3)), rng.uniform(1, 2, 8)
    rows = Rows.of(x, y, counts, "float64")

    def total(weights):
        z = np.asarray(networks.outputs(form, weights, x))
        if loss == "logistic":
            losses = np.log1p(np.exp(-2 * y * z))[:, 0]
        elif loss == "softmax":
            p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
            losses = -np.log((p * y).sum(1))
        else:
            losses = ((y - z) ** 2).mean(1)
        return (losses * counts).sum() / counts.sum()

    fitted = fitting.fit(form, weights, rows, Plan(loss, 1, 1, 1e-3))
    assert fitted.loss[0] == pytest.approx(total(weights), rel=1e-12)
    pairs = zip(
        [*weights.gating, *weights.value],
        [*fitted.weights.gating, *fitted.weights.value],
        strict=True,
    )
    for (kernel,), (moved,) in pairs:
        for index in itertools.product(*map(range, kernel.shape)):
            ends = []
            for end in (1e-6, -1e-6):
                kernel[index] += end
                ends.append(total(weights))
                kernel[index] -= end
            slope = (ends[0] - ends[1]) / 2e-6
            if abs(slope) > 1e-5:
                step = moved[index] - kernel[index]
                assert step == pytest.approx(-1e-3 * np.sign(slope), rel=1e-2)


class TestFit:
    form = Form("dlgn", 2, (6, 6))

    def data(self, rng):
        x = rng.standard_normal((200, 2))
        return x, np.sign(x[:, :1] * x[:, 1:])

    def test_learns_repeats_and_keeps_the_best_epoch(self, rng):
        x, y = self.data(rng)
        train, validation = Rows.of(x[:150], y[:150]), Rows.of(x[150:], y[150:])
        plan = Plan("logistic", 130, 3, 0.02, seed=4)
        start = networks.initial(self.form, 0)
        seen = {}
        found = fitting.fit(
            self.form,
            start,
            train,
            plan,
            validation,
            lambda epoch, weights, loss: seen.update({epoch: loss}),
            (1, 7),
        )
        assert found.loss[-1] < 0.2 < found.loss[0]
        assert len(found.loss) == len(found.score) == 130
        assert found.score[found.epoch - 1] == max(found.score) > 0.85
        assert found.epoch == np.argmax(found.score) + 1
        z = np.asarray(networks.outputs(self.form, found.weights, validation.x))
        assert np.mean(z * y[150:] > 0) == pytest.approx(max(found.score))
        assert [*seen] == [1, 7, 57, 107, 130]
        assert seen[7] == pytest.approx(found.loss[6])
        # In other pieces it is the same training.
        again = fitting.fit(self.form, start, train, plan, validation)
        np.testing.assert_array_equal(again.loss, found.loss)

    def test_patience_ends_it(self, rng):
        x, y = self.data(rng)
        rows = Rows.of(x, y)
        plan = Plan("logistic", 1000, 1, 1e-9, patience=60)
        found = fitting.fit(
            self.form, networks.initial(self.form, 0), rows, plan, rows
        )
        assert found.epoch == 1
        assert 60 <= len(found.loss) <= 110

    def test_rows_that_count_twice_are_rows_twice(self, rng):
        x, y = self.data(rng)
        counts = rng.integers(0, 3, 200)
        twice = np.repeat(np.arange(200), counts)
        plan = Plan("logistic", 20, 1, 0.01, l2=1e-3)
        found = [
            fitting.fit(
                self.form, networks.initial(self.form, 0, "float64"), rows, plan
            ).loss
            for rows in (
                Rows.of(x, y, counts, "float64"),
                Rows.of(x[twice], y[twice], dtype="float64"),
            )
        ]
        np.testing.assert_allclose(*found, rtol=1e-6)

"""What is linear given the gates against scikit-learn and normal equations."""

import functools

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import Ridge

from dlgn_tf.errors import UserError
from dlgn_tf.tabular import alternating, fitting, networks
from dlgn_tf.tabular.fitting import Plan, Rows
from dlgn_tf.tabular.networks import Form


@pytest.fixture
def rows(rng):
    x = rng.standard_normal((150, 2))
    return Rows.of(x, np.sign(x[:, :1] * x[:, 1:]), dtype="float64")


def test_machine_is_that_of_the_dual_kernels(measure_claim, monkeypatch):
    assert measure_claim("vectors.2").holds
    monkeypatch.setattr(
        networks, "path_kernel", lambda a, b: a[0] @ networks.tf.transpose(b[0])
    )
    assert measure_claim("vectors.2").holds is False


def test_path_features_are_those_of_the_tensor(rng):
    form = Form("dlgn_vt", 3, (2, 3, 2), 2)
    weights = networks.initial(form, 0, "float64")
    x = rng.standard_normal((10, 3))
    features = alternating.path_features(form, weights, x)
    assert features.shape == (10, 12)
    np.testing.assert_allclose(
        features @ weights.value[0][0].reshape(12, 2),
        networks.outputs(form, weights, x),
    )


def test_ridge_is_scikit_learn_s(rows):
    form = Form("dlgn_vt", 2, (3, 3))
    weights = networks.initial(form, 0, "float64")
    found = alternating.ridge_tensor(form, weights, rows, 0.1)
    features = alternating.path_features(form, weights, rows.x)
    expected = Ridge(0.1 * 150, fit_intercept=False).fit(features, rows.y)
    np.testing.assert_allclose(
        networks.outputs(form, found, rows.x)[:, 0],
        expected.predict(features),
        atol=1e-10,
    )
    # And the machine's, whose features are divided by the square root of 9.
    machine = networks.Form("npk", 2, (3, 3))
    alpha = alternating.ridge_alpha(machine, weights, rows, 0.1 / 9)
    np.testing.assert_allclose(
        networks.outputs(machine, alpha, rows.x),
        networks.outputs(form, found, rows.x),
        atol=1e-9,
    )


def test_rows_of_a_machine_count_by_their_weights(rng):
    """As `KernelRidge` weights them; gates alone are drawn to 0."""
    form = Form("npk", 3, (4, 3))
    weights = networks.initial(form, 0, "float64")
    x, y = rng.standard_normal((40, 3)), rng.standard_normal((40, 1))
    rows = Rows.of(x, y, rng.integers(0, 3, 40), "float64")
    found = alternating.ridge_alpha(form, weights, rows, 0.01)
    made = networks.gates(form, weights.gating, x)
    kernel = np.asarray(networks.path_kernel(made, made))
    machine = KernelRidge(alpha=0.4, kernel="precomputed")
    machine.fit(kernel, y, rows.weights)
    np.testing.assert_allclose(
        networks.outputs(form, found, x), machine.predict(kernel), atol=1e-9
    )
    moved = fitting.fit(form, found, rows, Plan("squared", 3, 1, l2=1.0))
    np.testing.assert_array_equal(moved.weights.value[0][0], x)
    assert (
        np.abs(moved.weights.gating[0][0]).sum()
        < 0.99 * np.abs(weights.gating[0][0]).sum()
    )


REFITS = {
    "ridge_tensor": ("dlgn_vt", {}),
    # The published C is for a hundred times as many rows.
    "l1_logistic": ("dlgn_vt", {"c": 3.0}),
    "ridge_alpha": ("npk", {}),
}


@pytest.mark.parametrize("refit", REFITS)
def test_gates_learn_in_between(refit, rows):
    """Better than with the first gates; a machine's points stay."""
    family, options = REFITS[refit]
    form = Form(family, 2, (4, 4), beta=6.0)
    function = functools.partial(getattr(alternating, refit), **options)
    weights = networks.initial(form, 3, "float64")
    plan = Plan("logistic", 60, 1, 0.03)
    seen = []
    found = alternating.fit(
        form, weights, rows, plan, function, 20, watch=lambda *x: seen.append(x)
    )

    def accuracy(weights):
        z = np.asarray(networks.outputs(form, weights, rows.x))
        return np.mean(z * rows.y > 0)

    assert accuracy(found.weights) > 0.85
    assert accuracy(found.weights) > accuracy(function(form, weights, rows))
    assert found.epoch == len(found.loss) == 60
    assert [epoch for epoch, _, _ in seen] == [20, 40, 60]
    if refit == "ridge_alpha":
        np.testing.assert_array_equal(found.weights.value[0][0], rows.x)
    with pytest.raises(UserError, match="family.*dlgn_sf"):
        function(Form("dlgn_sf", 2, (4, 4)), weights, rows)


def test_the_best_fit_is_kept_and_ends_the_training(rng):
    """Of fits whose scores are known, and no later than patience says."""
    form = Form("npk", 2, (4,), beta=6.0)
    weights = networks.initial(form, 3, "float64")
    x = rng.standard_normal((30, 2))
    y = np.where(x[:, :1] > 0, 1.0, -1.0)
    rows = Rows.of(x, y, dtype="float64")
    # How many of 30 the fits tell; the first one is not judged.
    told = iter([0, 10, 20, 15, 12, 30, 30])
    made = []

    def refit(form, weights, train):
        z = y.copy()
        z[next(told) :] *= -1
        made.append(alternating.with_alpha(weights, x, z))
        return made[-1]

    def said(form, weights, x):
        return weights.value[0][1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "outputs", said)
        found = alternating.fit(
            form, weights, rows, Plan("logistic", 60, 1, 0.0), refit, 10
        )
        assert found.epoch == len(found.loss) == 60
        assert found.weights is made[-1]
        told = iter([0, 10, 20, 15, 12, 30, 30])
        made.clear()
        plan = Plan("logistic", 60, 1, 0.0, patience=20)
        found = alternating.fit(form, weights, rows, plan, refit, 10, rows)
    # Within a piece all epochs are as good here: its first one.
    assert found.epoch == 11 and len(found.loss) == 40
    assert found.weights is made[2]

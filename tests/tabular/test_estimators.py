"""The estimators as scikit-learn's: contracts, options, errors, pickles."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn import datasets
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from dlgn_tf.tabular import DLGNClassifier, DLGNRegressor, networks
from dlgn_tf.tabular.networks import Form

SMALL = {"widths": (8, 8), "epochs": 40, "random_state": 0}


@pytest.fixture(scope="module")
def wine():
    return datasets.load_wine(return_X_y=True)


@pytest.fixture(scope="module")
def classifier(wine):
    return DLGNClassifier(**SMALL, learning_rate=0.03).fit(*wine)


@pytest.fixture(scope="module")
def moons():
    return datasets.make_moons(200, noise=0.1, random_state=0)


@pytest.mark.slow
def test_keeps_every_contract(measure_claim):
    assert measure_claim("vectors.11", scale="minutes").holds


def test_probabilities_are_of_the_loss(classifier, wine):
    x, y = wine
    assert classifier.score(x, y) > 0.97
    z = classifier.decision_function(x)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(classifier.predict_proba(x), p)
    np.testing.assert_array_equal(classifier.predict(x), z.argmax(axis=1))


def test_of_two_classes_they_are_of_plus_and_minus_z(moons):
    x, codes = moons
    y = np.array(["no", "yes"])[codes]
    found = DLGNClassifier(**SMALL, beta=10).fit(x, y)
    z = found.decision_function(x)
    p = np.exp(z) / (np.exp(z) + np.exp(-z))
    np.testing.assert_allclose(found.predict_proba(x)[:, 1], p)
    np.testing.assert_array_equal(
        found.predict(x), np.where(z > 0, "yes", "no")
    )
    assert found.classes_.tolist() == ["no", "yes"]


def test_model_of_the_zoo_and_half_spaces_are_of_the_table_s_units(moons):
    x = moons[0] * [1, 100] + [0, 7]
    found = DLGNClassifier(**SMALL).fit(x, moons[1])
    logits = found.to_model()(x[:, None, None].astype("float32"))
    np.testing.assert_allclose(
        logits[:, 1], found.decision_function(x), atol=1e-4
    )
    spaces = found.half_spaces()
    scaled = (x - x.mean(0)) / x.std(0)
    gates = networks.gates(found.form_, found.weights_.gating, scaled)
    on = x @ spaces.normals.T + spaces.offsets > 0
    agree = (np.concatenate(gates, axis=1) > 0.5) == on
    assert agree.mean() > 0.999
    with pytest.raises(ValueError, match="half-spaces"):
        DLGNClassifier("dnn", **SMALL).fit(x, moons[1]).half_spaces()


def test_machine_of_all_rows(moons):
    """A weight a row; its gates are half-spaces, which a tree can be of."""
    x, y = moons
    found = DLGNClassifier("npk", **{**SMALL, "beta": 10}).fit(x, y)
    points, alpha = found.weights_.value[0]
    assert points.shape == (200, 2) and alpha.shape == (200, 1)
    assert found.score(x, y) > 0.95
    assert len(found.half_spaces().normals) == 16
    assert found.tree(x).fidelity > 0.9
    many = np.zeros((5001, 1)), np.arange(5001) % 2
    with pytest.raises(ValueError, match="5,000 rows.*5,001"):
        DLGNClassifier("npk", **SMALL).fit(*many)


def test_regression_of_several_targets(rng):
    x = rng.uniform(-1, 1, (300, 2))
    y = np.stack([1000 * np.abs(x[:, 0]), 5 + x.sum(1)], axis=1)
    options = {**SMALL, "epochs": 150, "l2": 0.0}
    found = DLGNRegressor(**options).fit(x, y)
    assert found.predict(x).shape == (300, 2)
    assert found.score(x, y) > 0.95
    one = DLGNRegressor(**options).fit(x, y[:, 0])
    assert one.predict(x).shape == (300,)
    assert one.score(x, y[:, 0]) > 0.95


def test_another_process_predicts_the_same(classifier, wine, tmp_path):
    kept = tmp_path / "classifier.pickle"
    kept.write_bytes(pickle.dumps(classifier))
    code = (
        "import pickle, sys; from sklearn.datasets import load_wine;"
        "x = load_wine().data; c = pickle.load(open(sys.argv[1], 'rb'));"
        "print(c.predict_proba(x).tolist())"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code, kept],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    np.testing.assert_array_equal(
        eval(printed), classifier.predict_proba(wine[0])
    )


def test_in_a_pipeline_and_a_grid(moons):
    pipeline = make_pipeline(MinMaxScaler(), DLGNClassifier(**SMALL))
    search = GridSearchCV(
        pipeline, {"dlgnclassifier__beta": [1e-6, 10.0]}, cv=2
    )
    search.fit(*moons)
    assert search.best_params_ == {"dlgnclassifier__beta": 10.0}
    assert clone(search.best_estimator_).get_params()["dlgnclassifier"].beta


def test_stops_early_on_the_best_epoch(moons):
    options = {**SMALL, "epochs": 500, "validation_share": 0.25}
    found = DLGNClassifier(**options, patience=10).fit(*moons)
    best = np.argmax(found.validation_scores_) + 1
    assert found.best_epoch_ == best
    assert found.n_iter_ == len(found.loss_curve_) < 500


def test_goes_on_from_where_it_was(moons):
    found = DLGNClassifier(**SMALL, warm_start=True).fit(*moons)
    first = found.loss_curve_
    second = found.fit(*moons).loss_curve_
    assert abs(second[0] - first[-1]) < 0.3 * (first[0] - first[-1])
    with pytest.raises(ValueError, match="same classes"):
        found.fit(moons[0], moons[1] + 1)


def test_weights_of_classes(moons):
    x, y = moons
    found = DLGNClassifier(**SMALL, class_weight={0: 1e-4, 1: 1.0}).fit(x, y)
    assert found.predict(x).mean() > 0.9


def test_progress_is_shown(moons, capsys):
    DLGNClassifier(**SMALL, verbose=True).fit(*moons)
    assert "epoch 40/40" in capsys.readouterr().out


def test_constant_columns_tell_nothing(moons):
    x, y = moons
    with_constant = np.hstack([x, np.full((200, 1), 1e9 / 3)])
    found = DLGNClassifier(**SMALL).fit(with_constant, y)
    assert found.score(with_constant, y) > 0.8


X = np.arange(20.0).reshape(10, 2)
Y = np.arange(10) % 2
MISTAKES = {
    "NaN": (np.where(X == 3, np.nan, X), Y, {}, "NaN"),
    "words": (X.astype(str).astype(object) + "a", Y, {}, "convert string"),
    "one class": (X, 0 * Y, {}, "one class"),
    "one row": (X[:1], Y[:1], {}, "one class"),
    "no rows": (X[:0], Y[:0], {}, "0 sample"),
    "lengths": (X, Y[:9], {}, "inconsistent numbers"),
    "family": (X, Y, {"family": "cnn"}, "family.*cnn"),
    "widths": (X, Y, {"widths": (0,)}, "widths"),
    "width": (X, Y, {"widths": 8}, "iterable"),
    "epochs": (X, Y, {"epochs": 0}, "epochs.*0"),
    "rate": (X, Y, {"learning_rate": -1}, "learning_rate.*-1"),
    "share": (X, Y, {"validation_share": 1.0}, "validation_share.*1.0"),
    "divergence": (1e3 * X, Y, {"learning_rate": 1e308}, "finite"),
    "no weight": (X, Y, {"class_weight": {0: 0, 1: 0}}, "two classes or more"),
    "one weight": (X, Y, {"class_weight": {0: 0}}, "two classes or more"),
    "weight": (X, Y, {"class_weight": {0: -1}}, "class_weight of numbers >= 0"),
    "refit": (X, Y, {"refit": "l1"}, "refit to be one of"),
    "l2": (X, Y, {"family": "dlgn_vt", "refit": "l2"}, "'ridge', 'l1'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake(mistake):
    x, y, options, expected = MISTAKES[mistake]
    with pytest.raises(ValueError, match=expected):
        DLGNClassifier(**{**SMALL, **options}).fit(x, y)


def test_one_row_is_a_regression():
    found = DLGNRegressor(**SMALL).fit(X[:1], [5.0])
    assert found.predict(X[:1]) == pytest.approx([5.0], abs=0.5)


@pytest.mark.parametrize("kind", [DLGNClassifier, DLGNRegressor])
def test_a_warm_start_goes_on_in_the_same_units(kind, moons):
    """With other rows, of another scale, and next to no step."""
    x, y = moons
    found = kind(**SMALL, warm_start=True).fit(x, y)
    before = found._outputs(x)
    found.set_params(learning_rate=1e-15, epochs=1).fit(9 * x[:50], 1 - y[:50])
    np.testing.assert_allclose(found._outputs(x), before, atol=1e-9)


def test_a_fit_that_fails_changes_nothing(moons):
    x, y = moons
    found = DLGNClassifier(**SMALL, warm_start=True).fit(x, y)
    before = found.predict_proba(x)
    with pytest.raises(ValueError, match="family"):
        found.set_params(family="none").fit(5 * x, 1 - y)
    np.testing.assert_array_equal(found.predict_proba(x), before)
    assert found.classes_.tolist() == [0, 1]


def test_regions_of_a_regressor_are_in_units_of_its_targets(moons):
    x, _ = moons
    found = DLGNRegressor(**SMALL).fit(x, 100 + 20 * x[:, 0])
    region = found.regions(x, most=1)[0]
    at_centre = found.predict(region.centre[None])
    np.testing.assert_allclose(region.outputs, at_centre, rtol=1e-9)
    step = np.eye(2) * 1e-5
    change = found.predict(region.centre + step)
    change = change - found.predict(region.centre - step)
    np.testing.assert_allclose(region.slopes[:, 0], change / 2e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="most >= 1"):
        found.regions(x, most=0)


def test_two_outputs_decide_as_they_predict(moons):
    form = Form("dlgn_sf", 2, (4, 4), 2)
    weights = networks.initial(form, 0, "float64")
    found = DLGNClassifier.of_network(form, weights, np.array(["no", "yes"]))
    z = found.decision_function(moons[0])
    assert (found.predict(moons[0]) == np.where(z > 0, "yes", "no")).all()
    p = found.predict_proba(moons[0])
    np.testing.assert_allclose(np.log(p[:, 1] / p[:, 0]), z, atol=1e-9)


def test_rows_that_count_are_on_both_sides_of_the_validation_share(moons):
    """Of 200 two count, one of each class, and 4 are set aside."""
    x, y = moons
    weights = np.zeros(200)
    weights[[np.argmax(y == 0), np.argmax(y == 1)]] = 1
    with pytest.raises(ValueError, match="count on both sides"):
        DLGNClassifier(**SMALL, validation_share=0.02).fit(x, y, weights)


def test_a_machine_has_no_probabilities(moons):
    found = DLGNClassifier("npk", **SMALL).fit(*moons)
    assert not hasattr(found, "predict_proba")
    assert found.score(*moons) > 0.8
    with pytest.raises(ValueError, match="npk"):
        found.to_model()


@pytest.mark.parametrize("kind", [DLGNClassifier, DLGNRegressor])
def test_before_it_is_fitted(kind, moons):
    for ask in (
        lambda x: kind().tree(moons[0]),
        lambda x: kind().column_names,
        lambda x: kind().regions(moons[0]),
        lambda x: x.predict(moons[0]),
    ):
        failed = kind("none")
        with pytest.raises(ValueError, match="family"):
            failed.fit(*moons)
        with pytest.raises(NotFittedError):
            ask(failed)


def test_value_tensors_are_fitted_exactly(moons):
    """By the l1 penalty most paths end at 0, by gradient none does."""
    options = {**SMALL, "widths": (5, 5), "beta": 10}
    zeros = {}
    for refit in (None, "ridge", "l1"):
        found = DLGNClassifier("dlgn_vt", refit=refit, **options).fit(*moons)
        assert found.score(*moons) > 0.8
        zeros[refit] = np.mean(found.weights_.value[0][0] == 0)
    assert zeros["l1"] > 0.5 and zeros[None] == zeros["ridge"] == 0


def test_fits_of_a_value_tensor_are_those_of_the_loss(moons):
    """l1 logistic regression is of two classes, and ridge of no logits."""
    with pytest.raises(ValueError, match="one of .None, 'ridge'. .*squared"):
        DLGNRegressor("dlgn_vt", refit="l1", **SMALL).fit(*moons)
    assert not hasattr(
        DLGNClassifier("dlgn_vt", refit="ridge"), "predict_proba"
    )


def test_a_pickle_of_an_earlier_version(moons):
    found = DLGNClassifier(**SMALL, warm_start=True).fit(*moons)
    before = found.regions(moons[0])[0].outputs
    del found._target_scale
    np.testing.assert_array_equal(found.regions(moons[0])[0].outputs, before)
    found.fit(*moons)


@pytest.mark.parametrize("family", ["dlgn", "dlgn_vt", "npk"])
def test_rows_are_computed_in_parts(family, moons, monkeypatch):
    form = Form(family, 2, (4, 3), beta=2.0)
    weights = networks.initial(form, 0, "float64")
    if family == "npk":
        rng = np.random.default_rng(0)
        drawn = rng.normal(size=(9, 2)), rng.normal(size=(9, 1))
        weights = weights._replace(value=[drawn])
    whole = networks.outputs(form, weights, moons[0])
    monkeypatch.setattr(networks, "_MOST_NUMBERS", 40)
    asked, outputs = [], networks.outputs
    monkeypatch.setattr(
        networks,
        "outputs",
        lambda f, w, x: asked.append(len(x)) or outputs(f, w, x),
    )
    found = networks.computed(form, weights, moons[0])
    np.testing.assert_allclose(found, whole, atol=1e-12)
    assert max(asked) <= 10 and sum(asked) == 200

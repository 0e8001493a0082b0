"""Networks that learn with one output, and numbers: trained, kept, judged."""

import importlib
import json
import types

import numpy as np
import pytest
from sklearn.metrics import mean_squared_error, r2_score

import dlgn_tf
from dlgn_tf import data, evaluate, export
from dlgn_tf.data import sources
from dlgn_tf.data.info import DatasetInfo
from dlgn_tf.data.own import OwnData
from dlgn_tf.data.reading import Reading
from dlgn_tf.dual import command as dual_command
from dlgn_tf.errors import UserError
from dlgn_tf.models import create_model
from dlgn_tf.tabular import fitting, networks, zoo
from dlgn_tf.tabular.fitting import Plan, Rows
from dlgn_tf.tabular.networks import Form
from dlgn_tf.training import engines

# One evaluation, or two: each takes as long as many steps.
SMALL = {"width": 8, "depth": 3, "l2": 0.0, "eval_every": 100}


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A CSV of 160 rows whose numbers are linear in two of three columns."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(160, 3))
    y = 300 + 50 * x[:, 0] - 30 * x[:, 1]
    path = tmp_path_factory.mktemp("table") / "numbers.csv"
    rows = np.column_stack([x, y])
    np.savetxt(path, rows, "%.9g", ",", header="a,b,c,y", comments="")
    return types.SimpleNamespace(path=path, x=x, y=y)


@pytest.fixture(scope="module")
def run(table, tmp_path_factory, train_run):
    """A run of numbers."""
    path = tmp_path_factory.mktemp("runs") / "numbers"
    options = [f"--{k}={v}" for k, v in SMALL.items()]
    more = ["--regression", "--label=y", f"--data_dir={table.path}"]
    more += ["--dataset=table", "--learning_rates=0.02", "--train_steps=200"]
    last = train_run(path, "fc_dlgn", *options, *more)
    return types.SimpleNamespace(path=path, last=last)


def test_numbers_of_a_run(table, run):
    model, config, _ = dlgn_tf.load_run(run.path)
    own = data.from_table(table.path, "y", regression=True)
    assert (len(own.train), len(own.test)) == (128, 32)
    found, targets = np.asarray(model(own.test.images)), own.test.labels
    scores = {
        "test_r2": r2_score(targets, found),
        "test_mean_squared_error": mean_squared_error(targets, found),
    }
    assert scores["test_r2"] > 0.95
    judged = evaluate.evaluate(run.path)
    for name, value in scores.items():
        assert run.last[name] == pytest.approx(value, rel=1e-4)
        assert judged[name] == pytest.approx(value, rel=1e-4)
    assert run.last["best_test_r2"] >= run.last["test_r2"]
    assert not any("accuracy" in name for name in {*run.last, *judged})
    assert (config.loss, config.info.target_mean) == (
        "squared",
        pytest.approx([own.train.labels.mean()]),
    )
    # A control: others are told as they are.
    worse = engines.evaluate_model(
        model, data.from_arrays(table.x, -table.y, regression=True).test, 100
    )
    assert worse.accuracy < 0


def test_a_run_of_numbers_goes_on_and_is_exported(run, train_run, tmp_path):
    import tensorflow as tf

    flags = f"--flagfile={run.path / 'flags.txt'}", "--train_steps=205"
    last = train_run(run.path, "fc_dlgn", *flags)
    assert last["step"] == 205 and last["test_r2"] > 0.95
    command = export.Command(run_dir=str(run.path), export_dir=str(tmp_path))
    loaded = tf.saved_model.load(export.run(command))
    x = np.zeros((2, 1, 1, 3), "float32")
    found = loaded.signatures["serving_default"](images=tf.constant(x))
    model = dlgn_tf.load_run(run.path).model
    assert set(found) == {"numbers"}
    np.testing.assert_allclose(found["numbers"], model(x), rtol=1e-5)


@pytest.mark.parametrize(
    "command",
    ["dual.command", "complexity.command", "inspect_model", "explain"],
)
def test_who_needs_classes_says_so(command, run, in_this_process, tmp_path):
    module = importlib.import_module(f"dlgn_tf.{command}")
    with pytest.raises(UserError, match="tells classes apart.*says numbers"):
        in_this_process(
            module, f"--run_dir={run.path}", f"--output_dir={tmp_path}"
        )


def test_one_output_of_two_classes(tmp_path):
    run = tmp_path / "run"
    model, history = dlgn_tf.fit(
        "fc_dlgn_sf",
        "sklearn:breast_cancer",
        run_dir=run,
        loss="logistic",
        train_steps=60,
        learning_rates=0.02,
        **SMALL,
    )
    _, test = sources.load_for(dlgn_tf.load_run(run).config)
    z = np.asarray(model(test.images))[:, 1]
    expected = np.mean(np.log1p(np.exp(-2 * (2 * test.labels - 1) * z)))
    assert history["val_loss"] == [pytest.approx(expected, rel=1e-4)]
    accuracy = np.mean((z > 0) == test.labels)
    assert history["val_accuracy"] == [pytest.approx(accuracy)]
    assert accuracy > 0.85
    dual_command.run(
        dual_command.Command(
            run_dir=str(run), output_dir=str(tmp_path / "dual"), images=40
        )
    )
    assert (tmp_path / "dual" / "kernels.csv").exists()


@pytest.mark.parametrize("loss", ["logistic", "squared"])
def test_trained_as_the_networks_of_tables_are(loss, rng):
    """Whose loop is another one: the same steps of Adam on all rows."""
    x = rng.normal(size=(60, 4)).astype("float32")
    labels = (x @ [1, -2, 0, 1] > 0).astype(int)
    numbers = (x @ [1, -2, 0, 1])[:, None].astype("float32")
    numbers = (numbers - numbers.mean()) / numbers.std()
    y = 2.0 * labels[:, None] - 1 if loss == "logistic" else numbers
    form = Form("dlgn", 4, (6, 6), biases=True)
    start = networks.initial(form, 0)
    plan = Plan(loss, 30, batches=1, learning_rate=0.01)
    fitted = fitting.fit(form, start, Rows.of(x, y), plan)
    expected = np.asarray(networks.outputs(form, fitted.weights, x))
    model = zoo.as_model(form, start, loss=loss)
    regression = loss == "squared"
    own = data.from_arrays(
        x,
        numbers if regression else labels,
        x,
        numbers if regression else labels,
        regression=regression,
    )
    dlgn_tf.fit(
        model,
        own,
        loss=loss,
        train_steps=30,
        eval_every=30,
        batch_size=60,
        learning_rates=0.01,
        l2=0.0,
        optimizer="adam",
    )
    found = np.asarray(model(x))[:, -1:]
    np.testing.assert_allclose(found, expected, atol=2e-3)
    moved = np.asarray(networks.outputs(form, start, x))
    assert np.abs(expected - moved).max() > 0.05


def test_of_several_targets_errors_are_over_all(rng):
    x = rng.normal(size=(50, 3))
    y = np.stack([10 * x[:, 0], x[:, 1] + x[:, 2]], axis=1)
    own = data.from_arrays(x, y, regression=True)
    info = own.info
    model = create_model(
        "fc_dnn",
        info.image_shape,
        info.classes,
        loss="squared",
        targets=(info.target_mean, info.target_std),
        depth=2,
        width=4,
    )
    totals = engines.evaluate_model(model, own.test, 7)
    found = np.asarray(model(own.test.images))
    assert totals.mean_classification_loss == pytest.approx(
        mean_squared_error(own.test.labels, found), rel=1e-4
    )
    assert totals.accuracy == pytest.approx(
        r2_score(own.test.labels, found, multioutput="variance_weighted"),
        rel=1e-4,
    )


@pytest.mark.parametrize(
    "labels, flags, expected",
    [
        ([0.5, 1.5] * 4, {}, "0.5 in row 1; --regression"),
        (list("abcabcab"), {"loss": "logistic"}, "two classes.*3 classes"),
        (list("abababab"), {"loss": "squared"}, "--regression, and only there"),
        ([0.5, 1.5] * 4, {"loss": "logistic", "regression": True}, "squared"),
        (list("abababab"), {"regression": True}, "finite numbers.*'a'"),
        ([1.0, np.nan] * 4, {"regression": True}, "others in row 2"),
        (
            [0.5, 1.5] * 4,
            {"regression": True, "balanced_batches": True},
            "none with --regression",
        ),
    ],
)
def test_what_does_not_fit(labels, flags, expected, rng):
    regression = flags.pop("regression", False)
    with pytest.raises(UserError, match=expected) as raised:
        own = data.from_arrays(
            rng.normal(size=(8, 2)), labels, regression=regression
        )
        dlgn_tf.fit("fc_dnn", own, train_steps=1, **flags)
    assert "\n" not in str(raised.value)


def test_numbers_of_an_archive_and_of_scikit_learn(tmp_path, rng):
    path, how = tmp_path / "own.npz", Reading(regression=True)
    x, y = rng.normal(size=(20, 2)), rng.normal(size=20)
    np.savez(path, x_train=x, y_train=y, x_test=x[:5], y_test=y[:5])
    archive = OwnData("npz", str(path), how).measured()
    assert archive.is_regression and archive.target_mean == (
        pytest.approx(y.mean()),
    )
    diabetes = OwnData("sklearn:diabetes", how=how).measured()
    assert diabetes.target_std == (pytest.approx(77, abs=3),)
    again = DatasetInfo.of_dict(json.loads(json.dumps(diabetes.as_dict())), "")
    assert again == diabetes
    with pytest.raises(UserError, match="diabetes with --regression"):
        OwnData("sklearn:diabetes").measured()
    with pytest.raises(UserError, match="--regression has no effect"):
        OwnData("folder", str(tmp_path), how).check()

"""python -m dlgn_tf.tabular on a file, on numbers, and on a known tree."""

import csv

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import ParameterGrid
from sklearn.svm import LinearSVC

from dlgn_tf.errors import UserError
from dlgn_tf.tabular import alternating, command, learners, report, tables
from dlgn_tf.tabular.trees import data, published, static_learners


@pytest.fixture
def file(tmp_path, rng):
    x = rng.standard_normal((120, 2))
    words = np.where(rng.uniform(size=120) > 0.5, "red", "blue")
    told = np.where((x[:, 0] > 0) ^ (words == "red"), "yes", "no")
    path = tmp_path / "own.csv"
    with path.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(["length", "age", "colour", "told"])
        writer.writerows(zip(*x.T, words, told, strict=True))
    return path


@pytest.fixture
def quick(monkeypatch):
    """Two other learners stand for all."""
    every = learners.others

    def two(regression, seed):
        found = every(regression, seed)
        return {name: found[name] for name in ("linear", "CART")}

    monkeypatch.setattr(learners, "others", two)


def run(**options):
    report.write(command.Command(**{"epochs": 30, "folds": 2, **options}))


def test_file(file, tmp_path, quick, read_table):
    run(data=str(file), label="told", output_dir=str(tmp_path / "out"))
    out = tmp_path / "out"
    rows = read_table(out / "comparison.csv")
    assert [r["learner"] for r in rows] == 2 * ["dlgn", "linear", "CART"]
    score = {
        name: np.mean([float(r["score"]) for r in rows if r["learner"] == name])
        for name in ("dlgn", "linear")
    }
    assert score["dlgn"] > 0.8 > score["linear"]
    regions = read_table(out / "regions.csv")
    assert sum(int(r["points"]) for r in regions) == 120
    assert "d output 0 / d colour=red" in regions[0]
    spaces = read_table(out / "half_spaces.csv")
    assert len(spaces) == 96 and "normal length" in spaces[0]
    assert 1 < len({row["cluster"] for row in spaces}) < 96
    rules = (out / "tree.txt").read_text()
    assert "colour=" in rules and "length" in rules
    page = (out / "report.html").read_text()
    assert "dlgn on own.csv" in page and page.count("<img") == 3
    assert "yes" in (out / "tree.dot").read_text()


def test_numbers_to_predict_are_finite(tmp_path):
    """Those that stand in a file as words, too."""
    path = tmp_path / "own.parquet"
    words = [str(k) if k != 7 else "inf" for k in range(20)]
    table = pyarrow.table({"length": range(20), "age": words})
    parquet.write_table(table, path)
    with pytest.raises(UserError, match="finite numbers in column age.*: inf"):
        tables.read(str(path), "age", "refuse", True)


@pytest.mark.parametrize("regression", [False, True])
def test_other_learners_are_of_the_kind(regression):
    """With a seed where they have one, and in the order of the table."""
    found = learners.others(regression, 5)
    assert tuple(found) == learners.OTHERS
    kind = "regressor" if regression else "classifier"
    for learner in found.values():
        estimator = learner.estimator
        assert estimator.__sklearn_tags__().estimator_type == kind
        assert estimator.get_params().get("random_state") in (5, None)
        for values in ParameterGrid(learner.grid):
            estimator.set_params(**values)


def test_static_learners_are_chosen_by_validation_points():
    """As scikit-learn's are that are fitted one by one, columns as they are."""
    task = data.draw(2, 4, 400, seed=1)
    train, validation, test = task.parts()
    machines = [LinearSVC(C=c, random_state=3).fit(*train) for c in (1, 100)]
    best = max(machines, key=lambda machine: machine.score(*validation))
    forest = RandomForestClassifier(200, max_features="sqrt", random_state=3)
    names = ("linear SVM", "random forest")
    assert static_learners.accuracies(task, names[:1], 3) == {
        "linear SVM": best.score(*test)
    }
    found = static_learners.accuracies(task, names, 3, most=1)
    assert found == {
        "linear SVM": machines[0].score(*test),
        "random forest": forest.fit(*train).score(*test),
    }


def test_what_begins_is_said(file, tmp_path, quick, monkeypatch, capsys):
    class Begun(Exception):
        pass

    def compare(*args):
        raise Begun

    monkeypatch.setattr(learners, "compare", compare)
    with pytest.raises(Begun):
        run(data=str(file), label="told", output_dir=str(tmp_path / "out"))
    said = "cross-validation: dlgn, linear, CART on 120 rows, 2 folds\n"
    assert capsys.readouterr().out == said


def test_data_that_are_not_there(tmp_path):
    asked = command.Command(data="nosuch", output_dir=str(tmp_path))
    with pytest.raises(UserError) as error:
        command.run(asked)
    assert str(error.value) == (
        "Expected --data to be a file or one of breast_cancer, wine, iris, "
        "digits, diabetes, sdi, sdii, sdiii. Received: nosuch, which does not "
        "exist"
    )


def test_machine_of_all_rows(file, tmp_path, quick, monkeypatch, read_table):
    options = {"data": str(file), "label": "told", "family": "npk"}
    run(**options, output_dir=str(tmp_path / "out"), comparison=False)
    rows = read_table(tmp_path / "out" / "comparison.csv")
    assert {r["learner"] for r in rows} == {"npk"}
    # It has no value network that could see one or the other.
    assert all(r["options"].startswith("l2=") for r in rows)
    monkeypatch.setattr(alternating, "MOST_POINTS", 119)
    with pytest.raises(UserError, match="at most 119 rows.*120"):
        run(**options, output_dir=str(tmp_path / "none"))


@pytest.mark.slow
def test_numbers(tmp_path, quick, read_table):
    run(data="diabetes", output_dir=str(tmp_path), family="dlgn_sf")
    rows = read_table(tmp_path / "comparison.csv")
    assert rows[0]["learner"] == "dlgn_sf"
    assert np.mean([float(r["score"]) for r in rows[1::3]]) > 0.35
    assert "±" in (tmp_path / "tree.txt").read_text()


def test_known_tree(tmp_path, quick, monkeypatch, read_table):
    task = data.draw(2, 4, 2000, seed=1)
    monkeypatch.setattr(published, "task", lambda name: task)
    run(data="sdi", family="dlgn_sf", output_dir=str(tmp_path), epochs=60)
    by_epoch = read_table(tmp_path / "attraction.csv")
    assert {int(r["epoch"]) for r in by_epoch} >= {0, 1, 59, 60}
    assert float(by_epoch[-1]["node 0"]) < 10 < float(by_epoch[0]["node 0"])
    rows = read_table(tmp_path / "comparison.csv")
    assert [r["learner"] for r in rows] == ["dlgn_sf", "linear", "CART"]
    text = (tmp_path / "report.html").read_text()
    assert "largest angle to a true one" in text


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"label": "length"}, "two classes or more"),
        ({"label": "told", "regression": True}, "numbers in column told"),
        ({"label": "nothing"}, "nothing"),
    ],
)
def test_no_such_table(file, options, expected):
    with pytest.raises(UserError, match=expected):
        tables.read(
            **{
                "name": str(file),
                "missing": "refuse",
                "regression": False,
                **options,
            }
        )


@pytest.mark.parametrize(
    ("y", "regression", "folds"),
    [
        (["a"] * 9 + ["b"] * 8, False, 10),
        (["a"] * 9 + ["b"] * 2, False, 5),
        (range(9), True, 10),
    ],
)
def test_too_few_rows_for_the_folds(y, regression, folds):
    x = np.ones((len(y), 1))
    table = tables.Table("x", x, np.array(y), [], regression, x)
    with pytest.raises(UserError, match=f"--folds={folds}.* 9 at most"):
        tables.check_folds(table, folds)
    again = table._replace(x=np.ones((90, 1)), y=np.repeat(table.y, 10))
    tables.check_folds(again, folds)


@pytest.mark.parametrize(
    ("own", "others", "expected"),
    [
        ([0.9, 0.9], [0.8, 0.8], "ahead of all others, by 0.1"),
        ([0.7, 0.7], [0.8, 0.8], "behind: b is ahead by 0.1"),
        ([0.75, 0.95], [0.8, 0.8], "0.05 apart, which folds differ by too"),
        ([0.8, 0.8], [0.8, 0.8], "0 apart"),
    ],
)
def test_a_lead_is_one_where_it_exceeds_what_folds_differ_by(
    own, others, expected
):
    scores = {"a": own, "b": others, "c": [0.1, 0.1]}
    assert expected in report._standing(scores, "a")


def test_gaps_are_filled_by_means_of_what_is_learned_from(tmp_path):
    path = tmp_path / "gaps.csv"
    lines = [f"{k},{'' if k % 3 else k * k},,{'ab'[k % 2]}" for k in range(30)]
    path.write_text("\n".join(["x,gap,empty,told", *lines]))
    table = tables.read(str(path), "told", "fill", False)
    kept = np.array([k * k for k in range(30) if k % 3 == 0])
    assert np.isnan(table.x[:, 1]).sum() == 20
    assert table.filled[1].tolist() == [1, kept.mean(), 0]
    assert table.filled[3].tolist() == [3, 9, 0]
    first = learners.others(False, 0)["linear"]
    fitted = learners._scaled(first).fit(table.x[:15], table.y[:15])
    assert fitted[0].statistics_[1] == kept[:5].mean() != kept.mean()

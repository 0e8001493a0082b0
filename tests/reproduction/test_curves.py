"""Accuracies while runs train, in a file and in a picture."""

import json
import math
import types

import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.reproduction import curves
from dlgn_tf.reproduction.curves import Point

POINTS = [
    Point("a", 0, 10, 50.0, 1.5),
    Point("a", 0, 20, 70.0, 1.0),
    Point("a", 1, 10, 60.0, 1.25),
    Point("a", 1, 15, 61.0, 1.125),
    Point("b", 0, 20, 30.0, 2.0),
]


def cell(name, row):
    return types.SimpleNamespace(name=name, row=row, column=f"column {name}")


def test_they_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "curves.csv"
    path.write_text(curves.to_csv(POINTS))
    assert curves.from_csv(path) == POINTS


@pytest.mark.parametrize(
    "text", ["cell,seed\na,0\n", "cell,seed,step,accuracy,loss\n", "step\n1\n"]
)
def test_another_file_is_refused(text, tmp_path):
    path = tmp_path / "curves.csv"
    path.write_text(text + "a,x,1,1,1\n")
    with pytest.raises(UserError, match=r"Expected a curves\.csv"):
        curves.from_csv(path)


def test_an_evaluation_that_noted_no_loss(tmp_path):
    """As runs of other versions may; the accuracy is what is drawn."""
    line = {"step": 4, "test_accuracy": 0.5, "test_images": 2}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    config = types.SimpleNamespace(run_dir=tmp_path)
    run = types.SimpleNamespace(cell=cell("a", "one"), seed=1, config=config)
    (point,) = curves.of_run(run)
    assert point[:4] == ("a", 1, 4, 50.0) and math.isnan(point.loss)
    path = tmp_path / "curves.csv"
    path.write_text(curves.to_csv([point]))
    assert math.isnan(curves.from_csv(path)[0].loss)


@pytest.mark.parametrize("points", [POINTS, []])
def test_each_line_is_the_mean_over_seeds(points, tmp_path, monkeypatch):
    """At the steps that all of them have; each row has a picture."""
    drawn = []
    monkeypatch.setattr(
        curves, "png", lambda figure: drawn.extend(figure.axes) or b"x"
    )
    cells = {"a": cell("a", "one"), "b": cell("b", "other")}
    table = types.SimpleNamespace(cells=cells)
    curves.plot(tmp_path / "x.png", table, points)
    found = {
        axes.get_title(): [
            (line.get_label(), [*map(tuple, line.get_xydata())])
            for line in axes.lines
        ]
        for axes in drawn
    }
    assert found == (
        {
            "one": [("column a", [(10, 55.0)])],
            "other": [("column b", [(20, 30.0)])],
        }
        if points
        else {"no run is finished": []}
    )

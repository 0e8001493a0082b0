import dataclasses
import types

import pytest

from dlgn_tf.output.origin import Origin
from dlgn_tf.reproduction import report
from dlgn_tf.reproduction.results import Result
from dlgn_tf.reproduction.tables import Cell, Scale, Table

CELLS = {
    "base": Cell("base", "r", "DNN", mean=80.0, std=0.5),
    "other": Cell("other", "r", "DLGN", mean=60.0),
    "alone": Cell("alone", "s", "DLGN"),
}
TABLE = Table(
    "some.1",
    "Made up",
    "here",
    scales={"minutes": Scale("for two cores")},
    cells=CELLS,
    baseline="DNN",
)
RUNS = [
    types.SimpleNamespace(cell=cell, seed=seed, command=f"do {cell.name}")
    for cell in CELLS.values()
    for seed in (0, 1)
]


def result(cell, seed, best, last):
    return Result(cell, seed, "", best, last, 2, 360, 10, 1.0, f"do {cell}")


FOUND = [
    result("base", 0, 50.0, 40.0),
    result("base", 1, 52.0, 40.0),
    result("other", 0, 25.5, 20.0),
]


def lines(found=FOUND, failures=None, remark=None):
    text = report.markdown(
        TABLE, "minutes", RUNS, found, failures or {}, "today", remark
    )
    return text.splitlines()


def test_each_cell_beside_what_was_published():
    found = lines()
    first = found.index(
        "| row | column | published | best | last | n | difference | of DNN "
        "| evaluations |"
    )
    # (50 + 52) / 2; 25.5 / 51; 60 / 80.
    assert found[first + 2 : first + 5] == [
        "| r | DNN | 80.00 ± 0.50 | 51.00 ± 1.00 | 40.00 ± 0.00 | 2 | -29.00 "
        "| - | 2 on 360 images |",
        "| r | DLGN | 60.00 | 25.50 | 20.00 | 1 | -34.50 | 0.500 (0.750) "
        "| 2 on 360 images |",
        "| s | DLGN | - | - | - | 0 | - | - | - |",
    ]


def test_the_rest_says_what_it_is():
    failures = {"alone/seed-0": "no disk"}
    text = "\n".join(lines(failures=failures, remark="made-up images"))
    for part in (
        "Remark: made-up images.",
        "Scale `minutes`: for two cores.",
        "3 of 6 runs are finished.",
        "- alone/seed-0: no disk",
        "- other: `do other`",
        "Written today.",
        "only full is comparable",
    ):
        assert part in text
    table = dataclasses.replace(TABLE, baseline=None)
    text = report.markdown(table, "minutes", RUNS, FOUND, {}, "today")
    assert not any(part in text for part in ("Failed", "Remark", "of DNN"))


@pytest.mark.parametrize("found", [FOUND, []])
def test_plot(tmp_path, found):
    path = tmp_path / "plot.png"
    report.plot(path, TABLE, "minutes", RUNS, found)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_points_of_the_plot_are_the_figures():
    points = report._points([(80.0, 0.5), (None, None), (60.0, None)], 0.25)
    assert points == ((0.25, 2.25), (80.0, 60.0), (0.5, 0.0))


def test_what_runs_were_made_with_is_theirs():
    """And not what this process would make them with."""
    first = Origin("abc", "tensorflow", "keras 1", "two cores")
    second = dataclasses.replace(first, commit="def", machine="a GPU")
    found = [
        dataclasses.replace(one, origin=origin)
        for one, origin in zip(FOUND, [first, second, first], strict=True)
    ]
    text = lines(found)
    at = text.index("Measured with:")
    assert text[at + 2 : at + 4] == [
        "- 2 runs: commit abc; backend tensorflow; versions keras 1; machine "
        "two cores",
        "- 1 run: commit def; backend tensorflow; versions keras 1; machine "
        "a GPU",
    ]
    assert text[at + 4] == ""

"""Each comparison of tools/benchmark.py at its smallest size, and its table."""

import importlib
import json
import sys

import pytest

from dlgn_tf.command import fields
from dlgn_tf.errors import UserError

SMALL = ("--rounds=1", "--batch_size=2", "--steps=1")


@pytest.fixture
def tool(load_tool):
    return load_tool("benchmark")


@pytest.fixture
def module(tool):
    """A function that imports a module of tools/benchmarks."""
    return lambda name: importlib.import_module(f"benchmarks.{name}")


@pytest.fixture
def compare(tool, module, monkeypatch):
    """A function that makes the rows of a comparison with other constants.

    Workers are not processes of their own: that would import TensorFlow anew.
    """

    class Here:
        def __init__(self, python, name, *words, **environment):
            try:
                job = module(f"workers.{name}").job
            except ImportError as error:
                raise module("processes").Absent(str(error)) from error
            self.turn = job(*map(str, words))
            self.first = self.turn()

        def __call__(self):
            self.turn()

        def peak_gib(self):
            return 0.5

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

    def compare(name, *words, **constants):
        comparison = module(f"comparisons.{name}")
        for constant, value in constants.items():
            monkeypatch.setattr(comparison, constant, value)
        if hasattr(comparison, "Worker"):
            monkeypatch.setattr(comparison, "Worker", Here)
        options = fields.parse(tool.Command, [*SMALL, *words])
        return [each.row() for each in comparison.compare(options)]

    return compare


SMALLEST = {
    "pipeline": {"IMAGES": 4, "STEPS": 1},
    "step": {"NETWORK": "c1gap"},
    "families": {"NETWORK": "c1gap"},
    "evaluation": {"NETWORK": "c1gap", "IMAGES": 4},
    "checkpoint": {"NETWORK": "c1gap"},
    "ensemble": {"MEMBERS": 2, "BATCH_SIZE": 2},
    "folder": {"KEPT_GIB": (0.1,), "FOLDERS": (20,)},
}


@pytest.mark.parametrize("name", SMALLEST)
def test_comparisons_compare(name, compare):
    for row in compare(name, **SMALLEST[name]):
        assert row["ours_median"] > 0 and row["other_median"] > 0
        ratios = [row[f"ratio_{x}"] for x in ("min", "median", "max")]
        assert ratios == sorted(ratios) and row["rounds"] == 1


def test_rows_are_ratios_of_speeds(module):
    seconds = [(1.0, 2.0), (2.0, 2.0), (1.0, 3.0)]
    row = module("rows").Comparison("a", "b", "x/s", 6, seconds, "why").row()
    ratios = row["ratio_min"], row["ratio_median"], row["ratio_max"]
    assert ratios == (1.0, 2.0, 3.0)
    assert (row["ours_median"], row["other_median"]) == (6.0, 3.0)


def test_turns_are_taken_in_order(module):
    said = []
    seconds = module("turns").by_turns(
        2, lambda: said.append("a"), lambda: said.append("b")
    )
    # The first two warm up.
    assert "".join(said) == "ababab" and len(seconds) == 2


def test_a_worker_that_cannot_start_says_why(module):
    processes = module("processes")
    with pytest.raises(processes.Absent, match="No module named .*nothing"):
        processes.Worker(sys.executable, "nothing")


def test_the_table_and_its_json(tool, module, tmp_path, monkeypatch, capsys):
    rows = module("rows")
    row = rows.Comparison("own", "theirs", "x/s", 1, [(1.0, 3.0)], "as told")
    monkeypatch.setattr(
        module("comparisons.step"), "compare", lambda options: [row]
    )
    tool.run(
        fields.parse(tool.Command, ["--only=step", f"--output_dir={tmp_path}"])
    )
    table = (tmp_path / "benchmark.md").read_text()
    assert "| step | own | theirs | 1 | 0.3333 | x/s | 3.00 / 3.00 / " in table
    assert "own: as told" in table and table in capsys.readouterr().out
    written = json.loads((tmp_path / "benchmark.json").read_text())
    assert written["rows"][0]["ratio_median"] == 3.0
    assert (tmp_path / "commands.json").is_file()


@pytest.mark.parametrize(
    "word", ["--only=nothing", f"--torch_python={sys.prefix}/bin/nothing"]
)
def test_refusals(tool, word):
    with pytest.raises(UserError, match=r"Received: .*nothing"):
        tool.run(fields.parse(tool.Command, [word]))


def test_each_file_is_a_comparison(tool, module):
    assert {"step", "orthogonal", "npk", "vectors"} <= {*tool.NAMES}
    for name in tool.NAMES:
        comparison = module(f"comparisons.{name}")
        assert callable(comparison.compare) and comparison.__doc__

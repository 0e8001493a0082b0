"""The command: what it writes, and what it says to a mistake."""

import functools
import re

import numpy as np
import pytest

from dlgn_tf.errors import UserError
from dlgn_tf.locality import command as entry
from dlgn_tf.locality.experiments import strength

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def command(in_this_process):
    return functools.partial(in_this_process, entry)


@pytest.fixture
def measured(tmp_path, command, read_table):
    """A function that runs an experiment, which writes files of these names.

    It returns one that reads tables.
    """

    def measure(experiment, *arguments, tables, pictures=None):
        folder = tmp_path / "new" / "place"
        command(
            f"--experiment={experiment}", *arguments, f"--output_dir={folder}"
        )
        names = [f"{name}.csv" for name in tables]
        names += [f"{name}.png" for name in pictures or [experiment]]
        found = sorted(path.name for path in folder.iterdir())
        assert found == sorted([*names, "commands.json"])
        for path in folder.glob("*.png"):
            content = path.read_bytes()
            assert content.startswith(PNG) and len(content) > 5000
        return lambda name: read_table(folder / f"{name}.csv")

    return measure


SMALL = ("--depth=2", "--width=12")


def test_students(measured, capsys):
    names = "students", "correlations"
    table = measured(
        "students",
        "--epochs=2",
        "--seeds=2",
        *SMALL,
        tables=names,
        pictures=("selectivity", "correlations"),
    )
    rows = table("students")
    # Seeds, kinds and measurements.
    assert len(rows) == 2 * 3 * 3
    outputs = [r for r in rows if r["of"] == "outputs" and r["seed"] == "0"]
    assert [row["step"] for row in outputs] == ["0", "62", "124"]
    correlations = table("correlations")
    # Two moments of two regions and one, two events each.
    assert len(correlations) == 2 * (4 + 2)
    after = [r for r in correlations if r["moment"] == "after"]
    # Of two events the one is what the other is not.
    for of_region in (after[0:2], after[2:4], after[4:6]):
        for node in range(12):
            values = [float(row[f"node_{node}"]) for row in of_region]
            assert values[0] == pytest.approx(-values[1], abs=2e-4)
    # The selectivity of the last measurement is made of them.
    best = max(abs(float(after[4][f"node_{k}"])) for k in range(12))
    assert float(outputs[-1]["level_2"]) == pytest.approx(best, abs=2e-4)
    printed = capsys.readouterr().out
    assert "best possible" in printed
    # What it says it wrote is there.
    told = re.findall(r"(\w+)\.csv", printed)
    assert sorted(told) == sorted(names)


def test_families_on_lookup_tables(measured):
    table = measured(
        "families",
        "--teacher=lookup",
        "--events=4",
        "--epochs=1",
        "--seeds=1",
        *SMALL,
        tables=("families", "families_summary"),
    )
    rows = table("families")
    # A DNN's pre-activations are its values; two levels.
    assert len(rows) == 2 * (3 + 6 + 6)
    for row in table("families_summary"):
        own = [
            (float(r["after"]), float(r["before"]))
            for r in rows
            if (r["family"], r["of"]) == (row["family"], row["of"])
        ]
        rise = sum(a - b for a, b in own) / len(own)
        assert float(row["top_two_rise_mean"]) == pytest.approx(rise, abs=1e-3)


@pytest.mark.parametrize("name", ["energy", "overfitting", "separability"])
def test_others(measured, name):
    measured(name, "--seeds=1", tables=[name])


def test_linear_losses(measured):
    for row in measured("linear", tables=["linear"])("linear"):
        size = int(row["size"])
        circle = row["construction"] == "circle"
        expected = size - 3 if circle else 2**size - size - 1
        assert float(row["affine"]) == pytest.approx(expected)
        assert float(row["relu"]) < 1e-20


def test_strength(measured, monkeypatch):
    """Of one teacher; a node counts from the first epoch above 0.9."""
    monkeypatch.setattr(strength, "SWEEP", ((10, 1.0),))
    monkeypatch.setattr(strength, "MULTIPLES", (5,))
    arguments = "strength", "--seeds=1", "--epochs=2"
    rows = measured(*arguments, tables=["strength"])("strength")
    assert [row["node"] for row in rows] == [str(k) for k in range(1, 11)]
    best = np.array([[0.2, 0.95, 0.3], [0.91, 0.8, 0.3], [0.99, 0.8, 0.89]])
    assert strength.first_epochs(best).tolist() == [1, 0, -1]


@pytest.mark.slow
def test_lossy(measured):
    rows = measured("lossy", "--seeds=1", tables=["lossy"])("lossy")
    assert len(rows) == 2 * 20 * 4
    assert all(float(r["gap"]) < 1e-12 for r in rows if r["events"] == "16")


@pytest.mark.slow
def test_specialization(measured):
    arguments = "specialization", "--seeds=1", "--epochs=1"
    table = measured(*arguments, tables=["specialization", "lucky"])
    assert len(table("lucky")) == 4 * (10 + 15)


MISTAKES = {
    "": "--experiment=students|families",
    "--experiment=students": "--output_dir=DIR",
    "--experiment=energy --depth=3 --output_dir=x": "--depth=3",
    "--experiment=linear --seeds=2 --output_dir=x": "--seeds=2",
    "--experiment=families --family=dgn --output_dir=x": "--family=dgn",
    "--experiment=students --events=4 --output_dir=x": "--teacher=lookup",
}


@pytest.mark.parametrize("line", list(MISTAKES))
def test_mistakes(command, line):
    with pytest.raises(UserError, match="Expected.*Received") as caught:
        command(*line.split())
    assert MISTAKES[line] in str(caught.value)

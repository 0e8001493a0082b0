"""tools/reproduce.py as its user has it."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import pytest
from absl import flags

from dlgn_tf.errors import UserError
from dlgn_tf.reproduction import curves, results

TOOL = pathlib.Path(__file__).parents[2] / "tools" / "reproduce.py"


@pytest.fixture
def start(tmp_path):
    """A function that starts the tool in an empty folder."""
    processes = []

    def start(*arguments):
        process = subprocess.Popen(
            [sys.executable, TOOL, *arguments],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("", "Expected --table, one of dlgn.1, "),
        ("--table=npk.1 --scale=days", "full|accelerator|hours|minutes|smoke"),
        ("--table=npk.1 --seeds=0", "positive integer"),
        ("--table=dlgn1", "The nearest are dlgn.1"),
        ("--table=dlgn.1 --cells=mnist_*", "Received: mnist_*"),
        ("--table=dlgn.1 --data_dir=nowhere", "Received: nowhere, which"),
        (
            f"--table=dlgn.1 --scale=smoke --output_dir={TOOL}/x",
            "reproduce.py is a file",
        ),
    ],
)
def test_refusals(
    load_tool, in_this_process, tmp_path, monkeypatch, arguments, text
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((UserError, flags.Error), match=re.escape(text)):
        in_this_process(load_tool("reproduce"), *arguments.split())
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_flag_ends_in_one_line(start, tmp_path):
    process = start("--table=dlgn.1", "dlgn.2")
    out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert err == (
        "tools/reproduce.py: Expected flags only. Received: dlgn.2\n"
    )
    assert list(tmp_path.iterdir()) == []


def cells_of(markdown):
    """Dict from row and column to the other fields of a Markdown table."""
    lines = [x for x in markdown.splitlines() if x.startswith("| ")]
    rows = [[field.strip() for field in x[1:-1].split("|")] for x in lines]
    header, rule, *rest = rows
    assert set(rule) == {"---"}
    assert {len(row) for row in rest} == {len(header)}
    return {
        (row[0], row[1]): dict(zip(header[2:], row[2:], strict=True))
        for row in rest
    }


def test_killed_half_way_it_goes_on(start, tmp_path):
    """And what it writes can be read."""
    arguments = (
        "--table=dlgn.1",
        "--scale=smoke",
        "--cells=cifar10_dnn,cifar10_dgn_x1_permuted",
    )
    process = start(*arguments)
    for line in process.stdout:
        if "finished: test accuracy" in line:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    runs = tmp_path / "runs" / "dlgn.1-smoke"
    output = tmp_path / "results" / "dlgn.1-smoke"
    (first,) = results.from_csv(output / "results.csv")
    assert first.cell == "cifar10_dnn"
    model = runs / "cifar10_dnn" / "seed-0" / "model.keras"
    written = model.stat().st_mtime_ns
    # A worker that was killed with it is gone, or saves and goes.
    time.sleep(1)

    out, err = start(*arguments).communicate()
    assert re.search(r"2 runs, 1 finished before", out), out + err
    assert model.stat().st_mtime_ns == written
    found = results.from_csv(output / "results.csv")
    assert [result.cell for result in found] == [
        "cifar10_dnn",
        "cifar10_dgn_x1_permuted",
    ]
    assert found[0] == first
    assert found[1].permutation == "2,3,0,1"
    assert {result.steps for result in found} == {40}

    table = cells_of((output / "results.md").read_text())
    permuted = table["CIFAR-10, permuted", "DGN(x, 1)"]
    assert permuted["published"] == "77.90 ± 0.60"
    best, last = found[1].best_accuracy, found[1].last_accuracy
    assert permuted["best"] == f"{best:.2f}"
    assert permuted["last"] == f"{last:.2f}"
    assert permuted["difference"] == f"{best - 77.9:+.2f}"
    assert permuted["n"] == "1"
    for name in ("plot.png", "curves.png"):
        assert (output / name).read_bytes().startswith(b"\x89PNG")
    points = curves.from_csv(output / "curves.csv")
    (lines,) = (
        [json.loads(x) for x in file.read_text().splitlines()]
        for file in runs.glob("cifar10_dnn/*/metrics.jsonl")
    )
    assert [x.accuracy for x in points if x.cell == "cifar10_dnn"] == [
        pytest.approx(100 * x["test_accuracy"], abs=1e-4) for x in lines
    ]

    # What was measured before stays where a part is asked for.
    out, err = start(*arguments[:2], "--cells=cifar10_dnn").communicate()
    assert re.search(r"1 runs, 1 finished before", out), out + err
    assert results.from_csv(output / "results.csv") == found
    assert curves.from_csv(output / "curves.csv") == points
    again = cells_of((output / "results.md").read_text())
    assert again == table


def test_a_cell_that_fails_hides_no_other(start, tmp_path):
    damaged = tmp_path / "runs/npk.1-smoke/fc_adam_relu/seed-0/checkpoints"
    damaged.mkdir(parents=True)
    for step in (3, 6):
        (damaged / f"ckpt-{step}.index").write_text("damaged")
    process = start(
        "--table=npk.1",
        "--scale=smoke",
        "--cells=fc_adam_flnpf,fc_adam_dnpfl",
    )
    out, err = process.communicate()
    assert process.returncode == 1, out + err
    assert "fc_adam_relu/seed-0 failed: Expected" in out
    assert "fc_adam_flnpf/seed-0 failed: fc_adam_relu/seed-0, which" in out
    assert "fc_adam_dnpfl/seed-0 finished" in out
    output = tmp_path / "results" / "npk.1-smoke"
    (only,) = results.from_csv(output / "results.csv")
    assert only.cell == "fc_adam_dnpfl"
    assert "- fc_adam_relu/seed-0: " in (output / "results.md").read_text()


def test_runs_with_other_flags_are_not_mixed(
    load_tool, in_this_process, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "runs/npk.1-smoke/fc_adam_relu/seed-0"
    (folder / "checkpoints").mkdir(parents=True)
    (folder / "checkpoints" / "checkpoint").write_text("")
    (folder / "flags.txt").write_text("--model=fc_dnn\n--dataset=digits\n")
    flags = ("--table=npk.1", "--scale=smoke", "--cells=fc_adam_relu")
    with pytest.raises(UserError, match="another --runs_dir.*--width=128"):
        in_this_process(load_tool("reproduce"), *flags)

"""Measuring claims, the table, the JSON lines and the entry point."""

import functools
import json
import subprocess
import sys

import numpy as np
import pytest
from absl import flags

from dlgn_tf.claims import __main__ as entry
from dlgn_tf.claims import registry, report, runner
from dlgn_tf.claims.verdicts import Measurement, NotMeasured
from dlgn_tf.errors import UserError


def one(rng):
    array = np.eye(2)
    return {"x": 1, "drawn": rng.random(), "array": array, "nan": np.nan}


def raises(rng):
    raise RuntimeError("no\n  end")


@pytest.fixture
def run(in_this_process):
    """The entry point: flags -> exit status."""
    return functools.partial(in_this_process, entry)


@pytest.fixture
def run_fake(run, empty_registry, monkeypatch):
    """As `run`, of claims the second of which fails and the third raises."""
    monkeypatch.setattr(registry, "register_papers", lambda: None)
    for number, measure, scale, statement, expected in (
        (1, one, "seconds", "One is one.", "== 1"),
        (2, one, "seconds", "One is two.", "== 2"),
        (3, raises, "minutes", "It ends.", "> 0"),
        (4, lambda _: {"x": [1.0, 2]}, "accelerator", "One or 2.", "mean > 1"),
    ):
        registry.register(
            f"fake.{number}",
            measure,
            scale=scale,
            statement=statement,
            expected={"x": expected},
        )
    return run


def outcomes(seed=0):
    return [runner.measure(claim, seed) for claim in registry.claims()]


def test_an_exception_does_not_hold_and_hides_no_other_claim(register):
    register("dlgn.1", raises)
    register("dlgn.2")
    failed, fine = outcomes()
    assert not failed.measurement.holds
    assert failed.measurement.measured == "RuntimeError: no end"
    assert "in raises" in failed.measurement.values["traceback"]
    assert fine.measurement.holds


def test_results_do_not_depend_on_what_ran_before(register):
    for claim_id in ("dlgn.1", "dlgn.2"):
        register(claim_id)
    _, second = outcomes(seed=3)
    alone = runner.measure(registry.claims()[1], seed=3)
    assert alone.measurement == second.measurement


def test_what_is_read_is_handed_on(register):
    def read(rng, *places):
        return Measurement(True, " ".join(map(str, places)))

    both = ("reads_results", "reads_data")
    for number, reads in enumerate(((), both[:1], both[1:], both)):
        register(f"dlgn.{number + 1}", read, **dict.fromkeys(reads, True))
    found = [
        runner.measure(claim, 0, "RESULTS", "DATA").measurement.measured
        for claim in registry.claims()
    ]
    assert found == ["", "RESULTS", "DATA", "RESULTS DATA"]


def test_table_shows_measured_beside_expected(register):
    def nothing_there(rng):
        raise NotMeasured("no table")

    register("dlgn.1")
    register("dlgn.2", lambda rng: Measurement(False, "not one"))
    register("dlgn.3", lambda rng: Measurement(None, "neither"))
    register("dlgn.4", nothing_there)
    every = outcomes()
    lines = report.table(every, width=80).splitlines()
    assert [" ".join(line.split()) for line in (lines[0], *lines[2:6])] == [
        "claim holds expected measured seconds",
        "dlgn.1 yes one 1 0.0",
        "dlgn.2 NO one not one 0.0",
        "dlgn.3 ? one neither 0.0",
        "dlgn.4 - one no table 0.0",
    ]
    holds = "holds 1, does not hold 1"
    assert lines[-1] == f"{holds}, not decided 1, not measured 1"
    assert report.table(every[:2]).endswith(holds)


def test_long_cells_are_wrapped_and_nothing_is_lost(register):
    words = [f"word{i}" for i in range(60)]
    register("dlgn.1", lambda rng: Measurement(True, " ".join(words)))
    text = report.table(outcomes(), width=72)
    assert max(map(len, text.splitlines())) <= 72
    assert [w for w in text.split() if w.startswith("word")] == words


def test_exit_status_is_zero_if_none_does_not_hold(run_fake, capsys):
    assert run_fake("--only=fake.1,fake.4", "--scale=accelerator") == 0
    printed = capsys.readouterr()
    summary = "holds 1, does not hold 0, not decided 1\n"
    assert printed.out.endswith(summary)
    assert "fake.1 (1/2): One is one." in printed.err
    assert "fake.4: not decided, " in printed.err


def test_exit_status_is_one_if_a_claim_does_not_hold(
    run_fake, tmp_path, capsys
):
    path = tmp_path / "claims.jsonl"
    path.write_text("old\n")
    assert run_fake("--scale=minutes", f"--output={path}", "--seed=2") == 1
    assert capsys.readouterr().out.endswith("holds 1, does not hold 2\n")
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(r["claim"], r["holds"]) for r in records] == [
        ("fake.1", True),
        ("fake.2", False),
        ("fake.3", False),
    ]
    fields = (
        "claim paper statement expected measured values holds verdict scale "
        "seed seconds dlgn_tf commit backend versions machine"
    )
    assert set(records[0]) == set(fields.split())
    assert not (tmp_path / "claims.jsonl.partial").exists()
    assert records[0]["values"]["array"] == [[1.0, 0.0], [0.0, 1.0]]
    assert records[0]["seed"] == 2
    assert records[2]["measured"] == "RuntimeError: no end"


def test_list_prints_claims_of_every_scale_and_measures_none(run_fake, capsys):
    assert run_fake("--list") == 0
    printed = capsys.readouterr()
    assert [line.split()[:2] for line in printed.out.splitlines()] == [
        ["fake.1", "seconds"],
        ["fake.2", "seconds"],
        ["fake.3", "minutes"],
        ["fake.4", "accelerator"],
    ]
    assert printed.err == ""


@pytest.mark.parametrize(
    "flag, text",
    [
        ("--paper=dlng", "The nearest are dlgn."),
        ("--only=dlgn.400", "The nearest are dlgn.4"),
        ("--scale=hours", "seconds.*minutes.*accelerator"),
        ("--output=/dev/null/claims.jsonl", "--output=/dev/null/claims.jsonl"),
        ("--seed=-1", "non-negative"),
        ("--update", "Received: --update alone"),
        ("--data_dir=/nowhere", "/nowhere"),
        ("--all --paper=dlgn", "--all alone"),
        ("--papers=dlgn", "papers"),
        ("dlgn.3", "dlgn.3"),
    ],
)
def test_a_wrong_flag_is_refused(run, flag, text):
    with pytest.raises((UserError, flags.Error), match=text):
        run(*flag.split())


@pytest.mark.parametrize("flag", ["--paper=dlng", "dlgn.3"])
def test_a_mistake_ends_in_one_line(package_environment, flag):
    done = subprocess.run(
        [sys.executable, "-m", "dlgn_tf.claims", flag],
        capture_output=True,
        text=True,
        timeout=60,
        env=package_environment,
    )
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("dlgn_tf.claims: ") and flag[-4:] in line

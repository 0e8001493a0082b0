"""What a run of claims leaves on disk, and how it goes on."""

import json
import pathlib

import numpy as np
import pytest

from dlgn_tf.claims import page, records, registry, runner
from dlgn_tf.claims.verdicts import Measurement, NotMeasured
from dlgn_tf.errors import UserError


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "claims.jsonl"


@pytest.fixture
def three(register):
    for claim_id in ("dlgn.1", "dlgn.2", "tian.1"):
        register(claim_id)
    return registry.claims()


def kept(path, claims, seed=0, measured=None):
    """Records of claims that were measured, of all unless told."""
    made = records.Records(path, claims, seed)
    for claim in claims if measured is None else measured:
        made.write(runner.measure(claim, seed))
    return made


def test_values_are_plain(register, path):
    values = {
        "array": np.arange(3),
        "scalar": np.float32(0.5),
        "flag": np.bool_(True),
        "infinite": [np.inf, float("nan")],
        3: (1, "two", None),
        "other": ValueError("kept as text"),
    }
    register("dlgn.1", lambda rng: Measurement(True, "1", values))
    kept(path, registry.claims(), 5).finish()
    (record,) = read(path)
    assert record["values"] == {
        "array": [0, 1, 2],
        "scalar": 0.5,
        "flag": True,
        "infinite": [None, None],
        "3": [1, "two", None],
        "other": "kept as text",
    }
    assert (record["seed"], record["scale"]) == (5, "seconds")


def test_what_was_measured_before_a_kill_is_kept(three, path):
    path.write_text('{"claim": "an earlier run"}\n')
    # The order of claims is that of the list, not of time.
    kept(path, three, measured=three[2:])
    kept(path, three, measured=three[:1])
    again = records.Records(path, three, 0)
    assert list(again.outcomes()) == ["dlgn.1", "tian.1"]
    drawn = again.outcomes()["tian.1"].measurement.values["drawn"]
    assert drawn == three[2].generator(0).random()
    assert read(path) == [{"claim": "an earlier run"}]
    again.write(runner.measure(three[1]))
    again.finish()
    found = [r["claim"] for r in read(path)]
    assert found == ["dlgn.1", "dlgn.2", "tian.1"]
    assert [p.name for p in path.parent.iterdir()] == ["claims.jsonl"]


def test_two_at_once_both_end_with_all_that_they_measured(three, path):
    both = [records.Records(path, three, 0) for _ in range(2)]
    for each in both:
        for claim in three:
            each.write(runner.measure(claim))
    for each in both:
        each.finish()
        found = [r["claim"] for r in read(path)]
        assert found == ["dlgn.1", "dlgn.2", "tian.1"]


def test_another_seed_or_other_claims_start_anew(three, path):
    kept(path, three, measured=three[:1])
    assert not records.Records(path, three[1:], 0).outcomes()
    kept(path, three, measured=three[:1])
    assert not records.Records(path, three, 1).outcomes()


def test_what_is_not_gone_on_with_is_kept_beside(three, path):
    assert kept(path, three, measured=three[:1]).set_aside is None
    assert records.Records(path, three, 0).set_aside is None
    partial = path.with_name("claims.jsonl.partial")
    text = partial.read_text()
    second = kept(path, three, 1, three[:1])
    third = records.Records(path, three[1:], 1)
    assert third.set_aside == f"{partial}.2"
    assert pathlib.Path(second.set_aside).read_text() == text
    assert [r["seed"] for r in read(pathlib.Path(third.set_aside))] == [1]


def nothing_there(rng):
    raise NotMeasured("no table")


def test_verdicts_are_kept(register, path):
    found = {"dlgn.1": True, "dlgn.2": False, "dlgn.3": None}
    for claim_id, holds in found.items():
        register(claim_id, lambda rng, h=holds: Measurement(h, "1"))
    register("dlgn.4", nothing_there)
    claims = registry.claims()
    kept(path, claims)
    again = records.Records(path, claims, 0)
    expected = ["holds", "does not hold", "not decided", "not measured"]
    assert [o.verdict for o in again.outcomes().values()] == expected
    again.finish()
    assert [records.verdict(r) for r in read(path)] == expected
    assert [r["holds"] for r in read(path)] == [True, False, None, None]


def test_records_from_before_there_were_three_verdicts():
    verdicts = [records.verdict({"holds": h}) for h in (True, False, None)]
    assert verdicts == ["holds", "does not hold", "not measured"]


def test_an_update_keeps_the_other_claims(three, path):
    old = {"holds": True, "seed": 7}
    before = [{"claim": c, **old} for c in ("tian.1", "dlgn.2", "gone.1")]
    text = "".join(f"{json.dumps(record)}\n" for record in before)
    path.write_text(text)
    update = records.Records(path, three[:2], 0, update=True)
    assert not update.outcomes()
    for claim in three[:2]:
        update.write(runner.measure(claim))
    assert path.read_text() == text
    update.finish()
    found = [(r["claim"], r["seed"]) for r in read(path)]
    assert found == [("dlgn.1", 0), ("dlgn.2", 0), ("tian.1", 7)]


def test_an_update_of_nothing_is_refused(three, path):
    with pytest.raises(UserError, match=r"claims.jsonl, No such file"):
        records.Records(path, three, 0, update=True)
    assert not list(path.parent.iterdir())


def test_claims_that_read_results_are_measured_again(register, path):
    register("dlgn.1")
    register("dlgn.2", lambda *_: Measurement(None, ""), reads_results=True)
    claims = registry.claims()
    kept(path, claims)
    again = records.Records(path, claims, 0)
    assert list(again.outcomes()) == ["dlgn.1"]
    assert again.set_aside is None


@pytest.mark.parametrize(
    "text", ["{", "[]\n", '{"claims": 3}\n', "\x00", "[" * 100_000]
)
def test_a_file_of_something_else_is_refused(three, path, text):
    partial = path.with_name("claims.jsonl.partial")
    partial.write_text(text)
    with pytest.raises(UserError, match=r"Received: .*claims.jsonl.partial, "):
        records.Records(path, three, 0)
    assert partial.read_text() == text


def test_a_path_that_cannot_be_written_is_refused(three, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="Received: --output=.*file/claims"):
        records.Records(tmp_path / "file" / "claims.jsonl", three, 0)


def test_a_directory_is_refused_before_anything_is_measured(three, tmp_path):
    with pytest.raises(UserError, match="--output=.*, Is a directory"):
        records.Records(tmp_path, three, 0)
    assert not tmp_path.with_name(f"{tmp_path.name}.partial").exists()


def test_the_page_counts_and_lists(register, path):
    register("dlgn.1")
    register("dlgn.2", lambda rng: Measurement(False, "|x| is 2", {}))
    register("dlgn.3", lambda rng: Measurement(None, "", {}))
    register("dlgn.4", nothing_there)
    register("tian.1", scale="accelerator")
    claims = registry.claims()
    kept(path, claims, measured=claims[:4]).finish()
    text = page.page(records.read(path), claims)
    lines = text.splitlines()
    header = "holds | does not hold | not decided | not measured | not run"
    assert f"| paper | {header} |" in lines
    assert "| dlgn | 1 | 1 | 1 | 1 | 0 |" in lines
    assert "| tian | 0 | 0 | 0 | 0 | 1 |" in lines
    rows = [line for line in lines if line.startswith(("| dlgn.", "| tian."))]
    verdicts = [row.split(" | ")[4].strip("*") for row in rows]
    assert verdicts == header.split(" | ")
    # As many columns in each row, whatever its text has in it.
    assert {row.replace("\\|", "").count("|") for row in rows} == {8}
    assert r"\|x\| is 2" in rows[1]
    assert "- seed: 0" in lines


@pytest.mark.parametrize(
    "change",
    [
        {"claim": ["x"]},
        {"claim": None},
        {"seed": "0"},
        {"seconds": "1"},
        {"seconds": None},
        {"measured": {"a": 1}},
        {"values": []},
        {"holds": [True]},
        {"holds": "yes"},
        {"verdict": "perhaps"},
        {"verdict": 3},
        {"commit": 7},
    ],
    ids=str,
)
def test_odd_records_are_refused_by_file_and_line(change, three, path):
    """Each field as something else, and left out."""
    kept(path, three).finish()
    good = read(path)
    bad = {**good[1], **change}
    lacking = {k: v for k, v in good[1].items() if k not in change}
    cases = [bad] if "verdict" in change else [bad, lacking]
    for odd in cases:
        lines = map(json.dumps, (good[0], odd, good[2]))
        path.write_text("\n".join(lines))
        (name,) = change
        with pytest.raises(UserError, match=f"(?i){path}, line 2: .*{name}"):
            records.read(path)


def test_verdicts_link_to_their_reasons(tmp_path):
    (tmp_path / "why.md").write_text("# Why\n\n## own.1\n\nNo.\n\n## Other\n")
    (tmp_path / "out").mkdir()
    links = page.reasons(tmp_path / "why.md", tmp_path / "out")
    assert links == {"own.1": "../why.md#own1"}
    assert page.reasons(tmp_path / "none.md", tmp_path) == {}

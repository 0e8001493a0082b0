"""A share of the attacks of tools/attack, and attacks that must be noticed."""

import os
import pathlib
import signal
import time

import pytest

from dlgn_tf.command import fields
from dlgn_tf.errors import UserError


@pytest.fixture
def tool(load_tool):
    return load_tool("attack")


@pytest.fixture
def attack(tool, tmp_path):
    """A function that attacks in this process; counts and faults."""

    def attack(*words):
        command = fields.parse(tool.Command, words)
        tool.victims.make(tmp_path / "victims")
        numbers = range(command.first, command.first + command.count)
        return tool.counted(
            (
                number,
                tool.outcomes.drawn(command, number)[1],
                *tool.outcomes.of_attack(command, number, tmp_path),
            )
            for number in numbers
        )

    return attack


def test_none_of_a_share_is_a_fault(attack):
    counts, faults = attack("--count=50", "--seed=2026")
    assert not faults
    outcomes = sum(counts.values(), type(next(iter(counts.values())))())
    assert outcomes["refused"] > 20 and outcomes["worked"] > 5


def _compute(place):
    while True:
        pass


def _wait(place):
    time.sleep(30)


def _write_outside(place):
    (place.outside / "written").write_text("")


def _write_here(place):
    pathlib.Path("written").write_text("")


def _lose(place):
    from attacks.storage import Lost

    raise Lost("a line")


def _take_memory(place):
    bytearray(2**33)


def _swallow_memory(place):
    """As a reader that makes a line of whatever is raised."""
    try:
        bytearray(2**33)
    except MemoryError as error:
        raise UserError("Expected a file. Received: another") from error


def _raise(place):
    raise KeyError("name")


def _read_nothing(place):
    os.stat(place.folder / "nothing")


@pytest.mark.parametrize(
    "outcome, how",
    [
        ("hang", _compute),
        ("hang", _wait),
        ("outside", _write_outside),
        ("outside", _write_here),
        ("lost", _lose),
        ("memory", _take_memory),
        ("memory", _swallow_memory),
        ("traceback", _raise),
        ("refused", _read_nothing),
    ],
)
def test_faults_are_noticed(outcome, how, attack, tool, monkeypatch):
    """Attacks can succeed: readers that err are told from others."""
    monkeypatch.setattr(tool.victims, "make", lambda folder: None)
    kind = {"control": lambda rng, place: lambda: how(place)}
    monkeypatch.setattr(tool.outcomes.kinds, "KINDS", kind)
    monkeypatch.setattr(tool.outcomes, "_WAITING", 2)
    counts, faults = attack("--count=1", "--seconds=1")
    assert counts["control"] == {outcome: 1}
    assert bool(faults) == (outcome in tool.outcomes.FAULTS)


def _attack(number):
    """The third of a process dies, the fifth does not come back."""
    if number == 2:
        os.write(2, b"a last word\n")
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 4:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
        time.sleep(60)
    return "worked", ""


def test_processes_that_die_or_hang_end_one_attack_alone(tool, monkeypatch):
    monkeypatch.setattr(tool.forks, "_MORE", 0.5)
    found = list(tool.forks.outcomes(_attack, range(7), share=3, seconds=0))
    assert [number for number, *_ in found] == list(range(7))
    kinds = {number: kind for number, kind, _ in found if kind != "worked"}
    assert kinds == {2: "crash", 4: "hang"}
    assert f"status {-signal.SIGKILL} a last word" in found[2]


def test_runs_with_other_bits_are_told_apart(tool, tmp_path):
    differences = tool.trainings.differences
    assert differences({"a": b"1", "b": b"2"}, {"a": b"1", "b": b"2"}) == ""
    assert differences({"a": b"1"}, {"a": b"0", "c": b""}) == "a, c"

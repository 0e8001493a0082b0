"""A share of the attacks of tools/attack, and attacks that must be noticed."""

import os
import pathlib
import time

import pytest

from dlgn_tf.command import fields


@pytest.fixture
def tool(load_tool):
    return load_tool("attack")


@pytest.fixture
def attack(tool):
    """A function that attacks with flags; counts and faults."""

    def attack(*words):
        return tool.attacked(fields.parse(tool.Command, words))

    return attack


def test_none_of_a_share_is_a_fault(attack):
    counts, faults = attack("--count=50", "--seed=2026")
    assert not faults
    outcomes = sum(counts.values(), type(next(iter(counts.values())))())
    assert outcomes["refused"] > 20 and outcomes["worked"] > 5


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


def _raise(place):
    raise KeyError("name")


def _read_nothing(place):
    os.stat(place.folder / "nothing")


@pytest.mark.parametrize(
    "outcome, how",
    [
        ("hang", _wait),
        ("outside", _write_outside),
        ("outside", _write_here),
        ("lost", _lose),
        ("memory", _take_memory),
        ("traceback", _raise),
        ("refused", _read_nothing),
    ],
)
def test_faults_are_noticed(outcome, how, attack, tool, monkeypatch):
    """Attacks can succeed: readers that err are told from others."""
    monkeypatch.setattr(tool.victims, "make", lambda folder: None)
    kind = {"control": lambda rng, place: lambda: how(place)}
    monkeypatch.setattr(tool.kinds, "KINDS", kind)
    counts, faults = attack("--count=1", "--seconds=1")
    assert counts["control"] == {outcome: 1}
    assert bool(faults) == (outcome in tool.FAULTS)

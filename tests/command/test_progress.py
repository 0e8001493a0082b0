"""Progress on a terminal and elsewhere."""

import io
import re
import sys

import pytest

from dlgn_tf.command import progress
from dlgn_tf.command.progress import Progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Clock:
    now = 100.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress.time, "perf_counter", clock.perf_counter)
    return clock


class Printed:
    """What came on standard output, which is no terminal."""

    def __init__(self, capsys):
        self.capsys, self.text = capsys, ""

    def getvalue(self):
        self.text += self.capsys.readouterr().out
        return self.text


@pytest.fixture
def stream(capsys):
    return Printed(capsys)


def test_plain_lines_where_asked(clock, stream):
    shown = Progress("training", 10, 50)
    shown.update(15, {"loss": 1.0})
    assert stream.getvalue() == ""
    clock.now += 5
    shown.update(20, {"loss": 0.123456, "images/s": 1234}, line=True)
    shown.update(30, {"loss": 0.1})
    clock.now += 3
    shown.update(50, {"loss": 2.0}, line=True)
    # 10 steps took 5 s, so the 30 left take 15 s.
    assert stream.getvalue().splitlines() == [
        "training: step 20/50  loss 0.1235  images/s 1234  5 s, 15 s left",
        "training: step 50/50  loss 2  8 s, 0 s left",
    ]


def test_a_line_after_a_long_silence(clock, stream):
    shown = Progress("evaluation", 0, 9, unit="batch")
    clock.now += 29
    shown.update(1)
    assert stream.getvalue() == ""
    clock.now += 2
    shown.update(2)
    clock.now += 29
    shown.update(3)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("evaluation: batch 2/9")


def test_first_update_at_the_start_itself(clock, stream):
    clock.now += 1
    Progress("training", 7, 9).update(7, line=True)
    assert "step 7/9" in stream.getvalue()


def test_bar_on_a_terminal(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    shown = Progress("training", 100, 104)
    for step in range(101, 105):
        shown.update(step, {"loss": step / 100, "error": 0.25}, line=True)
    text = terminal.getvalue()
    assert text.startswith("training, step 100 to 104\n")
    # The bar counts what this start has to do.
    assert "4/4" in text
    assert "training: step" not in text
    # The last value itself, not a mean over updates.
    losses = re.findall(r"loss: ([\d.]+)", text)
    assert float(losses[-1]) == pytest.approx(1.04)


def test_silent(capsys):
    shown = Progress("training", 0, 2, silent=True)
    shown.update(2, {"loss": 1.0}, line=True)
    assert capsys.readouterr().out == ""

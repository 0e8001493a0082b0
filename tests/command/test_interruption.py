"""Signals are noted, and each ends a process once."""

import os
import signal

import pytest

from dlgn_tf.command import interruption
from dlgn_tf.command.interruption import Interruption

BOTH = (signal.SIGTERM, signal.SIGINT)


def send(*numbers):
    for number in numbers:
        os.kill(os.getpid(), number)


@pytest.mark.parametrize("numbers", [BOTH, BOTH[::-1]])
def test_two_signals_at_once_are_one(numbers, capsys):
    """A process group gets SIGINT of its terminal and SIGTERM of its parent."""
    before = [signal.getsignal(x) for x in numbers]
    # Python runs the handlers of both one after another.
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    with Interruption() as noted:
        send(*numbers)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)
        assert noted.signal in numbers
    assert [signal.getsignal(x) for x in numbers] == before
    assert "ignored due to race" not in capsys.readouterr().err


def test_another_signal_later_acts_as_ever(monkeypatch):
    monkeypatch.setattr(interruption, "_AT_ONCE", -1.0)
    with pytest.raises(KeyboardInterrupt), Interruption():
        send(signal.SIGTERM)
        send(signal.SIGINT)


def test_the_same_signal_again_is_not_pythons():
    """So it ends what waits in code that is none, too."""
    before = signal.getsignal(signal.SIGTERM)
    with Interruption() as noted:
        assert signal.getsignal(signal.SIGTERM) != before
        send(signal.SIGTERM)
        assert noted.signal == signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) == before


def test_the_same_signal_again_acts_at_once():
    with pytest.raises(KeyboardInterrupt), Interruption():
        send(signal.SIGINT)
        send(signal.SIGINT)


@pytest.mark.parametrize("ignored", [False, True])
def test_a_terminal_that_goes_away(ignored):
    """Behind nohup it is nothing."""
    before = signal.getsignal(signal.SIGHUP)
    # Tests may run behind nohup themselves.
    signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        with Interruption() as noted:
            send(signal.SIGHUP)
            assert noted.signal == (None if ignored else signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)

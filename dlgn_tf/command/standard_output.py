"""Standard output that is closed, or that nobody reads any more."""

import os
import select
import sys

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def open_closed():
    """Opens standard streams that are closed; they lead nowhere.

    Else the first files that a command opens would take their numbers, and get
    what is printed.
    """
    for number, (name, mode) in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            # It is the lowest number that is free.
            descriptor = os.open(os.devnull, os.O_RDWR)
            stream = open(descriptor, mode, closefd=number != descriptor)
            setattr(sys, name, stream)


def is_broken():
    """Whether nothing can be printed, as on a full disk.

    If so, what is printed from now on goes nowhere and raises nothing; else an
    empty line is printed.
    """
    try:
        # Flushed alone, what has failed once is dropped without a word.
        print(flush=True)
    except OSError:
        _discard()
        return True
    return False


def abandoned():
    """Whether the reader of what is printed has left, as behind `| head`.

    If so, what is printed from now on goes nowhere and raises nothing.
    """
    poll = select.poll()
    try:
        poll.register(sys.stdout.fileno(), 0)
    except (AttributeError, OSError, ValueError):
        # None, closed, or no file of the system's.
        return False
    gone = select.POLLERR | select.POLLHUP
    if not any(state & gone for _, state in poll.poll(0)):
        return False
    _discard()
    return True


def _discard():
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)

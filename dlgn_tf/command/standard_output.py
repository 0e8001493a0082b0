"""Standard output that nobody reads any more."""

import os
import select
import sys


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
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
    return True

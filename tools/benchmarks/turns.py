"""Functions are timed by turns, so that what slows the machine slows all."""

import time


def timed(function):
    """Seconds that a function takes."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def by_turns(rounds, *functions):
    """Runs each once to warm up, then all by turns, see `rounds_of`."""
    for function in functions:
        function()
    return rounds_of(rounds, *functions)


def rounds_of(rounds, *functions):
    """List with a tuple of seconds, one of each function, a round."""
    return [tuple(map(timed, functions)) for _ in range(rounds)]

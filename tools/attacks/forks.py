"""Attacks in processes of their own, forked from one that has imported Keras.

TensorFlow computes nothing in the first process: what it starts then does not
live on in a fork.
"""

import multiprocessing
import os
import signal
import tempfile
import traceback

# Seconds beyond those of an attack, for what goes on around it.
_MORE = 10


def call(function):
    """Calls a function in a process; returns its exit status, of a signal < 0.

    What it returns is the status, of None 0; a traceback is shown.
    """
    child = os.fork()
    if not child:
        status = 1
        try:
            status = function() or 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else bool(end.code)
        except BaseException:
            traceback.print_exc()
        finally:
            # TensorFlow's threads are not waited for.
            os._exit(status)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def outcomes(attack, numbers, share, seconds):
    """Yields each number with its outcome and what is said of it.

    Args:
        attack: Function of a number that returns both.
        numbers: Iterable of integers.
        share: How many attacks share a process, one after another.
        seconds: After which an attack that does not end itself is ended.
    """
    left = list(numbers)
    while left:
        done = 0
        for result in _of_one(attack, left[:share], seconds + _MORE):
            done += 1
            yield result
        left = left[done:]


def _of_one(attack, numbers, seconds):
    """Those of one process; the one at which it dies is a fault."""
    receiving, sending = multiprocessing.Pipe(duplex=False)
    said, done = tempfile.TemporaryFile(), 0
    child = os.fork()
    if not child:
        os.dup2(said.fileno(), 2)
        _attack_all(attack, numbers, sending)
    sending.close()
    try:
        while done < len(numbers) and receiving.poll(seconds):
            yield numbers[done], *receiving.recv()
            done += 1
        end = "hang", f"ended after {seconds:g} s"
    except EOFError:
        end = "crash", _last_line(said)
    finally:
        # It may have ended; it is still a child of this one.
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    if done < len(numbers):
        kind, line = end
        code = os.waitstatus_to_exitcode(status)
        yield numbers[done], kind, f"status {code} {line}"


def _attack_all(attack, numbers, sending):
    status = 1
    try:
        for number in numbers:
            sending.send(attack(number))
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _last_line(file):
    file.seek(0)
    lines = file.read().decode(errors="replace").split("\n")
    return next((x.strip()[:200] for x in reversed(lines) if x.strip()), "")

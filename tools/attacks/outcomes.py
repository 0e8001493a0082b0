"""How one attack ends: refused in a line, worked, or as a fault."""

import contextlib
import io
import os
import pathlib
import random
import resource
import shutil
import signal
import time
import traceback

from absl import flags as absl_flags

# Its kinds are added where it is imported.
from attacks import kinds, readers, storage  # noqa: F401
from dlgn_tf.errors import UserError

FINE = ("refused", "worked")
FAULTS = ("traceback", "hang", "memory", "outside", "lost", "crash")
_GIB = 2**30
# On a busy machine what computes waits for its turn.
_WAITING = 10
_NO_MEMORY = ("MemoryError", "ResourceExhaustedError")


class _Hang(BaseException):
    """An attack took too long."""


def longest(command):
    """Seconds after which an attack would have ended itself."""
    return _WAITING * command.seconds


def drawn(command, number):
    """The generator of an attack, and its kind."""
    rng = random.Random(f"{command.seed}:{number}")
    return rng, rng.choice(command.only or sorted(kinds.KINDS))


def of_attack(command, number, root):
    """The outcome of one attack in this process, and what there is to say.

    Args:
        command: The tool's flags.
        number: Integer.
        root: `pathlib.Path` of a folder that holds `victims`.
    """
    rng, name = drawn(command, number)
    folder, outside = root / "attack", root / "outside"
    for each in (folder, outside):
        shutil.rmtree(each, ignore_errors=True)
        each.mkdir()
    (outside / "kept").write_text("kept")
    before = _seen(outside)
    place = kinds.Place(root / "victims", folder, outside)
    call = kinds.KINDS[name](rng, place)
    here = os.getcwd()
    os.chdir(outside)
    try:
        outcome = _outcome(call, command)
    finally:
        os.chdir(here)
    if _seen(outside) != before:
        return "outside", f"{sorted(x.name for x in outside.iterdir())}"
    return outcome


def _seen(folder):
    return {
        path: (path.lstat().st_mtime_ns, path.is_file() and path.read_bytes())
        for path in (folder, *folder.rglob("*"))
    }


def _outcome(call, command):
    """Calls what reads; what becomes of it, as a command would end."""
    began, used = time.monotonic(), time.process_time()
    try:
        with _bounds(command), contextlib.redirect_stdout(io.StringIO()):
            call()
    except _Hang:
        return "hang", f"{time.process_time() - used:.0f} s of a processor"
    except BaseException as error:
        outcome = _kind(error), _where(error)
    else:
        outcome = "worked", ""
    waited = time.monotonic() - began > _WAITING * command.seconds
    if waited or time.process_time() - used > command.seconds:
        return "hang", "something swallowed the time limit"
    return outcome


def _kind(error):
    # Whoever makes a line of it has asked for the memory all the same.
    if {type(x).__name__ for x in _causes(error)} & {*_NO_MEMORY}:
        return "memory"
    if isinstance(error, storage.Lost):
        return "lost"
    told = isinstance(error, UserError | absl_flags.Error)
    of_system = isinstance(error, OSError) and error.errno is not None
    return "refused" if told or of_system else "traceback"


def _causes(error):
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _where(error):
    """An exception and the last place of this package that it went through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [x for x in frames if "dlgn_tf" in x.filename] or frames
    words = " ".join(str(error).split())[:160]
    name = "/".join(pathlib.Path(ours[-1].filename).parts[-2:])
    return f"{name}:{ours[-1].lineno} {type(error).__name__}: {words}"


@contextlib.contextmanager
def _bounds(command):
    """Bounds on a processor's time, on waiting, and on address space."""

    def late(number, frame):
        raise _Hang

    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = used + int(command.more_gib * _GIB)
    caught = (signal.SIGALRM, signal.SIGPROF)
    handlers = [(number, signal.signal(number, late)) for number in caught]
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    signal.setitimer(signal.ITIMER_REAL, _WAITING * command.seconds)
    signal.setitimer(signal.ITIMER_PROF, command.seconds)
    try:
        yield
    finally:
        for timer in (signal.ITIMER_REAL, signal.ITIMER_PROF):
            signal.setitimer(timer, 0)
        resource.setrlimit(resource.RLIMIT_AS, before)
        for number, handler in handlers:
            signal.signal(number, handler)

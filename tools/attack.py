"""Attacks readers with hostile files, flags and names; see SECURITY.md.

  tools/attack --count=10000 --seed=1
  tools/attack --count=1 --first=713 --seed=1

Each attack follows from the seed and its number. It takes place in this
process, in a folder of its own, and ends refused in a line, worked, or as a
fault: a traceback, a hang, memory without bound, a write outside, or a loss of
what had been written. The table counts them by kind; the exit status is 1 if
there was any fault.
"""

import collections
import contextlib
import dataclasses
import io
import os
import pathlib
import random
import resource
import shutil
import signal
import tempfile
import time
import traceback

from absl import flags as absl_flags
from attacks import kinds, storage, victims

from dlgn_tf.command import cli, fields, startup
from dlgn_tf.command.fields import flag
from dlgn_tf.errors import UserError

FINE = ("refused", "worked")
FAULTS = ("traceback", "hang", "memory", "outside", "lost")
_GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this tool."""

    count: int = flag(1000, "How many attacks.", least=1)
    first: int = flag(0, "Number of the first of them.", least=0)
    seed: int = flag(0, "All follow from it.", least=0)
    only: tuple[str, ...] | None = flag(None, "Comma-separated kinds.")
    seconds: float = flag(20.0, "An attack that takes longer hangs.", least=1)
    more_gib: float = flag(4.0, "Memory beyond this is without bound.", least=1)


class _Hang(BaseException):
    """An attack took too long."""


def run(command):
    counts, told = attacked(command)
    width = max(map(len, counts))
    print(" ".join([" " * width, *(f"{x:>10}" for x in FINE + FAULTS)]))
    for name, found in sorted(counts.items()):
        cells = [f"{found[x]:>10}" for x in FINE + FAULTS]
        print(" ".join([f"{name:<{width}}", *cells]))
    return int(bool(told))


def attacked(command):
    """Counts of outcomes by kind, and a line for each fault."""
    startup.import_keras()
    counts = collections.defaultdict(collections.Counter)
    told = []
    with tempfile.TemporaryDirectory(prefix="attack_") as root:
        root = pathlib.Path(root)
        source = root / "victims"
        victims.make(source)
        for number in range(command.first, command.first + command.count):
            rng = random.Random(f"{command.seed}:{number}")
            name = rng.choice(command.only or sorted(kinds.KINDS))
            outcome, said = _one(command, rng, name, source, root)
            counts[name][outcome] += 1
            if outcome in FAULTS:
                told.append(f"{number} {name}: {outcome}, {said}")
                print(told[-1], flush=True)
    return counts, told


def _one(command, rng, name, source, root):
    """The outcome of one attack, and what there is to say of it."""
    folder, outside = root / "attack", root / "outside"
    for each in (folder, outside):
        shutil.rmtree(each, ignore_errors=True)
        each.mkdir()
    (outside / "kept").write_text("kept")
    before = _seen(outside)
    call = kinds.KINDS[name](rng, kinds.Place(source, folder, outside))
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
    began = time.monotonic()
    try:
        with _bounds(command), contextlib.redirect_stdout(io.StringIO()):
            call()
    except (UserError, absl_flags.Error) as error:
        outcome = "refused", str(error)
    except _Hang:
        return "hang", f"more than {command.seconds:g} s"
    except storage.Lost as error:
        return "lost", str(error)
    except MemoryError as error:
        return "memory", _where(error)
    except OSError as error:
        kind = "traceback" if error.errno is None else "refused"
        outcome = kind, _where(error)
    except BaseException as error:
        outcome = "traceback", _where(error)
    else:
        outcome = "worked", ""
    if time.monotonic() - began > command.seconds:
        return "hang", "something swallowed the time limit"
    return outcome


def _where(error):
    """An exception and the last place of this package that it went through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [x for x in frames if "dlgn_tf" in x.filename] or frames
    words = " ".join(str(error).split())[:160]
    name = "/".join(pathlib.Path(ours[-1].filename).parts[-2:])
    return f"{name}:{ours[-1].lineno} {type(error).__name__}: {words}"


@contextlib.contextmanager
def _bounds(command):
    """Bounds on time and on address space."""

    def late(number, frame):
        raise _Hang

    with open("/proc/self/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    most = used + int(command.more_gib * _GIB)
    handler = signal.signal(signal.SIGALRM, late)
    resource.setrlimit(resource.RLIMIT_AS, (most, before[1]))
    signal.setitimer(signal.ITIMER_REAL, command.seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, before)
        signal.signal(signal.SIGALRM, handler)


if __name__ == "__main__":
    cli.run(run, "tools/attack", __doc__, Command)

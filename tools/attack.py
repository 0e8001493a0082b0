"""Attacks readers with hostile files, flags and names; see SECURITY.md.

  tools/attack --count=10000 --seed=1
  tools/attack --count=1 --first=713 --seed=1
  tools/attack --count=0 --kills=200 --faults=300 --worker_kills=20

Each attack follows from the seed and its number. It takes place in a folder of
its own and in a process that some attacks share, and ends refused in a line,
worked, or as a fault: a traceback, a hang, memory without bound, a write
outside, a loss of what had been written, or the death of the process. --kills
and --faults are trainings that are killed, or whose disk fails, and then
started again; they must end with the bits of one that was let alone. The table
counts outcomes by kind; the exit status is 1 if there was any fault.
"""

import collections
import dataclasses
import functools
import pathlib
import tempfile
import time

from attacks import forks, outcomes, trainings, victims

from dlgn_tf.command import cli, fields, startup
from dlgn_tf.command.fields import flag


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this tool."""

    count: int = flag(1000, "How many attacks.", least=0)
    first: int = flag(0, "Number of the first of them.", least=0)
    seed: int = flag(0, "All follow from it.", least=0)
    only: tuple[str, ...] | None = flag(None, "Comma-separated kinds.")
    seconds: float = flag(
        20.0,
        "An attack that takes longer of a processor, or ten times as long by "
        "the clock, hangs.",
        least=1,
    )
    more_gib: float = flag(4.0, "Memory beyond this is without bound.", least=1)
    share: int = flag(50, "How many attacks share a process.", least=1)
    kills: int = flag(0, "How many trainings are killed.", least=0)
    faults: int = flag(0, "How many trainings have a disk fail.", least=0)
    worker_kills: int = flag(
        0, "How many trainings lose one of their two workers.", least=0
    )


def run(command):
    trainings.load_faults(command)
    began = time.monotonic()
    startup.import_keras()
    with tempfile.TemporaryDirectory(prefix="attack_") as root:
        root = pathlib.Path(root)
        counts, told = counted(attacks(command, root))
        more, told_more = counted(trainings.attacks(command, root / "runs"))
    print(table(counts | more))
    total = sum(sum(each.values()) for each in (counts | more).values())
    seconds = time.monotonic() - began
    print(f"{total} attacks in {seconds:.0f} s")
    return int(bool(told or told_more))


def attacks(command, root):
    """Yields a number, its kind, its outcome and what is said of it."""
    if not command.count:
        return
    if forks.call(lambda: victims.make(root / "victims")):
        raise RuntimeError("the victims could not be made")
    attack = functools.partial(outcomes.of_attack, command, root=root)
    numbers = range(command.first, command.first + command.count)
    for number, *outcome in forks.outcomes(
        attack, numbers, command.share, outcomes.longest(command)
    ):
        yield number, outcomes.drawn(command, number)[1], *outcome


def counted(attacked):
    """Counts of outcomes by kind, and a line for each fault."""
    counts = collections.defaultdict(collections.Counter)
    told = []
    for number, name, outcome, said in attacked:
        counts[name][outcome] += 1
        if outcome in outcomes.FAULTS:
            told.append(f"{number} {name}: {outcome}, {said}")
            print(told[-1], flush=True)
    return counts, told


def table(counts):
    width = max(map(len, counts), default=0)
    columns = outcomes.FINE + outcomes.FAULTS
    lines = [[" " * width, *(f"{x:>10}" for x in columns)]]
    for name, found in sorted(counts.items()):
        cells = [f"{found[x]:>10}" for x in columns]
        lines.append([f"{name:<{width}}", *cells])
    return "\n".join(map(" ".join, lines))


if __name__ == "__main__":
    cli.run(run, "tools/attack", __doc__, Command)

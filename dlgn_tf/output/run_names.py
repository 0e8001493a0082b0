"""Names of what a run keeps in its directory. Imports nothing heavy."""

import os
import pathlib

FLAGS = "flags.txt"
DATA = "data.json"
NETWORK = "network.json"
CHECKPOINTS = "checkpoints"
METRICS = "metrics.jsonl"
MODEL = "model.keras"
BEST = "best.keras"
SNAPSHOTS = "snapshots"
EVENTS = ("train", "test")
LOCK = "lock"
PERMUTATION = "permutation-"
PERMUTATIONS = "permutations.csv"
ORIGIN = "origin.json"
# Of a run of a table.
SECONDS = "seconds.json"
LOG = "log.txt"

_ALL = (FLAGS, DATA, CHECKPOINTS, METRICS, MODEL, BEST, SNAPSHOTS, *EVENTS)
_ALL += (NETWORK, LOCK, PERMUTATIONS, ORIGIN, SECONDS, LOG)
# Beside its flags, of a copy that may be without its checkpoints.
_WITH_FLAGS = (CHECKPOINTS, METRICS, MODEL, BEST)


def is_run(folder):
    """Whether a folder holds the flags of a run and something that it made."""
    try:
        names = os.listdir(folder)
    # Whoever writes or reads there says what is wrong with it.
    except OSError:
        return False
    return FLAGS in names and any(
        name in _WITH_FLAGS or name.startswith(PERMUTATION) for name in names
    )


def owner(path):
    """The run directory that keeps what is written to a path, or None."""
    path = pathlib.Path(path)
    # A file takes the place of a link, in a folder links are followed.
    parent = pathlib.Path(os.path.realpath(path.parent))
    for place in (parent / path.name, pathlib.Path(os.path.realpath(path))):
        for folder in place.parents:
            name = place.relative_to(folder).parts[0].removeprefix(".partial.")
            if name in _ALL and is_run(folder):
                return folder
    return None

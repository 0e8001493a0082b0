"""What a run was made with: commit, backend, versions, machine."""

import contextlib
import dataclasses
import functools
import importlib.metadata
import json
import os
import pathlib
import platform
import shlex
import subprocess
import sys

from dlgn_tf.command import startup
from dlgn_tf.errors import UserError
from dlgn_tf.output import elsewhere, files, run_names

# What the commands left that wrote into a folder.
COMMANDS = "commands.json"

_PACKAGES = ("tensorflow", "jax", "keras", "numpy")
_UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True)
class Origin:
    """What a run was made with; several values are joined by " / ".

    Attributes:
        commit: Of the repository, and whether files differ from it.
        backend: Of Keras.
        versions: Of Python and the packages that compute.
        machine: Processor, cores, GPUs.
    """

    commit: str = _UNKNOWN
    backend: str = _UNKNOWN
    versions: str = _UNKNOWN
    machine: str = _UNKNOWN


@functools.cache
def here():
    """The `Origin` of what this process makes; looked up once."""
    versions = [f"python {platform.python_version()}"]
    for package in _PACKAGES:
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
        versions.append(f"{package} {version}")
    return Origin(
        commit=_commit(),
        backend=startup.backend(),
        versions=", ".join(versions),
        machine=", ".join([processor(), f"{os.cpu_count()} cores", *_gpus()]),
    )


def command_line():
    """What this process was called with, as one types it."""
    return shlex.join(["python", *sys.orig_argv[1:]])


def note_command(folder, command=None):
    """Notes in a folder which command wrote there, and what it was made with.

    `commands.json` has a line for each command that wrote there, by default
    that of this process; the same one once more takes the place of its line.

    Raises:
        UserError: if the file is damaged or cannot be written.
    """
    file = pathlib.Path(folder) / COMMANDS
    known = read_commands(file) if file.exists() else {}
    known[command or command_line()] = here()
    with files.write_errors(folder):
        files.write_atomically(file, commands_text(known))


def read_commands(file):
    """What `note_command` left: dict from a command to its `Origin`.

    Raises:
        UserError: if the file is damaged.
    """
    with _damage_named(file):
        text = elsewhere.read_text(file)
        known = elsewhere.parse_json(text, {str: {str: str}})
        return {command: Origin(**made) for command, made in known.items()}


def commands_text(known):
    """What `read_commands` reads, as text."""
    fields = {
        command: dataclasses.asdict(made) for command, made in known.items()
    }
    return json.dumps(fields, indent=1) + "\n"


def note(directory, origin):
    """Adds to a `RunDirectory` what it is trained with, if that is new."""
    file = _file(directory)
    known = _noted(file)
    if origin not in known:
        fields = [dataclasses.asdict(one) for one in [*known, origin]]
        with files.write_errors(directory.path):
            files.write_atomically(file, json.dumps(fields, indent=1) + "\n")


def of_run(directory):
    """What a `RunDirectory` was made with, an `Origin`.

    Raises:
        UserError: if its file is damaged.
    """
    noted = _noted(_file(directory))
    if not noted:
        return Origin()
    by_field = {
        field.name: dict.fromkeys(getattr(one, field.name) for one in noted)
        for field in dataclasses.fields(Origin)
    }
    return Origin(
        **{key: " / ".join(values) for key, values in by_field.items()}
    )


def _noted(file):
    with _damage_named(file):
        text = elsewhere.read_text(file) if file.exists() else "[]"
        known = elsewhere.parse_json(text, [{str: str}])
        return [Origin(**one) for one in known]


@contextlib.contextmanager
def _damage_named(file):
    try:
        yield
    except (OSError, ValueError, TypeError) as error:
        raise UserError(
            f"Expected a list of commits and machines. Received: {file}, "
            f"{type(error).__name__}: {error}; mend or delete it"
        ) from error


def _file(directory):
    return directory.path / run_names.ORIGIN


def _commit():
    root = pathlib.Path(__file__).parents[2]
    commit = _output("git", "-C", str(root), "rev-parse", "HEAD")
    if not commit:
        return _UNKNOWN
    status = ("status", "--porcelain", "--", "dlgn_tf", "flags")
    changed = _output("git", "-C", str(root), *status)
    return commit + (", with changes" if changed else "")


def _gpus():
    query = ("--query-gpu=name", "--format=csv,noheader")
    return (_output("nvidia-smi", *query) or "").splitlines()


def _output(*command):
    """What a command prints, or None if it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def processor():
    """The processor's name, as the machine has it."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [x.split(":")[1].strip() for x in lines if "model name" in x]
    return names[0] if names else platform.processor()

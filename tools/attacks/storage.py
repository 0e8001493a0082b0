"""Disks that fail and kills, while a run writes what it keeps."""

import contextlib
import errno
import json
import os
import pathlib
import random
import signal
import time

from dlgn_tf.errors import UserError
from dlgn_tf.training.checkpoints import Checkpoints
from dlgn_tf.training.run_directory import RunDirectory

_CALLS = ("fsync", "replace", "open", "unlink")
_ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT)


class Lost(Exception):
    """Something that had been written is neither old nor new."""


@contextlib.contextmanager
def failing(rng):
    """One of the next calls of the file system fails, and all after it."""
    name, left = rng.choice(_CALLS), rng.randrange(6)
    real, number = getattr(os, name), rng.choice(_ERRORS)

    def call(*args, **kwargs):
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError(number, os.strerror(number))
        return real(*args, **kwargs)

    setattr(os, name, call)
    try:
        yield
    finally:
        setattr(os, name, real)


def write_metrics(rng, run):
    """Adds an evaluation while the disk fails."""
    directory = RunDirectory(run)
    before = directory.read_metrics()
    added = {"step": 10**6, "test_accuracy": 0.5, "test_images": 3}
    try:
        with failing(rng):
            directory.append_metrics(added)
    except UserError as error:
        refused = error
    else:
        refused = None
    found = directory.read_metrics()
    allowed = [[*before, added], before] if refused else [[*before, added]]
    if found not in allowed:
        raise Lost(f"{len(found)} lines of metrics instead of {len(before)}")
    if refused:
        raise refused


def _save(checkpoints, step):
    def write(prefix):
        for part in ("index", "data-00000-of-00001"):
            content = random.Random(step).randbytes(50_000)
            pathlib.Path(f"{prefix}.{part}").write_bytes(content)

    checkpoints.save(step, {"step": step}, write, 2)


def _newest(checkpoints, least):
    prefix, step, state = checkpoints.newest_good(lambda line: None)
    content = pathlib.Path(f"{prefix}.index").read_bytes()
    whole = content == random.Random(step).randbytes(50_000)
    if step < least or state != {"step": step} or not whole:
        raise Lost(f"step {step} instead of {least}, {json.dumps(state)}")


def save_checkpoints(rng, folder):
    """Saves checkpoints while the disk fails."""
    checkpoints, step = Checkpoints(folder), 1
    _save(checkpoints, step)
    try:
        with failing(rng):
            for step in (2, 3, 4):
                _save(checkpoints, step)
        step += 1
    finally:
        _newest(checkpoints, step - 1)


def kill_while_saving(rng, folder):
    """Kills a process that saves checkpoints one after another."""
    checkpoints = Checkpoints(folder)
    _save(checkpoints, 1)
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            for step in range(2, 10**6):
                _save(checkpoints, step)
        os._exit(1)
    time.sleep(rng.random() / 10)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    _newest(checkpoints, 1)
    step = max(checkpoints._steps())
    # The run goes on.
    _save(checkpoints, step + 1)
    _newest(checkpoints, step + 1)

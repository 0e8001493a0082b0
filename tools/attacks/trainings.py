"""Trainings that are killed, or whose disk fails, and are started again.

They must end with the bits of one that was let alone: its checkpoint, models,
metrics and curves.
"""

import contextlib
import ctypes
import errno
import io
import json
import os
import pathlib
import random
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile

import numpy as np
from absl import flags

from dlgn_tf.command import fields
from dlgn_tf.errors import UserError
from dlgn_tf.training import event_file

_SOURCE = pathlib.Path(__file__).with_name("faults.c")
_LIBRARY = "faults.so"
_ANEW = os.O_CREAT | os.O_TRUNC | os.O_WRONLY
CALLS = ("open", "write", "fsync", "rename", "close", "unlink")
_ERRORS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT)
_STEPS = 8
_FLAGS = (
    "--model=fc_dlgn",
    "--depth=2",
    "--width=4",
    "--dataset=digits",
    "--train_examples=64",
    "--optimizer=sgd",
    "--learning_rates=0.01",
    "--momentum=0.5",
    "--batch_size=16",
    "--eval_batch_size=360",
    f"--train_steps={_STEPS}",
    "--log_every=2",
    "--eval_every=4",
    "--checkpoint_every=2",
    "--snapshot_every=4",
    "--deterministic",
)
# Seconds, of a training of a moment on a busy machine.
_LONGEST = 300
# Statuses of one that met with a fault; 2 is that of a line that says it.
_ENDS = {"kill": (0, 2, -signal.SIGKILL), "disk": (0, 2)}


def load_faults(command):
    """Starts this program anew with faults.c before the C library, if needed.

    Raises:
        UserError: if there is no compiler.
    """
    asked = command.kills + command.faults + command.worker_kills
    if not asked or _loaded():
        return
    if shutil.which("cc") is None:
        raise UserError(
            "Expected a C compiler, cc, for --kills, --faults and "
            "--worker_kills. Received: none"
        )
    library = os.path.join(tempfile.mkdtemp(prefix="attack_"), _LIBRARY)
    flags = ("-O1", "-shared", "-fPIC", "-ldl")
    subprocess.run(["cc", str(_SOURCE), "-o", library, *flags], check=True)
    os.environ["LD_PRELOAD"] = library
    os.execv(sys.executable, [sys.executable, *sys.argv])


def _loaded():
    preloaded = os.environ.get("LD_PRELOAD", "")
    return preloaded if preloaded.endswith(_LIBRARY) else None


def attacks(command, root):
    """Yields a number, its kind, its outcome and what is said of it."""
    if not _loaded():
        return
    root.mkdir()
    try:
        for workers, asked in (
            (1, {"kill of a training": command.kills}),
            (1, {"disk of a training": command.faults}),
            (2, {"kill of a worker": command.worker_kills}),
        ):
            yield from _attacks(command, root, workers, *asked.items())
    finally:
        shutil.rmtree(os.path.dirname(_loaded()))


def _attacks(command, root, workers, asked):
    name, count = asked
    if not count:
        return
    trainings = _Trainings(root / name.replace(" ", "_"), workers)
    for number in range(command.first, command.first + count):
        rng = random.Random(f"{command.seed}:{name}:{number}")
        fault = trainings.disk if "disk" in name else trainings.kill
        yield number, name, *trainings.outcome(rng, fault)


class _Trainings:
    """Trainings of one or two workers, and one that was let alone."""

    def __init__(self, place, workers):
        self._place, self._workers = place, workers
        place.mkdir()
        whole, began = place / "whole", time.monotonic()
        codes = self._train(whole, [("", 2**40, 0, False)] * workers)
        if codes != [0] * workers:
            raise RuntimeError(self._said(0))
        self._seconds = time.monotonic() - began
        self._expected = kept(whole)
        # Only the first worker writes.
        self._counts = json.loads((place / "counts0").read_text())

    def outcome(self, rng, fault):
        """Trains with faults, then to the end; compares what is left."""
        run = self._place / "run"
        shutil.rmtree(run, ignore_errors=True)
        tried = []
        for _ in range(rng.choice((1, 1, 1, 2))):
            faults = [None] * self._workers
            tried.append(fault(rng))
            faults[rng.randrange(self._workers)] = tried[-1]
            if bad := self._bad(
                self._train(run, faults), _ENDS[fault.__name__]
            ):
                return bad[0], f"{bad[1]} after {tried}"
        if bad := self._bad(self._train(run, [None] * self._workers), (0,)):
            return bad[0], f"{bad[1]}, started again after {tried}"
        if unlike := differences(kept(run), self._expected):
            return "lost", f"{unlike} after {tried}"
        return "worked", ""

    def _bad(self, codes, fine):
        for worker, code in enumerate(codes):
            said = self._said(worker)
            words = " ".join(said.split()[-40:])
            if code is None:
                return "hang", f"worker {worker} after {_LONGEST} s, {words}"
            if code not in fine or "Traceback" in said:
                return "traceback", f"worker {worker}, status {code}, {words}"
        return None

    def kill(self, rng):
        """When, in seconds; or at which call of the file system."""
        if rng.random() < 0.4:
            return self._seconds * rng.random()
        return "", rng.randrange(sum(self._counts.values())), 0, False

    def disk(self, rng):
        """Which call fails, the how manieth, how, and whether all after it."""
        call = rng.choice([x for x in CALLS if self._counts[x]])
        number = rng.randrange(self._counts[call])
        return call, number, rng.choice(_ERRORS), rng.random() < 0.5

    def _said(self, worker):
        return (self._place / f"said{worker}").read_text(errors="replace")

    def _train(self, run, faults):
        """Exit statuses of all workers; None of one that hangs."""
        addresses = [f"127.0.0.1:{port}" for port in _free_ports(len(faults))]
        children = {}
        for index, fault in enumerate(faults):
            child = os.fork()
            if not child:
                self._be_worker(run, addresses, index, fault)
            children[child] = fault if isinstance(fault, float) else None
        return _ended(children)

    def _be_worker(self, run, addresses, index, fault):
        status = 1
        try:
            said = os.open(self._place / f"said{index}", _ANEW)
            for number in (1, 2):
                os.dup2(said, number)
            library = ctypes.CDLL(_loaded())
            if isinstance(fault, tuple):
                call, calls, number, lasting = fault
                armed = (call.encode(), ctypes.c_long(calls), number, lasting)
                library.faults_arm(os.fsencode(run), *armed)
            status = _train_here(run, addresses, index)
            counts = {x: library.faults_counted(x.encode()) for x in CALLS}
            counted = self._place / f"counts{index}"
            counted.write_text(json.dumps(counts))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)


def _train_here(run, addresses, index):
    """Runs the command in this process; returns its exit status."""
    more = []
    if len(addresses) > 1:
        task = {"type": "worker", "index": index}
        text = json.dumps({"cluster": {"worker": addresses}, "task": task})
        os.environ["TF_CONFIG"] = text
        more = ["--strategy=multi_worker", "--worker_timeout=2"]
    # Those of this tool.
    for title, defined in flags.FLAGS.flags_by_module_dict().items():
        if title.startswith(fields.TITLE):
            for flag in defined:
                delattr(flags.FLAGS, flag.name)
    sys.argv = ["dlgn_tf.train", *_FLAGS, *more, f"--run_dir={run}"]
    try:
        runpy.run_module("dlgn_tf.train", run_name="__main__")
    except SystemExit as end:
        sys.stdout.flush()
        return end.code or 0
    return 0


def _ended(children):
    """Waits for processes, kills some; statuses in their order.

    Args:
        children: Dict from process to the seconds after which it is killed, or
            None.
    """
    began, codes = time.monotonic(), {}
    while len(codes) < len(children):
        passed = time.monotonic() - began
        for child, seconds in children.items():
            if child in codes:
                continue
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                codes[child] = os.waitstatus_to_exitcode(status)
            elif passed > _LONGEST:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                codes[child] = None
            elif seconds is not None and passed > seconds:
                os.kill(child, signal.SIGKILL)
        time.sleep(0.005)
    return [codes[child] for child in children]


def _free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def kept(run):
    """What a run has left that must not depend on faults: dict of bytes."""
    import h5py
    import tensorflow as tf

    found = {"metrics": (run / "metrics.jsonl").read_bytes()}
    for curves in ("train", "test"):
        for step, tag, value in event_file.read_events(run / curves):
            # Of speed and of the run's flags only that they are there.
            other = "images_per_second" in tag or tag == "flags"
            found[f"{tag} {step}"] = b"" if other else value.SerializeToString()
    # An earlier one may be left where it could not be deleted.
    newest = run / "checkpoints" / f"ckpt-{_STEPS}"
    reader = tf.train.load_checkpoint(str(newest))
    for name in reader.get_variable_to_shape_map():
        if not name.startswith(("save_counter", "_CHECKPOINTABLE")):
            value = np.asarray(reader.get_tensor(name))
            found[f"{newest.name} {name}"] = value.tobytes()
    for model in sorted(run.rglob("*.keras")):
        with zipfile.ZipFile(model) as archive:
            weights = io.BytesIO(archive.read("model.weights.h5"))

        def note(name, item, model=model):
            if isinstance(item, h5py.Dataset):
                found[f"{model.name} {name}"] = item[()].tobytes()

        with h5py.File(weights) as file:
            file.visititems(note)
    return found


def differences(found, expected):
    """Names of what is not the same, the first of them."""
    names = sorted(found.keys() | expected.keys())
    unlike = [x for x in names if found.get(x) != expected.get(x)]
    return ", ".join(unlike[:5])

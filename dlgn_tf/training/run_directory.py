"""What a run leaves on disk, and where. Imports nothing heavy."""

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import re

from dlgn_tf import config as config_lib
from dlgn_tf import presets
from dlgn_tf.command import fields, plugins
from dlgn_tf.data.info import DatasetInfo
from dlgn_tf.errors import UserError
from dlgn_tf.models import user_networks
from dlgn_tf.output import elsewhere, files, run_names
from dlgn_tf.training.checkpoints import Checkpoints

# Within a run directory; links in their place would lead out of it.
_NO_LINKS = (
    *(run_names.LOCK, run_names.CHECKPOINTS, run_names.SNAPSHOTS),
    *run_names.EVENTS,
)
# Flags that may change unsaid; the seed of the first weights did its work.
_PASSING = "run_dir data_dir download train_steps weights_seed".split()
_PASSING += ["worker_timeout"]
_SNAPSHOT = re.compile(r"step-([0-9]{8,})\.keras")
# A line of metrics.jsonl.
_LINE = {
    "step": int,
    "test_member_accuracies": elsewhere.Optional([int | float]),
    str: int | float,
}


class RunDirectory:
    """The files of one run.

    Attributes:
        path: `pathlib.Path` of the directory.
        flags: flags.txt, every effective flag.
        data: data.json, what was measured of data of one's own.
        network: network.json, the description of a network of one's own.
        checkpoints: Directory of the checkpoints, see `checkpoints.py`.
        metrics: metrics.jsonl, one line per evaluation.
        model: model.keras, the final model.
        best: best.keras, the model of the best evaluation so far.
        snapshots: Directory of the models that --snapshot_every keeps.
    """

    def __init__(self, path):
        self.path = pathlib.Path(presets.resolved(path))
        self.flags = self.path / run_names.FLAGS
        self.data = self.path / run_names.DATA
        self.network = self.path / run_names.NETWORK
        self.checkpoints = self.path / run_names.CHECKPOINTS
        self.metrics = self.path / run_names.METRICS
        self.model = self.path / run_names.MODEL
        self.best = self.path / run_names.BEST
        self.snapshots = self.path / run_names.SNAPSHOTS
        self._lock = self.path / run_names.LOCK

    def has_checkpoints(self):
        return self.checkpoints.is_dir() and any(self.checkpoints.iterdir())

    def snapshot(self, step):
        """Path of the model that is kept of a step."""
        return self.snapshots / f"step-{step:08d}.keras"

    def results(self, name):
        """Path of a folder for what a command finds out about the run.

        Raises:
            UserError: if a link is in its place, or the run is a preset.
        """
        path = self.path / name
        if presets.holds(path):
            raise UserError(
                "Expected --output_dir with a preset, beside which nothing is "
                "written. Received: none"
            )
        files.check_no_link(path)
        return path

    def kept_models(self):
        """Dict from step to path of the models that are kept, in order."""
        by_step = {
            int(match[1]): path
            for path in self.snapshots.glob("*")
            if (match := _SNAPSHOT.fullmatch(path.name))
        }
        return dict(sorted(by_step.items()))

    def read_config(self):
        """The `Config` of the run.

        Raises:
            UserError: if this is no directory of a run with checkpoints or,
                of a copy that is without them, with model.keras.
        """
        trained = self.has_checkpoints() or self.model.exists()
        if not self.flags.exists() or not trained:
            lacking = "flags.txt" if not self.flags.exists() else "checkpoints"
            raise UserError(
                "Expected a --run_dir that dlgn_tf.train has written. "
                f"Received: {self.path}, which has no {lacking}"
            )
        config = config_lib.read_flags(
            self.flags,
            measured=self._measured(),
            network=user_networks.kept(self.network),
        )
        if config.measured and not self.data.exists():
            raise UserError(
                f"Expected {self.data}, which tells what the run measured of "
                "its data. Received: no such file"
            )
        if "--model=" not in elsewhere.read_text(self.flags):
            raise UserError(
                "Expected flags as dlgn_tf.train writes them. Received: "
                f"{self.flags}, which names no model"
            )
        return config

    def _measured(self):
        """The `DatasetInfo` of data.json, or None where there is none."""
        if not self.data.exists():
            return None
        return DatasetInfo.of_dict(elsewhere.read_json(self.data), self.data)

    def check(self, config):
        """Whether a run with this `Config` can start or go on here.

        Returns:
            List of strings, flags other than the model's that differ from
            those the run was started with, such as `"batch_size: 128 -> 64"`.

        Raises:
            UserError: if the directory cannot be written, or holds a run of
                another model, or one whose optimiser keeps other numbers.
        """
        self.check_writable()
        if self.is_new():
            self._check_not_all_there_is()
        if not self.has_checkpoints():
            return []
        changes = self.changes(config)
        for flag, (before, now) in changes.items():
            if flag in config.model_flags() or _alters_state(flag, before, now):
                raise UserError(
                    f"--run_dir={self.path} holds a run with "
                    f"--{flag}={before}. Expected the same, as in "
                    f"{self.command()}, or another --run_dir. Received: "
                    f"--{flag}={now}"
                )
        if self.read_config().network != config.network:
            raise UserError(
                f"Expected --model={config.model} to be the network of the run "
                f"in {self.path}, or another --run_dir. Received: one that has "
                "changed"
            )
        return self._other_data(config) + [
            f"{flag}: {before} -> {now}"
            for flag, (before, now) in changes.items()
            if flag not in _PASSING
        ]

    def _check_not_all_there_is(self):
        """A run that starts here would delete a network without checkpoints."""
        if self.flags.exists() and self.model.exists():
            raise UserError(
                f"Expected checkpoints to go on from in {self.path}, or "
                "another --run_dir, to train on from its weights with "
                f"--init_from={self.path}. Received: model.keras alone"
            )

    def _other_data(self, config):
        """What is said of examples that are others than before.

        Raises a `UserError` unless they are of the same kind.
        """
        before, now = self._measured(), config.measured
        for name in ("image_shape", "dtype", "class_names", "columns"):
            kinds = [_kind(x, name) for x in (before, now) if x]
            if len(kinds) == 2 and kinds[0] != kinds[1]:
                raise UserError(
                    f"Expected data whose {name} is that of the run in "
                    f"{self.path}, {kinds[0]}, or another --run_dir. Received: "
                    f"{kinds[1]}"
                )
        both = before and now and before.checksums and now.checksums
        if not both or before.checksums == now.checksums:
            return []
        return [
            f"set of examples: {'+'.join(before.checksums)} -> "
            f"{'+'.join(now.checksums)}"
        ]

    def check_writable(self):
        """Raises a `UserError` unless all that a run writes would lie here."""
        if presets.holds(self.flags):
            raise UserError(
                "Expected a --run_dir of your own; --init_from=preset:NAME "
                f"trains on from a preset. Received: {self.path}, a preset"
            )
        files.check_writable(self.path, "run_dir")
        for name in _NO_LINKS:
            files.check_no_link(self.path / name)

    def changes(self, config):
        """Dict from a flag to its value in the run here and in a `Config`.

        Only of flags in which they differ.
        """
        before = dataclasses.asdict(self.read_config())
        now = dataclasses.asdict(config)
        return {
            flag: (before[flag], now[flag])
            for flag in fields.of(config)
            if before[flag] != now[flag]
        }

    def command(self):
        """What starts the run again, as one types it."""
        return plugins.command("dlgn_tf.train", f"--flagfile={self.flags}")

    def with_first_weights(self, config):
        """The `Config` with what a run here began with.

        That is the seed that it drew its weights from, and what it measured of
        its data, of which there may be more or others by now.
        """
        if self.is_new():
            return config
        began = self.read_config()
        measured, now = began.measured, config.measured
        if measured and now:
            of_now = ("train_examples", "test_examples", "checksums")
            measured = dataclasses.replace(
                measured, **{name: getattr(now, name) for name in of_now}
            )
        return dataclasses.replace(
            config, weights_seed=began.weights_seed, measured=measured
        )

    def is_new(self):
        """Whether a run here would start and not go on."""
        return Checkpoints(self.checkpoints).never_finished()

    @contextlib.contextmanager
    def locked(self):
        """Keeps other processes from training in this directory.

        The lock is the operating system's and dies with its owner.

        Raises:
            UserError: if another process has it, or the directory cannot be
                written.
        """
        self.check_writable()
        with files.write_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            self._folder = os.open(self.path, os.O_RDONLY)
            self._held = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            with files.write_errors(self.path):
                self._take(self._held)
            yield
        finally:
            # It is let go whatever the file system says, and holds no data.
            for descriptor in (self._held, self._folder):
                with contextlib.suppress(OSError):
                    os.close(descriptor)

    def check_held(self):
        """Raises a `UserError` unless the directory is that which was locked.

        What is moved away, or deleted, would come up again without its flags.
        """
        try:
            now = os.stat(self.path)
            held = os.path.samestat(os.fstat(self._folder), now)
        except OSError:
            held = False
        if not held:
            raise UserError(
                f"Expected --run_dir={self.path} to stay where it is while it "
                "is trained in. Received: another folder there, or none; what "
                "was saved before is where the folder went"
            )

    def _take(self, lock):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(lock, 20).decode(errors="replace").strip()
            raise UserError(
                f"Expected a --run_dir that no other process trains in. "
                f"Received: {self.path}, which process "
                f"{holder or 'unknown'} holds"
            ) from error
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())

    def check_unlocked(self):
        """Raises a `UserError` if another process trains here."""
        if self._lock.exists():
            with self.locked():
                pass

    def holds_flags(self, config):
        """Whether flags.txt is there and gives this very `Config`."""
        if not self.flags.exists():
            return False
        # Earlier versions wrote them in another order.
        lines = config.to_flags().encode().splitlines()
        found = elsewhere.read_bytes(self.flags).splitlines()
        return sorted(found) == sorted(lines)

    def write_flags(self, config):
        """Writes flags.txt."""
        with files.write_errors(self.flags):
            # First, as flags of such data are not read without it.
            if config.measured:
                text = json.dumps(config.measured.as_dict(), indent=1)
                files.write_atomically(self.data, text + "\n")
            if config.network:
                text = json.dumps(config.network)
                files.write_atomically(self.network, text + "\n")
            files.write_atomically(self.flags, config.to_flags())

    def append_metrics(self, record):
        """Adds a line to metrics.jsonl, in place of one of the same step."""
        others = [x for x in self.read_metrics() if x["step"] != record["step"]]
        self._write_metrics([*others, record])

    def _write_metrics(self, records):
        text = "".join(json.dumps(record) + "\n" for record in records)
        with files.write_errors(self.metrics):
            files.write_atomically(self.metrics, text)

    def read_metrics(self):
        """Lines of metrics.jsonl as a list of dicts.

        A last line that a kill cut short is passed over.

        Raises:
            UserError: if another line is damaged.
        """
        if not self.metrics.exists():
            return []
        try:
            whole = elsewhere.read_text(self.metrics).split("\n")[:-1]
            return [elsewhere.parse_json(x, _LINE) for x in whole]
        except (OSError, ValueError) as error:
            raise UserError(
                f"Expected a line of JSON an evaluation in {self.metrics}. "
                f"Received: one that is damaged, {error}; mend or delete it"
            ) from error

    def drop_models_after(self, step):
        """Forgets models that lie beyond the checkpoint gone back to.

        Below step 0, best.keras and model.keras of an earlier run go as well.
        """
        with files.write_errors(self.path):
            for kept, path in self.kept_models().items():
                if kept > step:
                    path.unlink()
            if step < 0:
                self.best.unlink(missing_ok=True)
                self.model.unlink(missing_ok=True)

    def drop_metrics_after(self, step):
        """Forgets evaluations that lie beyond the checkpoint gone back to."""
        if self.metrics.exists():
            self._write_metrics(
                [r for r in self.read_metrics() if r["step"] <= step]
            )


def _kind(info, name):
    """What examples of a run share; gaps are filled as those it began with."""
    values = getattr(info, name)
    return tuple(x[:2] for x in values) if name == "columns" else values


def _alters_state(flag, before, now):
    """Whether an optimiser lacks numbers that it would go on from.

    Adam has others than SGD, which has none without momentum; float16 scales
    the loss by numbers of its own.
    """
    if flag == "mixed_precision":
        return "mixed_float16" in (before, now)
    return flag == "optimizer" or (flag == "momentum" and not before)

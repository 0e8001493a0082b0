"""Checkpoints that are whole or recognised as damaged. Imports nothing heavy.

A checkpoint is what the backend writes under a prefix, `ckpt-STEP`, and beside
it a manifest, `ckpt-STEP.json`, with the size and digest of each file and the
state of the loop. The manifest comes last, so a checkpoint without one was not
finished. Only files of these names are read and deleted, whatever a list in the
directory says, such as TensorFlow's.
"""

import contextlib
import json
import os
import pathlib
import re
import time

from dlgn_tf.errors import UserError
from dlgn_tf.output import elsewhere, files

_STEP = re.compile(r"ckpt-(0|[1-9][0-9]*)\.")
# What either backend writes. The last is what TensorFlow leaves when killed.
_PART = (
    r"(json|index|data-[0-9]{5}-of-[0-9]{5}|weights\.h5|optimizer\.npz)"
    r"(\.tempstate[0-9]+)?"
)
_MANIFEST = {"files": {str: {"bytes": int, "sha256": str}}, "state": object}
# Seconds that a training beside this process may take from the first to the
# last file of a checkpoint, which it has written elsewhere.
_RENAMING = 0.5


class Checkpoints:
    """Reads and writes the checkpoints of a run.

    `backend_errors` are exception types with which the backend says that it
    could not write.
    """

    def __init__(self, directory, backend_errors=()):
        self.directory = pathlib.Path(directory)
        self._backend_errors = backend_errors

    def exist(self):
        """Whether there is anything in the directory."""
        return self.directory.is_dir() and any(self.directory.iterdir())

    def never_finished(self):
        """Whether there is at most a first checkpoint that was cut short."""
        steps = self._steps()
        finished = any(self._manifest(step).exists() for step in steps)
        return not finished and len(steps) <= 1

    def save(self, step, state, write, keep):
        """Writes the checkpoint of a step; so many are kept, this one too.

        Args:
            step: Integer.
            state: Dict that JSON can hold, the state of the loop.
            write: Function of a prefix that writes the backend's part.
            keep: Integer.

        Raises:
            UserError: if it cannot be written; earlier checkpoints stay.
        """
        files.check_no_link(self.directory)
        with files.write_errors(self.directory, self._backend_errors):
            self._manifest(step).unlink(missing_ok=True)
            with files.temporary_folder(self.directory / ".partial") as folder:
                write(folder / f"ckpt-{step}")
                written = sorted(folder.iterdir())
                parts = {
                    path.name: {
                        "bytes": path.stat().st_size,
                        "sha256": files.sha256(path),
                    }
                    for path in written
                    if _STEP.match(path.name)
                }
                manifest = folder / self._manifest(step).name
                content = {"step": step, "state": state, "files": parts}
                files.write_atomically(manifest, json.dumps(content, indent=1))
                for path in (*written, manifest):
                    os.replace(path, self.directory / path.name)
            self._drop_old(step, keep)

    def restore_newest(self, restore, report=print):
        """Restores the newest checkpoint that is whole.

        Where a training beside this process deletes it before it is read, the
        newest then is taken.

        Args:
            restore: Function of a prefix that reads the backend's part.
            report: See `newest_good`, which says what is raised too.

        Returns:
            `(step, state)`, or None if the directory is empty.
        """
        while candidate := self.newest_good(report):
            prefix, step, state = candidate
            try:
                restore(prefix)
            except Exception:
                if self._is_whole(step):
                    raise
            else:
                return step, state
        return None

    def newest_good(self, report=print):
        """The newest checkpoint whose files are all as they were written.

        Args:
            report: Function that is told, in a line each, of those that are
                damaged.

        Returns:
            `(prefix, step, state)`, or None if the directory is empty.

        Raises:
            UserError: if there are checkpoints and none of them is good, or
                one cannot be read.
        """
        damage = {}
        # Again where any have come or gone meanwhile.
        while damage.keys() != (steps := set(self._steps())):
            damage = {}
            for step in sorted(steps, reverse=True):
                try:
                    state = self._state(step)
                except _DamageError as error:
                    damage[step] = error
                else:
                    self._report(damage, report)
                    return self.directory / f"ckpt-{step}", step, state
        self._report(damage, report)
        if damage or self.exist():
            count = f"{len(damage)}, all damaged"
            raise UserError(
                f"Expected a whole checkpoint in {self.directory}. Received: "
                f"{count if damage else 'files of no checkpoint'}; nothing was "
                "deleted. Another --run_dir starts anew"
            )
        return None

    def _report(self, damage, report):
        for step in self._steps():
            if step in damage:
                report(f"checkpoint of step {step} is damaged: {damage[step]}")

    def _is_whole(self, step):
        with contextlib.suppress(_DamageError):
            self._state(step)
            return True
        return False

    def _state(self, step):
        """The state of the loop, once every file is found to be whole."""
        parts, state = self._read_manifest(step)
        for name, part in parts.items():
            path, expected_size = self.directory / name, part["bytes"]
            try:
                size, digest = path.stat().st_size, files.sha256(path)
            except FileNotFoundError:
                raise _DamageError(f"{name} is missing") from None
            except OSError as error:
                raise UserError(
                    f"Expected to be able to read {path}. Received: "
                    f"{error.strerror}; nothing was deleted"
                ) from error
            if size != expected_size:
                raise _DamageError(
                    f"{name} has {size} bytes of {expected_size}"
                )
            if digest != part["sha256"]:
                raise _DamageError(f"the bytes of {name} have changed")
        return state

    def _read_manifest(self, step):
        """`(parts, state)`, see `_MANIFEST`."""
        path = self._manifest(step)
        if not path.exists() and step == max(self._steps(), default=step):
            time.sleep(_RENAMING)
        if not path.exists():
            raise _DamageError("it was not finished, or is just being saved")
        manifest = elsewhere.read_json(path, _MANIFEST) or {"files": ()}
        parts = manifest["files"]
        if not parts or not all(self._is_of(step, name) for name in parts):
            raise _DamageError(f"{path.name} cannot be read")
        return parts, manifest["state"]

    def _steps(self):
        """Steps of which anything lies in the directory, newest first."""
        try:
            matches = map(_STEP.match, os.listdir(self.directory))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(
            {int(match[1]) for match in matches if match}, reverse=True
        )

    def _drop_old(self, step, keep):
        """Deletes what is neither of this step nor of the newest before it.

        What is of later steps was damaged, and the run has gone back.
        """
        steps = [s for s in self._steps() if s <= step]
        finished = [s for s in steps if self._manifest(s).exists()]
        for old in set(self._steps()) - set(finished[:keep]):
            # Without a manifest it counts no more.
            self._manifest(old).unlink(missing_ok=True)
            for name in os.listdir(self.directory):
                if self._is_of(old, name):
                    (self.directory / name).unlink()

    @staticmethod
    def _is_of(step, name):
        return re.fullmatch(rf"ckpt-{step}\.{_PART}", name)

    def _manifest(self, step):
        return self.directory / f"ckpt-{step}.json"


class _DamageError(Exception):
    """What is wrong with a checkpoint."""

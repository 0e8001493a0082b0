"""Checkpoints that are whole or recognised as damaged. Imports nothing heavy.

A checkpoint is what the backend writes under a prefix, `ckpt-STEP`, and beside
it a manifest, `ckpt-STEP.json`, with the size and digest of each file and the
state of the loop. The manifest is written last, so a checkpoint without one was
not finished.
"""

import json
import pathlib
import re

from dlgn_tf import files
from dlgn_tf.errors import UserError


class Checkpoints:
    """Reads and writes the checkpoints of a run.

    Args:
        directory: Path-like.
        backend_errors: Tuple of exception types with which the backend says
            that it could not write.
    """

    def __init__(self, directory, backend_errors=()):
        self.directory = pathlib.Path(directory)
        self._backend_errors = backend_errors

    def exist(self):
        """Whether there is anything in the directory."""
        return self.directory.is_dir() and any(self.directory.iterdir())

    def never_finished(self):
        """Whether there is at most a first checkpoint that was cut short."""
        finished = any(self.directory.glob("ckpt-*.json"))
        return not finished and len(self._steps()) <= 1

    def save(self, step, state, write):
        """Writes the checkpoint of a step.

        Args:
            step: Integer.
            state: Dict that JSON can hold, the state of the loop.
            write: Function of the step that writes the backend's part and
                returns its prefix.

        Raises:
            UserError: if it cannot be written; earlier checkpoints stay.
        """
        with files.write_errors(self.directory, self._backend_errors):
            self._manifest(step).unlink(missing_ok=True)
            prefix = pathlib.Path(write(step))
            parts = {
                path.name: {
                    "bytes": path.stat().st_size,
                    "sha256": files.sha256(path),
                }
                for path in sorted(prefix.parent.glob(f"{prefix.name}.*"))
            }
            manifest = {"step": step, "state": state, "files": parts}
            files.write_atomically(
                self._manifest(step), json.dumps(manifest, indent=1)
            )
            self._drop_orphans()

    def newest_good(self, report=print):
        """The newest checkpoint whose files are all as they were written.

        Args:
            report: Function that is told, in a line each, of those that are
                damaged.

        Returns:
            `(prefix, step, state)`, or None if the directory is empty.

        Raises:
            UserError: if there are checkpoints and none of them is good.
        """
        steps = self._steps()
        for step in steps:
            damage = self._damage(step)
            if damage is None:
                manifest = files.read_json(self._manifest(step))
                return self._prefix(step), step, manifest["state"]
            report(f"checkpoint of step {step} is damaged: {damage}")
        if steps or self.exist():
            raise UserError(
                f"Expected a whole checkpoint in {self.directory}. Received: "
                f"{_count(steps)}; nothing was deleted. Another "
                "--run_dir starts anew"
            )
        return None

    def _damage(self, step):
        """What is wrong with a checkpoint, or None."""
        if not self._manifest(step).exists():
            return "it was not finished"
        manifest = files.read_json(self._manifest(step))
        if not isinstance(manifest, dict) or not manifest.get("files"):
            return f"{self._manifest(step).name} cannot be read"
        for name, expected in manifest["files"].items():
            path = self.directory / name
            if not path.exists():
                return f"{name} is missing"
            size = path.stat().st_size
            if size != expected["bytes"]:
                return f"{name} has {size} bytes of {expected['bytes']}"
            if files.sha256(path) != expected["sha256"]:
                return f"the bytes of {name} have changed"
        return None

    def _steps(self):
        """Steps of which anything lies in the directory, newest first."""
        if not self.directory.is_dir():
            return []
        found = [
            re.match(r"ckpt-(\d+)\.", path.name)
            for path in self.directory.iterdir()
        ]
        return sorted({int(match[1]) for match in found if match}, reverse=True)

    def _drop_orphans(self):
        """Deletes manifests whose checkpoints were rotated away."""
        for step in self._steps():
            others = set(self.directory.glob(f"ckpt-{step}.*"))
            if others == {self._manifest(step)}:
                self._manifest(step).unlink()

    def _prefix(self, step):
        return self.directory / f"ckpt-{step}"

    def _manifest(self, step):
        return self.directory / f"ckpt-{step}.json"


def _count(steps):
    return f"{len(steps)}, all damaged" if steps else "files of no checkpoint"

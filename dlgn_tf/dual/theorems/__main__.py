"""Draws it: python -m dlgn_tf.dual.theorems --output_dir=DIR."""

import dataclasses
import pathlib

import numpy as np

from dlgn_tf.command import cli, common_flags, fields
from dlgn_tf.command.progress import Progress
from dlgn_tf.dual import theorems
from dlgn_tf.output import files, origin

USAGE = """Measures how networks converge to the kernels of the DLGN paper's
theorems as they grow wide.

  python -m dlgn_tf.dual.theorems --output_dir=theorems

Writes theorem-2.1.png, theorem-A.1.png and theorem-B.1.png, error against width
with the line of slope -1/2; errors.csv, an error a draw; summary.csv."""


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this command."""

    output_dir: str | None = common_flags.output_dir(
        "Folder for tables and pictures. Required."
    )
    draws: int = fields.flag(
        theorems.DRAWS, "Draws of gates and weights for each width.", least=2
    )
    seed: int = common_flags.seed("From which all draws follow.")


def check(command):
    """Raises a `UserError` if the results could not be written."""
    files.check_writable(command.output_dir, "output_dir")


def run(command):
    """Measures all settings."""
    progress = Progress("theorems", 0, len(theorems.SETTINGS), "setting")
    results = []
    for index, setting in enumerate(theorems.SETTINGS):
        rng = np.random.default_rng([command.seed, index])
        results.append(theorems.measure(setting, rng, command.draws))
        progress.update(index + 1, {"slope": results[-1].slope})
    names = theorems.write(results, command.output_dir)
    origin.note_command(command.output_dir)
    print(pathlib.Path(command.output_dir, "summary.csv").read_text(), end="")
    print(f"{', '.join(names)} are in {command.output_dir}")


if __name__ == "__main__":
    cli.run(run, "dlgn_tf.dual.theorems", USAGE, Command, check)

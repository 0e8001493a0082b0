"""Draws it: python -m dlgn_tf.dual.theorems --output_dir=DIR."""

import sys

import numpy as np
from absl import flags

from dlgn_tf.command import cli
from dlgn_tf.command.progress import Progress
from dlgn_tf.dual import theorems
from dlgn_tf.errors import UserError
from dlgn_tf.output import files
from dlgn_tf.output import origin

USAGE = """Measures how networks converge to the kernels of the DLGN paper's
theorems as they grow wide.

  python -m dlgn_tf.dual.theorems --output_dir=theorems

Writes theorem-2.1.png, theorem-A.1.png and theorem-B.1.png, error against width
with the line of slope -1/2; errors.csv, an error a draw; summary.csv."""


def define_flags():
    flags.DEFINE_string(
        "output_dir", None, "Folder for tables and pictures. Required."
    )
    flags.DEFINE_integer(
        "draws", theorems.DRAWS, "Draws of gates and weights for each width.", 2
    )
    flags.DEFINE_integer("seed", 0, "From which all draws follow.", 0)


def check():
    """Raises a `UserError` if the results could not be written."""
    values = flags.FLAGS
    if not values.output_dir:
        raise UserError("Expected --output_dir=DIR. Received: no --output_dir")
    files.check_writable(values.output_dir, "output_dir")


def main():
    """Measures all settings; returns the exit status."""
    values = flags.FLAGS
    progress = Progress("theorems", 0, len(theorems.SETTINGS), "setting")
    results = []
    for index, setting in enumerate(theorems.SETTINGS):
        rng = np.random.default_rng([values.seed, index])
        results.append(theorems.measure(setting, rng, values.draws))
        progress.update(index + 1, {"slope": results[-1].slope})
    names = theorems.write(results, values.output_dir)
    origin.note_command(values.output_dir)
    print(theorems.summary_table(results), end="")
    print(f"{', '.join(names)} are in {values.output_dir}")
    return 0


if __name__ == "__main__":
    define_flags()
    sys.exit(cli.run(main, "dlgn_tf.dual.theorems", USAGE, check))

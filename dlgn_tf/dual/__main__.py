"""Kernels of a run: python -m dlgn_tf.dual --run_dir=RUN_DIR --images=N."""

from dlgn_tf.command import cli
from dlgn_tf.dual import command

if __name__ == "__main__":
    cli.run(command.run, "dlgn_tf.dual", command.USAGE, command.Command)

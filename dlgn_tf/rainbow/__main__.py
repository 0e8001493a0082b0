"""Trained networks side by side: python -m dlgn_tf.rainbow --run_dirs=A,B,C."""

from dlgn_tf.command import cli
from dlgn_tf.rainbow import command

if __name__ == "__main__":
    cli.run(command.run, "dlgn_tf.rainbow", command.USAGE, command.Command)

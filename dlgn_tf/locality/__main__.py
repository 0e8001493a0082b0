"""Experiments: python -m dlgn_tf.locality --experiment=students."""

from dlgn_tf.command import cli
from dlgn_tf.locality import command

if __name__ == "__main__":
    cli.run(command.run, "dlgn_tf.locality", command.USAGE, command.Command)

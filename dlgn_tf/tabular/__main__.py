"""A DLGN on a table: python -m dlgn_tf.tabular --data=FILE.csv."""

from dlgn_tf.command import cli
from dlgn_tf.tabular import command

if __name__ == "__main__":
    cli.run(command.run, "dlgn_tf.tabular", command.USAGE, command.Command)

"""Pictures of splines: python -m dlgn_tf.splines --output_dir=DIR."""

from dlgn_tf.command import cli
from dlgn_tf.splines import command

if __name__ == "__main__":
    cli.run(command.run, "dlgn_tf.splines", command.USAGE, command.Command)

"""Which frequencies are learned: python -m dlgn_tf.dual.spectral."""

from dlgn_tf.command import cli
from dlgn_tf.dual.spectral import command

if __name__ == "__main__":
    cli.run(
        command.run, "dlgn_tf.dual.spectral", command.USAGE, command.Command
    )

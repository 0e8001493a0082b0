"""Feature components: python -m dlgn_tf.complexity --run_dir=RUN_DIR."""

from dlgn_tf.command import cli
from dlgn_tf.complexity import command

if __name__ == "__main__":
    cli.run(command.run, "dlgn_tf.complexity", command.USAGE, command.Command)

"""Seconds to the answer of --help, and to import TensorFlow alone."""

import subprocess
import sys

from benchmarks.rows import Comparison
from benchmarks.turns import by_turns


def compare(options):
    def run(*words):
        command = [sys.executable, *words]
        return lambda: subprocess.run(command, capture_output=True, check=True)

    seconds = by_turns(
        options.rounds,
        run("-m", "dlgn_tf.train", "--help"),
        run("-c", "import tensorflow"),
    )
    yield Comparison("--help", "import tensorflow", "answers/s", 1, seconds)

"""What every process does that trains or evaluates. Imports nothing heavy."""

import importlib
import os
import tempfile


def import_keras():
    """Imports Keras and its backend without what they print at start-up.

    TensorFlow's native code writes a handful of lines before its log level
    counts; they would stand before every message. They are shown if the import
    fails.
    """
    standard_error = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            importlib.import_module("keras")
        except BaseException:
            held.seek(0)
            os.write(standard_error, held.read())
            raise
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)

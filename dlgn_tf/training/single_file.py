"""A model as one file of another runtime: ONNX or LiteRT."""

import contextlib
import importlib.util
import logging
import os
import pathlib
import tempfile
import warnings

from dlgn_tf.errors import UserError
from dlgn_tf.output import files
from dlgn_tf.training import saved_model

# Of each format the file in the folder and what writes it.
FILES = {"onnx": "model.onnx", "litert": "model.tflite"}
_PACKAGES = {"onnx": ("onnx", "tf2onnx"), "litert": ()}


def check_format(name):
    """Raises a `UserError` if what writes a format is not installed."""
    lacking = [
        package
        for package in _PACKAGES[name]
        if importlib.util.find_spec(package) is None
    ]
    if lacking:
        raise UserError(
            f"Expected the packages of the extra {name} for --format={name} "
            f"(in a checkout: pip install '.[{name}]'). "
            f"Received: an environment without {', '.join(lacking)}"
        )


def write(model, folder, name, class_names=None):
    """Writes a model of the zoo as one file in a folder.

    It takes float32 images `(batch, height, width, channels)` in [0, 255] and
    gives what the model gives: logits, of a regression numbers. Orthogonal
    filters are written as the plain kernels that they come to. A LiteRT file
    has operations of LiteRT alone, so that it needs no TensorFlow.

    Args:
        model: `ImageClassifier` that computes in float32.
        folder: Path-like.
        name: One of `FILES`.
        class_names: Strings, one per class, or None. They become lines of
            `class_names.txt`.

    Returns:
        Path of the file.

    Raises:
        UserError: if the model computes in other numbers, or has an operation
            that the format lacks.
    """
    from dlgn_tf.models.orthogonal import folded

    precision = model.dtype_policy.name
    if precision != "float32":
        raise UserError(
            "Expected a network that computes in float32 for --format="
            f"{name}. Received: {model.name}, which computes in {precision}"
        )
    path = pathlib.Path(folder, FILES[name])
    with tempfile.TemporaryDirectory() as place:
        made = pathlib.Path(place, path.name)
        try:
            with _quiet():
                _convert(folded(model), made, name)
        # Each converter has exceptions of its own.
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"Expected a network of operations that {name} has. Received: "
                f"{model.name}, {type(error).__name__}: {reason}"
            ) from error
        files.write_atomically(path, made.read_bytes())
    if class_names:
        lines = (saved_model.spelled(x) + "\n" for x in class_names)
        kept = path.with_name(saved_model.CLASS_NAMES)
        files.write_atomically(kept, "".join(lines))
    return path


def _convert(model, path, name):
    import tensorflow as tf

    options = {}
    if name == "litert":
        # Keras would let in operations of TensorFlow, too, which the plain
        # interpreter lacks.
        builtin = [tf.lite.OpsSet.TFLITE_BUILTINS]
        options["target_spec"] = {"supported_ops": builtin}
    model.export(str(path), format=name, verbose=False, **options)


@contextlib.contextmanager
def _quiet():
    """Without what converters write to standard error, also natively."""
    before = logging.root.manager.disable
    kept = os.dup(2)
    with warnings.catch_warnings(), open(os.devnull, "wb") as nothing:
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        os.dup2(nothing.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            logging.disable(before)

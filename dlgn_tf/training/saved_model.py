"""SavedModels that `dlgn_tf.export` writes. Imports nothing heavy."""

import pathlib

from dlgn_tf.command import startup
from dlgn_tf.errors import UserError
from dlgn_tf.output import elsewhere

# Where one carries the model it was made from; TensorFlow's place for files
# that are none of its own.
MODEL = "assets.extra/model.keras"
# Its asset that lists them, one a line.
CLASS_NAMES = "class_names.txt"
# What it answers.
SIGNATURES = ("serving_default", "preactivations", "gates")
_FILE = "saved_model.pb"


def is_one(path):
    """Whether a SavedModel lies at a path, of whomever."""
    return (pathlib.Path(path) / _FILE).is_file()


def locate(path):
    """The .keras file that a SavedModel carries.

    Raises:
        UserError: if there is no SavedModel, or none of `dlgn_tf.export`.
    """
    path = pathlib.Path(path)
    if not is_one(path):
        _refuse(path, f"which has no {_FILE}")
    if (path / MODEL).is_file():
        return path / MODEL
    held = _signatures(path)
    lacking = [x for x in SIGNATURES if x not in held]
    if lacking:
        _refuse(path, f"without signatures {', '.join(lacking)}")
    _refuse(
        path,
        f"whose signatures are there but not {MODEL}: export the run again",
    )


def class_names(path):
    """Names of the classes that a SavedModel lists, or None."""
    try:
        file = pathlib.Path(path) / "assets" / CLASS_NAMES
        text = elsewhere.read_text(file)
    except (OSError, ValueError):
        return None
    return tuple(text.splitlines())


def spelled(name):
    """A name of a class as the asset has it, on one line."""
    return " ".join(name.split())


def _signatures(path):
    """Names of the signatures of a SavedModel, which is not loaded."""
    startup.import_keras()
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        content = elsewhere.read_bytes(path / _FILE)
        saved = saved_model_pb2.SavedModel.FromString(content)
    except (OSError, DecodeError):
        _refuse(path, f"whose {_FILE} is damaged")
    return {name for each in saved.meta_graphs for name in each.signature_def}


def _refuse(path, why):
    raise UserError(
        f"Expected a SavedModel that dlgn_tf.export wrote. Received: {path}, "
        f"{why}"
    )

"""Keras models from elsewhere, of layers that Keras or this package has."""

import contextlib
import copy
import math
import os

import keras

from dlgn_tf.errors import UserError
from dlgn_tf.output import elsewhere

# A model with no larger number in its description can be made to be looked at.
_LARGE = 2**14
# Bytes of weights; more must be in the file, where they may be compressed.
_FEW = 2**30
_DENSEST = 100
_BYTES = 4
# What numbers they are does not matter.
_NO_SIZES = ("seed", "shared_object_id")


@contextlib.contextmanager
def refusing(what, place):
    """What Keras raises inside is a `UserError` of one line.

    Args:
        what: String, what was expected.
        place: What came.
    """
    try:
        yield
    # Whatever its code, and that of layers, comes to with such a description.
    except Exception as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise UserError(
            f"Expected {what}. Received: {place}, {reason}"
        ) from error


def load(path, what="a Keras model, of known layers", compile=True):
    """The model in a .keras file.

    Args:
        path: Path-like.
        what: String, for the message.
        compile: See `keras.models.load_model`.

    Raises:
        UserError: if it cannot be read, has a layer that neither Keras nor
            this package has, or far more weights than the file holds.
    """
    with refusing(what, path):
        with elsewhere.archive(path) as archive:
            held = sum(entry.file_size for entry in archive.infolist())
            config = elsewhere.parse_json(archive.read("config.json"), dict)
        _check_size(config, max(_FEW, _DENSEST * held))
        return keras.models.load_model(path, compile=compile)


def of_description(description, place):
    """The model that Keras makes of a description, with new weights.

    Args:
        description: Dict, which is empty afterwards.
        place: See `refusing`.

    Raises:
        UserError: if it cannot be made, or its weights need more than a
            quarter of the memory that there is.
    """
    what = "a Keras model of layers that Keras or this package has"
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with refusing(what, place):
        _check_size(description, memory / 4)
        return keras.saving.deserialize_keras_object(description)


def _check_size(description, most):
    """Looks at a model that may be large before there are any weights."""
    if _largest(description) <= _LARGE:
        return
    with keras.StatelessScope(initialize_variables=False):
        # Keras empties what it makes a model of.
        copied = copy.deepcopy(description)
        model = keras.saving.deserialize_keras_object(copied)
    needed = _BYTES * sum(math.prod(x.shape) for x in model.weights)
    if needed > most:
        raise UserError(f"one with {needed:,} bytes of weights")


def _largest(content):
    """The largest number in JSON."""
    if isinstance(content, dict):
        content = [v for k, v in content.items() if k not in _NO_SIZES]
    if isinstance(content, list):
        return max(map(_largest, content), default=0)
    return content if isinstance(content, int | float) else 0

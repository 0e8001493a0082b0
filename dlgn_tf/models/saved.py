"""Keras models from elsewhere, of layers that Keras or this package has."""

import contextlib
import copy
import math
import os
import warnings

import keras

# Keras has no public name for what waits to be made.
from keras.src.backend.common import global_state

from dlgn_tf.errors import UserError, reason
from dlgn_tf.output import elsewhere

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
        raise UserError(
            f"Expected {what}. Received: {place}, {reason(error)}"
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
        with warnings.catch_warnings():
            # A part without weights would have those that it is made with.
            # Files of earlier versions of Keras lack a second list of layers.
            part = "Skipping nested container at '(?!.*_operations_by_depth/)"
            warnings.filterwarnings("error", part)
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
    layers, largest, window = _sizes(description)
    if _BYTES * layers * window * largest**2 <= most:
        return
    needed = _BYTES * sum(map(math.prod, _shapes(description)))
    if needed > most:
        raise UserError(f"one with {needed:,} bytes of weights")


def _shapes(description):
    """Shapes of the weights of a model, none of which is made."""
    # What variables Keras makes when it next can; of these it need not know.
    key = "uninitialized_variables"
    waiting = list(global_state.get_global_attribute(key, []))
    try:
        with keras.StatelessScope(initialize_variables=False):
            # Keras empties what it makes a model of.
            copied = copy.deepcopy(description)
            _drop_training(copied)
            model = keras.saving.deserialize_keras_object(copied)
            return [variable.shape for variable in model.weights]
    finally:
        global_state.set_global_attribute(key, waiting)


def _drop_training(content):
    """Drops optimisers, whose variables would be made at once."""
    if isinstance(content, dict):
        content.pop("compile_config", None)
        content = list(content.values())
    if isinstance(content, list):
        for each in content:
            _drop_training(each)


def _sizes(content):
    """How many layers, the largest number, and the most places of a window."""
    layers = window = 0
    if isinstance(content, dict):
        layers = int("class_name" in content)
        window = _places(content.get("kernel_size"))
        content = [v for k, v in content.items() if k not in _NO_SIZES]
    if not isinstance(content, list):
        number = isinstance(content, int | float)
        return layers, content if number else 0, max(window, 1)
    found = [_sizes(each) for each in content]
    return (
        layers + sum(each[0] for each in found),
        max((each[1] for each in found), default=0),
        max([window, 1, *(each[2] for each in found)]),
    )


def _places(kernel_size):
    sides = kernel_size if isinstance(kernel_size, list) else [kernel_size] * 3
    return math.prod(sides) if all(type(x) is int for x in sides) else 0

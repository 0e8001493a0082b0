"""What trains and evaluates on the backend that Keras runs on."""

import os

import keras

from dlgn_tf.config import Config
from dlgn_tf.data.images import ImageSet
from dlgn_tf.errors import UserError
from dlgn_tf.models.classifier import ImageClassifier
from dlgn_tf.training.engine import Engine
from dlgn_tf.training.totals import Totals


def create_engine(
    config: Config, model: ImageClassifier | None = None
) -> Engine:
    """The engine of the backend, with a model or that of a configuration."""
    module = _backend_engine()
    if keras.backend.backend() == "jax":
        return module.JaxEngine(config, model)
    return module.TensorFlowEngine(config, model)


def restore_model(prefix: os.PathLike, model: ImageClassifier) -> None:
    """Restores a model alone from a checkpoint, as `Checkpoints` names it."""
    _backend_engine().restore_model(prefix, model)


def evaluate_model(
    model: ImageClassifier, image_set: ImageSet, batch_size: int
) -> Totals:
    """Evaluates a model that has no engine over all images, on one device.

    Raises:
        UserError: if there are none.
    """
    if not len(image_set):
        raise UserError("Expected at least one image. Received: none")
    return _backend_engine().evaluate_model(model, image_set, batch_size)


def _backend_engine():
    if keras.backend.backend() == "jax":
        from dlgn_tf.training import jax_engine

        return jax_engine
    from dlgn_tf.training import tensorflow_engine

    return tensorflow_engine

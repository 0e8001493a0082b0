"""What trains and evaluates on the backend that Keras runs on."""

import keras

from dlgn_tf.errors import UserError


def create_engine(config):
    """The `dlgn_tf.training.engine.Engine` of the backend.

    Args:
        config: `Config`.
    """
    module = _backend_engine()
    if keras.backend.backend() == "jax":
        return module.JaxEngine(config)
    return module.TensorFlowEngine(config)


def restore_model(prefix, model):
    """Restores a model alone from a checkpoint of this backend.

    Args:
        prefix: Path-like, as `Checkpoints.restore_newest` gives it.
        model: `ImageClassifier`.
    """
    _backend_engine().restore_model(prefix, model)


def evaluate_model(model, image_set, batch_size):
    """Evaluates a model that has no engine, on a single device.

    Args:
        model: `ImageClassifier`.
        image_set: `ImageSet`.
        batch_size: Integer.

    Returns:
        `Totals` over all images.

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

"""The engine: what computes. The loop around it does not know the backend.

An engine has

    model, optimizer      Keras objects
    chief                 whether this process writes the run directory
    description           one phrase for people
    write_errors          exception types of a failure to write
    step                  the optimiser's step
    start(sampler, stop)  gets ready to train from `step` on
    train(count, totals)  takes steps; adds to `Totals` and returns them
    evaluate(image_set, batch_size, on_batch)   `Totals` over all images
    learning_rate()       of the next step
    gate_statistics(images)     see `Summaries.gates`
    weights_are_finite()
    save_model(path)      writes the model as a .keras file
    save(prefix)                writes a checkpoint
    restore(prefix)             reads one
    any(flag)             whether `flag` is true in any of the processes
    sync()                agrees with the other processes after a restore
"""

import contextlib

import keras

from dlgn_tf.errors import UserError


def create_engine(config):
    """The engine of the backend that Keras runs on.

    Args:
        config: `Config`.
    """
    if keras.backend.backend() == "jax":
        from dlgn_tf.training.jax_engine import JaxEngine

        return JaxEngine(config)
    from dlgn_tf.training.tensorflow_engine import TensorFlowEngine

    return TensorFlowEngine(config)


@contextlib.contextmanager
def misfits(prefix, *more):
    """Turns failures to restore into a `UserError`.

    Args:
        prefix: Path-like, the checkpoint.
        *more: Exception types of the backend that mean the same.
    """
    try:
        yield
    except (ValueError, AssertionError, KeyError, *more) as error:
        reason = " ".join(str(error).split())[:160]
        raise UserError(
            f"Expected a checkpoint of this model and optimiser. Received: "
            f"{prefix}, which does not fit: {reason}"
        ) from error


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
    """The module of the backend that Keras runs on."""
    if keras.backend.backend() == "jax":
        from dlgn_tf.training import jax_engine

        return jax_engine
    from dlgn_tf.training import tensorflow_engine

    return tensorflow_engine

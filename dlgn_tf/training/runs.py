"""The models of runs, at their newest checkpoints."""

import os
import typing

from dlgn_tf.config import Config
from dlgn_tf.errors import UserError
from dlgn_tf.models import transfer
from dlgn_tf.models.classifier import ImageClassifier
from dlgn_tf.training import engine, engines, trained
from dlgn_tf.training.checkpoints import Checkpoints
from dlgn_tf.training.configured import create_configured_model
from dlgn_tf.training.engine import MisfitError
from dlgn_tf.training.run_directory import RunDirectory


class TrainedRun(typing.NamedTuple):
    """A run at its newest checkpoint.

    Attributes:
        model: `ImageClassifier` with the weights of that checkpoint.
        config: `Config`, what the run was asked for.
        step: Integer, the training steps behind these weights; None of a copy
            without checkpoints whose file does not say it.
    """

    model: ImageClassifier
    config: Config
    step: int | None


def load_run(run_dir: str | os.PathLike) -> TrainedRun:
    """Reads the model of a run at its newest checkpoint.

    Example:

    >>> model = dlgn_tf.load_run("runs/c4gap_dlgn-digits").model

    Args:
        run_dir: Path-like, written by `dlgn_tf.train`; or `"preset:NAME"`, see
            `dlgn_tf.presets`.

    Returns:
        `TrainedRun`, a tuple `(model, config, step)`. The model is the one that
        the flags of the run describe or, where the checkpoint is of another
        one, that of its .keras file.

    Raises:
        UserError: if there is no such run.
    """
    directory = RunDirectory(run_dir)
    config = directory.read_config()
    model = create_configured_model(config)
    try:
        step = restore_newest(directory, model)
    except MisfitError as error:
        # An earlier version may have made another network of the same flags.
        if not directory.model.exists() and not directory.best.exists():
            raise
        model = trained.load_trained(run_dir, config)
        step = restore_newest(directory, model)
        print(f"{run_dir}: the network as it was made. {error}")
    return TrainedRun(model, config, step)


def restore_newest(directory, model):
    """Gives a model the weights of the newest checkpoint of a `RunDirectory`.

    Of a copy that is without checkpoints, those of its model.keras.

    Returns:
        Integer, the step; None where the file does not say it.
    """
    if not directory.has_checkpoints():
        source, step = trained.load_with_step(directory.model)
        with engine.misfits(directory.model, UserError):
            transfer.copy_model(source, model)
        return step
    step, _ = Checkpoints(directory.checkpoints).restore_newest(
        lambda prefix: engines.restore_model(prefix, model)
    )
    return step

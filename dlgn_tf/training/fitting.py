"""Training from Python: `dlgn_tf.fit`, with the loop of the command."""

import contextlib
import io
import json
import logging
import os
import signal
import sys
import tempfile
import threading
import typing
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from dlgn_tf import config as config_lib
from dlgn_tf.command import fields
from dlgn_tf.config import TrainingFlags
from dlgn_tf.data import own
from dlgn_tf.data.given import Data
from dlgn_tf.errors import UserError
from dlgn_tf.layers.pixel_normalization import PixelNormalization
from dlgn_tf.models import objectives, registry
from dlgn_tf.models.classifier import ImageClassifier
from dlgn_tf.training import configured, loop

# Callbacks of what is the loop's, and what does it.
_RATES = "learning_rates or boundaries"
_REFUSED = {
    keras.callbacks.LearningRateScheduler: _RATES,
    keras.callbacks.ReduceLROnPlateau: _RATES,
    keras.callbacks.TensorBoard: "run_dir, where its curves are written,",
    keras.callbacks.BackupAndRestore: "run_dir, where a run goes on,",
    keras.callbacks.SwapEMAWeights: "flags of the optimiser",
}


class Fitted(typing.NamedTuple):
    """What `fit` returns.

    Attributes:
        model: The trained `ImageClassifier`.
        history: Dict of lists with an entry for each evaluation: step, loss
            and accuracy of training since the last one, val_loss and
            val_accuracy of the test examples; of a regression the loss is the
            mean squared error, and r2 and val_r2 stand for the accuracies. A
            run that goes on, or was at its end, has those of its metrics.jsonl
            before, which keeps none of training (NaN).
    """

    model: ImageClassifier
    history: dict[str, list]


def fit(
    model: ImageClassifier | str,
    data: Data | str,
    *,
    run_dir: str | os.PathLike | None = None,
    epochs: float | None = None,
    callbacks: keras.callbacks.Callback
    | Sequence[keras.callbacks.Callback] = (),
    verbose: bool = True,
    **flags: Any,
) -> Fitted:
    """Trains a network as `python -m dlgn_tf.train` does, in this process.

    Example:

    >>> data = dlgn_tf.data.from_arrays(x, y)
    >>> model, history = dlgn_tf.fit("c4gap_dlgn", data, epochs=5, width=16)

    Args:
        model: String, ARCHITECTURE_FAMILY; or a model of `create_model`, which
            is trained in place. With `run_dir` flags must describe that one.
        data: `Data` of `dlgn_tf.data.from_arrays` and the like, or a string, a
            value of `--dataset`.
        run_dir: Path-like, where checkpoints, TensorBoard's curves and models
            are kept; a run that has checkpoints there goes on, exactly. By
            default nothing is kept.
        epochs: Number of passes over the training images. Defaults to the
            recipe of the architecture, unless `train_steps` is given.
        callbacks: Of Keras, one or several; their methods for the begin and
            the end of training and for the end of an epoch are called, at each
            evaluation (`eval_every`, by default one pass). One that sets
            `model.stop_training` ends the training. Where one leaves other
            weights at the end, such as the best, these are kept.
        verbose: Boolean. Whether progress is shown.
        **flags: Any other flags of `dlgn_tf.train` by name, such as
            `width=16` or `learning_rates=(0.01,)`.

    Returns:
        `Fitted`, a tuple `(model, history)`. Ctrl-C ends the training, and
        what there is by then is returned.

    Raises:
        UserError: if flags or data cannot be, or do not fit the model.
    """
    if not isinstance(data, (Data, str)):
        raise UserError(
            "Expected data of dlgn_tf.data.from_arrays and the like, or a "
            f"value of --dataset. Received: {type(data).__name__}"
        )
    own = model if isinstance(model, ImageClassifier) else None
    if isinstance(model, keras.Model) and own is None:
        raise UserError(
            "Expected the name of a model, or one of create_model or "
            f"from_keras. Received: a keras.{type(model).__name__}, of which "
            "dlgn_tf.from_keras makes one"
        )
    with contextlib.ExitStack() as stack:
        if run_dir is None:
            # The loop keeps its records somewhere; these go.
            run_dir = stack.enter_context(tempfile.TemporaryDirectory())
            kept = False
        else:
            kept = True
        name = str(getattr(model, "name", model))
        config = _config(name, data, run_dir, epochs, flags, own)
        if own is not None:
            _check_model(own, config, kept)
        policy = keras.config.dtype_policy()
        stack.callback(keras.config.set_dtype_policy, policy)
        given = Given(own, data, callbacks, config, kept)
        stack.enter_context(_without_retracing())
        if not verbose:
            stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        try:
            loop.train(config, given)
        except loop.Stopped as stopped:
            print(stopped if kept else "stopped")
    return Fitted(given.model, given.history)


@contextlib.contextmanager
def _without_retracing():
    """Each call has a network of its own, which TensorFlow takes for one."""

    def wanted(record):
        return "retracing" not in record.getMessage()

    logger = logging.getLogger("tensorflow")
    logger.addFilter(wanted)
    try:
        yield
    finally:
        logger.removeFilter(wanted)


def _config(name, data, run_dir, epochs, flags, model):
    """The `Config` of a call, of a model of its own or None."""
    registry.parse(name)
    own.forget()
    given = {"model": name, "run_dir": os.fspath(run_dir), "epochs": epochs}
    measured = None
    if isinstance(data, Data):
        source, measured = data.source, data.info
        given |= {"dataset": source.name, **vars(source.how)}
        given["npz" if source.name == "npz" else "data_dir"] = source.path
        doubled = set(flags) & set(given)
    else:
        given["dataset"] = data
        doubled = set(flags) & {"model", "dataset"}
    known = set(fields.of(TrainingFlags)) - {"list_models", "list_presets"}
    unknown = sorted(set(flags) - known | doubled)
    if unknown:
        raise UserError(
            "Expected flags of dlgn_tf.train in a call of fit that data and "
            f"model do not say. Received: {', '.join(unknown)}"
        )
    network = None
    if model is not None and model.description:
        network = json.loads(model.description)
        if getattr(model.normalization, "identical", False):
            given["normalization"] = "none"
    if model is not None and model.objective.loss == "logistic":
        given["loss"] = "logistic"
    training_flags = fields.of_values(TrainingFlags, {**given, **flags})
    config = config_lib.resolve(training_flags, measured, network)
    config_lib.check_environment(config)
    return config


def _check_model(model, config, kept):
    """Raises a `UserError` unless data and flags are for a model."""
    info = config.info
    if (model.image_shape, model.classes) != (info.image_shape, info.classes):
        raise UserError(
            f"Expected data of shape {model.image_shape} in {model.classes} "
            f"classes, as the model takes them. Received: {info.image_shape} "
            f"in {info.classes}"
        )
    logistic = "logistic" in (model.objective.loss, config.loss)
    if logistic and model.objective.loss != config.loss:
        raise UserError(
            "Expected a model made with loss='logistic' (of create_model or "
            f"from_keras) with that loss, and with no other. Received: loss="
            f"{config.loss} and a model of loss={model.objective.loss}"
        )
    model.objective = objectives.of_targets(config.loss, info.target_std)
    _note_scale(model.normalization, info)
    if not kept:
        return
    described = configured.create_configured_model(config).get_config()
    own = model.get_config()
    others = [
        f"{k} ({_short(own.get(k))}, by the flags {_short(described[k])})"
        for k in described
        if _plain(described[k]) != _plain(own.get(k))
    ]
    if others:
        raise UserError(
            "Expected with run_dir a model that the flags of the call describe "
            "(its width, normalization, ...), or its name in its place. "
            f"Received: one of another {'; '.join(others)}"
        )


def _note_scale(normalization, info):
    """Says it where numbers of any scale are taken for pixels."""
    default = PixelNormalization()
    scales = [
        (getattr(x, "mean", None), getattr(x, "std", None))
        for x in (normalization, default)
    ]
    if info.dtype == "float32" and scales[0] == scales[1]:
        print(
            "the model divides numbers by 255, as it does pixels; one of "
            "create_model(..., mean=data.info.mean, std=data.info.std) "
            "standardises these data"
        )


def _short(config):
    if isinstance(config, dict) and "class_name" in config:
        own = _plain(config["config"])
        config = f"{config['class_name']} {own}"
    return f"{str(config)[:80]}"


def _plain(config):
    """A model's configuration without the names that Keras counts."""
    if isinstance(config, dict):
        passing = "name", "seed", "keras_history", "build_config", "as_keras"
        return {k: _plain(v) for k, v in config.items() if k not in passing}
    if isinstance(config, (list, tuple)):
        return [_plain(x) for x in config]
    return config


def _check_callback(each):
    """Raises a `UserError` unless it is a callback that can be heard here."""
    kind = type(each).__name__
    if not isinstance(each, keras.callbacks.Callback):
        raise UserError(f"Expected callbacks of Keras. Received: a {kind}")
    for refused, instead in _REFUSED.items():
        if isinstance(each, refused):
            raise UserError(
                f"What it does is the loop's. Expected {instead} in place of "
                f"a callback. Received: {kind}"
            )
    accuracy = str(getattr(each, "monitor", "")).endswith(("accuracy", "r2"))
    if accuracy and getattr(each, "mode", None) == "auto":
        # Keras would look for a compiled metric of that name.
        each.mode = "max"


class Given:
    """What a call of `fit` hands to the loop, and hears of it.

    Attributes:
        model: `ImageClassifier`, or None until the loop has made it.
        kept: Boolean, whether the run directory stays.
        history: See `Fitted`.
    """

    def __init__(self, model, data, callbacks, config, kept):
        self.model, self.kept, self.history = model, kept, {}
        self._data, self._config = data, config
        if isinstance(callbacks, keras.callbacks.Callback):
            callbacks = [callbacks]
        self._callbacks, self._list = list(callbacks), None
        self._stdout = sys.stdout
        for each in self._callbacks:
            _check_callback(each)

    def images(self):
        """Training and test images, or None: the loop reads them."""
        if not isinstance(self._data, Data):
            return None
        return self._data.first(self._config.train_examples)

    def begin(self, model, step, before):
        """The training of a model begins, or goes on.

        Args:
            model: `ImageClassifier`.
            step: Integer, the steps that were taken.
            before: Lines of metrics.jsonl, of the evaluations up to there.
        """
        self.model = model
        model.stop_training = False
        score = model.objective.score
        for line in before:
            loss = line.get("test_classification_loss", np.nan)
            loss = line.get("test_mean_squared_error", loss)
            tested = line.get(f"test_{score}", np.nan)
            self._note(line["step"], np.nan, np.nan, loss, tested)
        every, steps = self._config.eval_every, self._config.train_steps
        self._list = keras.callbacks.CallbackList(
            self._callbacks,
            model=model,
            epochs=-(-steps // every),
            steps=every,
            verbose=0,
        )
        with self._heard():
            self._list.on_train_begin()
            self._list.on_epoch_begin(step // every)

    def evaluated(self, step, training, test):
        """`Totals` of training since the last time, and of test images."""
        logs = self._note(
            step,
            training.mean_classification_loss,
            1 - training.error_rate,
            test.mean_classification_loss,
            test.accuracy,
        )
        if self._list:
            epoch = -(-step // self._config.eval_every)
            with self._heard():
                self._list.on_epoch_end(epoch - 1, logs)
                if step < self._config.train_steps and not self.stop:
                    self._list.on_epoch_begin(epoch)

    def _note(self, step, *values):
        """Adds an evaluation to the history; returns what callbacks hear."""
        score = self.model.objective.score
        names = "loss", score, "val_loss", f"val_{score}"
        logs = dict(zip(names, values, strict=True))
        for name, value in {"step": step, **logs}.items():
            self.history.setdefault(name, []).append(value)
        return logs

    @property
    def stop(self):
        """Whether a callback has asked for the end."""
        return bool(self.model.stop_training)

    def end(self):
        """The training ends; returns whether a callback changed weights."""
        if not self._list:
            return False
        before = self.model.get_weights() if self._callbacks else []
        with self._heard():
            self._list.on_train_end()
        self._list = None
        return not all(map(np.array_equal, before, self.model.get_weights()))

    @contextlib.contextmanager
    def _heard(self):
        """What callbacks print is shown, however silent the loop is."""
        with contextlib.redirect_stdout(self._stdout):
            try:
                yield
            except KeyboardInterrupt:
                if threading.current_thread() is threading.main_thread():
                    # As one from the keyboard, which the loop notes.
                    signal.raise_signal(signal.SIGINT)
                else:
                    self.model.stop_training = True

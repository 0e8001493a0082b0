"""Evaluates a run or weights: python -m dlgn_tf.evaluate --run_dir=RUN_DIR."""

import dataclasses
import json
import os

from dlgn_tf import config as config_lib
from dlgn_tf.command import cli, common_flags, fields, startup
from dlgn_tf.data import catalog, reading
from dlgn_tf.errors import UserError
from dlgn_tf.models import objectives
from dlgn_tf.output import files
from dlgn_tf.training import trained
from dlgn_tf.training.run_directory import RunDirectory

USAGE = """\
Evaluates a run, or trained weights, over every test image.

  python -m dlgn_tf.evaluate --run_dir=runs/c4gap_dlgn-digits
  python -m dlgn_tf.evaluate --run_dir=runs/c4gap_dlgn-digits --which=best
  python -m dlgn_tf.evaluate --model=resnet32_dnn --init_from=PATH
  python -m dlgn_tf.evaluate --run_dir=RUN_DIR --npz=OTHER_IMAGES.npz
  python -m dlgn_tf.evaluate --run_dir=RUN_DIR --dataset=svhn_cropped

--init_from is a run directory, a .keras file, a SavedModel of dlgn_tf.export,
or the prefix of a checkpoint of resnets-in-tensorflow2. The model is that of
--run_dir or, without it, the one that the flags name; so are the images unless
--dataset, --data_dir or --npz name others, of the same shape and as many
classes."""

# Flags that go with --run_dir, whose others say what the run is.
# All of other data are test images, unless they are split.
_WITH_RUN_DIR = {"data_dir", "npz", "dataset", "init_from", *reading.NAMES}
_WITH_RUN_DIR -= {*reading.OF_ARRAYS}


@dataclasses.dataclass(frozen=True)
class Command(config_lib.Network, fields.Command):
    """The flags of this command: those of a network, and its own."""

    run_dir: str | None = common_flags.run_dir()
    which: str = common_flags.which()
    eval_batch_size: int = common_flags.eval_batch_size()
    output: str | None = fields.flag(
        None, "File that takes the result as JSON. Default: none.", path=True
    )


def run(command):
    """Evaluates what a `Command` names, and tells."""
    config = _config(command)
    images = _images(command, config)
    if command.output:
        _check_output(command.output)

    startup.import_keras()
    batch_size = command.eval_batch_size
    if config.init_from is None:
        result = _evaluate_run(command.run_dir, config, images, batch_size)
    else:
        result = evaluate_weights(config, batch_size, images)
    step = result["step"]
    print(
        f"{result['model']} "
        f"{f'from {config.init_from}' if step is None else f'at step {step}'}: "
        f"{objectives.told(result)}, {_details(result)}"
    )
    if members := result.get("test_member_accuracies"):
        shown = ", ".join(f"{accuracy:.2%}" for accuracy in members)
        print(f"its {len(members)} members: {shown}")
    if command.output:
        with files.write_errors(command.output):
            files.write_atomically(command.output, json.dumps(result, indent=1))
    return result


def _details(result):
    where = f"{result['test_images']:,} images of {result['dataset']}"
    if "errors" not in result:
        error = result["test_mean_squared_error"]
        return f"mean squared error {error:.4g} over {where}"
    loss = result["test_classification_loss"]
    return f"{result['errors']} errors in {where}, cross-entropy {loss:.4f}"


def _config(command):
    """What is evaluated: `init_from` is None for a run's newest checkpoint."""
    if not command.run_dir:
        return _config_without_run(command)
    said = [x for x in fields.of(config_lib.Network) if x not in _WITH_RUN_DIR]
    command.check_absent(said, "with --run_dir, which says it")
    directory = RunDirectory(command.run_dir)
    config = directory.read_config()
    source = command.init_from
    if command.which == "best":
        if source is not None:
            raise UserError(
                "Expected --which=best or --init_from. Received: both"
            )
        source = str(trained.locate_best(directory))
    if source is not None:
        with trained.named("init_from", source):
            trained.locate(source)
    return dataclasses.replace(config, init_from=source)


def _images(command, config):
    """Keyword arguments of `sources.load`, checked."""
    if command.run_dir:
        dataset = command.dataset if "dataset" in command.given else None
        named = command.data_dir, command.npz, dataset, command
        return catalog.source_of_run(config, *named, whole=True)
    images = catalog.place_of(config)
    catalog.check_available(**images)
    return images


def _config_without_run(command):
    if command.init_from is None:
        raise UserError(
            "Expected --run_dir=RUN_DIR, or --init_from=PATH with the flags of "
            "its model. Received: neither"
        )
    if "model" not in command.given:
        raise UserError(
            "Expected --model=ARCHITECTURE_FAMILY with --init_from. Received: "
            "no --model"
        )
    config = config_lib.resolve_network(command)
    with trained.named("init_from", config.init_from):
        trained.locate(config.init_from)
    return config


def _check_output(path):
    folder = os.path.dirname(path) or "."
    other = os.path.exists(path) and not os.path.isfile(path)
    if other or not os.path.isdir(folder):
        raise UserError(
            "Expected --output to be a file in a directory that is there. "
            f"Received: {path}"
        )
    files.check_writable(folder, "output")


def evaluate(run_dir, data_dir=None, batch_size=500, npz=None, dataset=None):
    """Evaluates the newest checkpoint of a run over every test image.

    Args:
        run_dir: Path-like.
        data_dir: Path-like, where prepared TFDS data sets are. Defaults to
            `None`: the data of the run.
        batch_size: Integer.
        npz: Path-like, an .npz of images in their place. Defaults to `None`.
        dataset: String, a data set of as many classes and of images of the
            same shape. Defaults to `None`: that of the run.

    Returns:
        Dict of model, dataset, step, test_accuracy, errors, test_images,
        test_classification_loss (nats); for an ensemble also
        test_member_accuracies, a list; of a regression test_r2 and
        test_mean_squared_error in place of accuracy, errors and loss.

    Raises:
        UserError: if the run or its data cannot be found, or do not fit.
    """
    config = RunDirectory(run_dir).read_config()
    images = catalog.source_of_run(config, data_dir, npz, dataset, whole=True)
    return _evaluate_run(run_dir, config, images, batch_size)


def _evaluate_run(run_dir, config, images, batch_size):
    from dlgn_tf.training import runs
    from dlgn_tf.training.engine import MisfitError

    def fill(model):
        try:
            return runs.restore_newest(RunDirectory(run_dir), model), None
        except MisfitError:
            run = runs.load_run(run_dir)
            return run.step, run.model

    return _evaluate(config, images, fill, batch_size)


def evaluate_weights(config, batch_size=500, images=None):
    """Evaluates the weights that `init_from` of a `Config` names.

    Args:
        config: `Config` of the model.
        batch_size: Integer.
        images: Dict, keyword arguments of `sources.load`. Defaults to `None`:
            the images of the `Config`.

    Returns:
        As `evaluate`; step is None where the file does not say it.

    Raises:
        UserError: if the weights or the data cannot be found, or are those of
            another model.
    """
    from dlgn_tf.models import transfer

    def fill(model):
        with trained.named("init_from", config.init_from):
            source, step = trained.load_with_step(config.init_from, config)
            transfer.check_same_gates(source, model)
            transfer.copy_model(source, model)
        return step, None

    images = images or catalog.place_of(config)
    return _evaluate(config, images, fill, batch_size)


def _evaluate(config, images, fill, batch_size):
    """Evaluates the model of a `Config` as `fill(model)` leaves it.

    That returns the step, and another model if it is to be taken, or None.
    """
    from dlgn_tf.data import sources
    from dlgn_tf.training import engines, loop

    # However many devices the run had, one is always there.
    config = dataclasses.replace(
        config, strategy="auto", xla=False, teacher=None
    )
    engine = engines.create_engine(config)
    step, other = fill(engine.model)
    _, test_images = sources.load(train_examples=1, **images)
    if other is None:
        totals = loop.evaluate_with_progress(engine, test_images, batch_size)
    else:
        totals = engines.evaluate_model(other, test_images, batch_size)
    result = {
        "model": config.model,
        "dataset": images["name"],
        "step": step,
        **_measured((other or engine.model).objective, totals),
    }
    if totals.member_errors:
        result["test_member_accuracies"] = totals.member_accuracies
    return result


def _measured(objective, totals):
    """What an evaluation came to, as JSON has it."""
    loss = totals.mean_classification_loss
    if objective.loss == "squared":
        return {
            "test_r2": totals.accuracy,
            "test_images": totals.images,
            "test_mean_squared_error": loss,
        }
    return {
        "test_accuracy": totals.accuracy,
        "errors": int(totals.errors),
        "test_images": totals.images,
        "test_classification_loss": loss,
    }


if __name__ == "__main__":
    cli.run(run, "dlgn_tf.evaluate", USAGE, Command)

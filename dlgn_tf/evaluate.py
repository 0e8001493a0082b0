"""Evaluates a run: python -m dlgn_tf.evaluate --run_dir=RUN_DIR."""

import dataclasses
import json
import os
import sys

from absl import flags

from dlgn_tf import cli
from dlgn_tf.data import catalog
from dlgn_tf.errors import UserError
from dlgn_tf.training import files
from dlgn_tf.training.run_directory import RunDirectory

USAGE = """\
Evaluates the newest checkpoint of a run over every test image.

  python -m dlgn_tf.evaluate --run_dir=runs/c4gap_dlgn-digits"""


def define_flags():
    flags.DEFINE_string("run_dir", None, "Directory of the run.")
    flags.DEFINE_string(
        "data_dir",
        None,
        "Folder of prepared TFDS data sets. Default: that of the run.",
    )
    flags.DEFINE_integer(
        "eval_batch_size", 500, "Images a step.", lower_bound=1
    )
    flags.DEFINE_string(
        "output", None, "File that takes the result as JSON. Default: none."
    )


def main():
    values = flags.FLAGS
    if not values.run_dir:
        raise UserError("Expected --run_dir=RUN_DIR. Received: no --run_dir")
    config = RunDirectory(values.run_dir).read_config()
    data_dir = values.data_dir or config.data_dir
    if not config.npz:
        catalog.check_available(config.dataset, data_dir, download=False)
    if values.output:
        _check_output(values.output)

    cli.import_keras()
    result = evaluate(values.run_dir, data_dir, values.eval_batch_size)
    print(
        f"{result['model']} at step {result['step']}: test accuracy "
        f"{result['test_accuracy']:.2%}, {result['errors']} errors in "
        f"{result['test_images']:,} images of {result['dataset']}, "
        f"cross-entropy {result['test_classification_loss']:.4f}"
    )
    if members := result.get("test_member_accuracies"):
        shown = ", ".join(f"{accuracy:.2%}" for accuracy in members)
        print(f"its {len(members)} members: {shown}")
    if values.output:
        with files.write_errors(values.output):
            files.write_atomically(values.output, json.dumps(result, indent=1))


def _check_output(path):
    folder = os.path.dirname(path) or "."
    if os.path.isdir(path) or not os.path.isdir(folder):
        raise UserError(
            "Expected --output to be a file in a directory that is there. "
            f"Received: {path}"
        )
    files.check_writable(folder, "output")


def evaluate(run_dir, data_dir=None, batch_size=500):
    """Evaluates the newest checkpoint of a run over every test image.

    Args:
        run_dir: Path-like.
        data_dir: Path-like or None, where prepared TFDS data sets are.
        batch_size: Integer.

    Returns:
        Dict of model, dataset, step, test_accuracy, errors, test_images,
        test_classification_loss (nats); for an ensemble also
        test_member_accuracies, a list.

    Raises:
        UserError: if the run or its data cannot be found.
    """
    from dlgn_tf.data import sources
    from dlgn_tf.training import engine as engines
    from dlgn_tf.training import loop
    from dlgn_tf.training.checkpoints import Checkpoints

    directory = RunDirectory(run_dir)
    config = directory.read_config()
    prefix, step, _ = Checkpoints(directory.checkpoints).newest_good()
    # However many devices the run had, one is always there.
    config = dataclasses.replace(config, strategy="auto", xla=False)
    engine = engines.create_engine(config)
    engines.restore_model(prefix, engine.model)
    _, test_images = sources.load(
        config.dataset, data_dir, train_examples=1, npz_file=config.npz
    )
    totals = loop.evaluate_with_progress(engine, test_images, batch_size)
    result = {
        "model": config.model,
        "dataset": config.dataset,
        "step": step,
        "test_accuracy": totals.accuracy,
        "errors": int(totals.errors),
        "test_images": totals.images,
        "test_classification_loss": totals.mean_classification_loss,
    }
    if totals.member_errors:
        result["test_member_accuracies"] = totals.member_accuracies
    return result


if __name__ == "__main__":
    define_flags()
    sys.exit(cli.run(main, "dlgn_tf.evaluate", USAGE))

"""Feature components: python -m dlgn_tf.complexity --run_dir=RUN_DIR."""

import logging
import sys

from absl import flags

from dlgn_tf import training_flags
from dlgn_tf.command import cli
from dlgn_tf.command import startup
from dlgn_tf.complexity import experiments
from dlgn_tf.data import catalog
from dlgn_tf.errors import UserError
from dlgn_tf.output import files
from dlgn_tf.output import origin
from dlgn_tf.training.source import Source

USAGE = """\
Splits a feature of a trained network by the number of nonlinear layers that it
takes to compute it (Ren et al., arXiv 2006.15920).

  python -m dlgn_tf.complexity --run_dir=RUN_DIR --output_dir=DIR \\
      --layer=group3_block3_2 --orders=4,7,13,25
  python -m dlgn_tf.complexity --model_path=MODEL.keras --dataset=digits \\
      --layer=LAYER --output_dir=DIR
  python -m dlgn_tf.complexity --model_path=PREFIX --model=resnet32_dnn \\
      --data_dir=DIR --output_dir=DIR   # checkpoint of resnets-in-tensorflow2
  python -m dlgn_tf.complexity --experiment=samples --output_dir=DIR

--experiment is one of, by the paper's number or by name,
  1 tasks           networks fitted to tasks of known depth
  2 samples         significance and reliability by number of training images
  3 effectiveness   which components help, and which over-fit
  4 classification  a network's head on its components
  5 compression     a network, compressed and distilled
  6 prediction      accuracy and loss from the shares of components
  gated             DLGN, DGN and DNN of one architecture side by side
Tables (CSV), pictures (PNG) and report.md are written to --output_dir. What was
stopped goes on there."""

SCALES = ("minutes", "full")
SYNTHETIC = "shapes"
# Of a data set, at the scale of minutes.
_FEW_IMAGES = 5000
# Seeds where the flag is not given.
_SEEDS = {"gated": 3}
# Flags that have an effect on a network of one's own only.
_OF_NETWORKS = (
    "run_dir",
    "model_path",
    "model",
    "layer",
    "network",
    "panels",
)


def define_flags():
    _define_network_flags()
    _define_experiment_flags()
    _define_training_flags()
    flags.DEFINE_string("output_dir", None, "Where results are written.")


def _define_network_flags():
    flags.DEFINE_string("run_dir", None, "Directory of a run.")
    flags.DEFINE_string(
        "model_path",
        None,
        "A .keras file, or the prefix of a checkpoint of "
        "resnets-in-tensorflow2.",
    )
    flags.DEFINE_string("model", None, "The network of such a checkpoint.")
    flags.DEFINE_string(
        "layer",
        None,
        "Gate site, whose pre-activation is taken, or another layer. Default: "
        "the last gate site.",
    )
    flags.DEFINE_enum(
        "network", "value", ["value", "gating"], "Of a gated network."
    )
    flags.DEFINE_integer("panels", 3, "Test images that are drawn.", 0)
    flags.DEFINE_integer("seed", 0, "Of disentangler nets.", 0)


def _define_experiment_flags():
    flags.DEFINE_enum(
        "experiment",
        None,
        [*experiments.NUMBERED, *experiments.NAMES],
        "An experiment, in place of a network of one's own.",
    )
    flags.DEFINE_integer(
        "seeds",
        None,
        "Seeds 0, 1, ... of an experiment. Default: 2; of gated 3.",
        1,
    )
    flags.DEFINE_string(
        "networks",
        None,
        "Table of networks (CSV) of --experiment=prediction, with columns "
        "n_train, test_acc, test_loss and, for orders L, rho_reli_L, "
        "rho_unreli_L and rho_c_L, such as --experiment=samples writes.",
    )


def _define_training_flags():
    flags.DEFINE_enum(
        "scale",
        "minutes",
        list(SCALES),
        "minutes: for two CPU cores (assumed). full: the authors' sizes.",
    )
    flags.DEFINE_list(
        "orders", None, "Numbers of nonlinear layers. Default: of the scale."
    )
    flags.DEFINE_float(
        "width",
        None,
        "r: disentangler nets have 128r, 256r and 512r filters. Default: of "
        "the scale.",
        1e-3,
    )
    flags.DEFINE_integer(
        "epochs", None, "Of every disentangler net. Default: of the scale.", 1
    )
    flags.DEFINE_integer(
        "draws", None, "Images of an epoch. Default: of the scale.", 1
    )
    flags.DEFINE_integer(
        "images",
        None,
        "Training images that disentangler nets see, the first ones. Default: "
        f"all; of a data set {_FEW_IMAGES:,} at --scale=minutes.",
        1,
    )
    flags.DEFINE_string(
        "dataset",
        None,
        f"{SYNTHETIC} (drawn on the spot, experiments only) or a data set. "
        f"Default: that of the run; of a network cifar10; {SYNTHETIC}, but for "
        "--experiment=gated or --scale=full cifar10.",
    )
    training_flags.define_place_flags(
        "that of the run, or ~/tensorflow_datasets"
    )


def main():
    values = flags.FLAGS
    _check(values)
    if not values.output_dir:
        raise UserError("Expected --output_dir=DIR. Received: no --output_dir")
    orders = _orders(values.orders)
    if values.experiment:
        name = experiments.NUMBERED.get(values.experiment, values.experiment)
        data = _data_of_experiment(values, name)
    else:
        data = _data_of_network(values)
    files.check_writable(values.output_dir, "output_dir")

    startup.import_keras(("tensorflow",))
    # TensorFlow warns of each graph that is made for one net alone.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    if values.experiment:
        _experiment(values, name, data, orders)
    else:
        _network(values, data, orders)
    origin.note_command(values.output_dir)


def _check(values):
    """Exactly one thing to do, and no flag that has no effect on it."""
    _source(values)
    names = ("run_dir", "model_path", "experiment")
    given = [name for name in names if values[name].value]
    useless = ["seeds", "networks"]
    if values.experiment:
        useless = [*_OF_NETWORKS, "seed"]
        if values.experiment in ("6", "prediction"):
            useless += ["orders", "width", "epochs", "draws", "images"]
            useless += ["dataset", "data_dir", "npz", "seeds", "scale"]
        else:
            useless.append("networks")
    if values.run_dir:
        useless += ["model", "dataset"]
    cli.check_absent(
        values, useless, f"with --{given[0]}={values[given[0]].value}"
    )


def _source(values):
    """The network, or no network of an experiment."""
    return Source.of_flags(values, ("experiment", "NAME"))


def _orders(texts):
    """Integers, or None where none are given."""
    if texts is None:
        return None
    whole = all(text.strip().isdecimal() for text in texts)
    orders = tuple(int(text) for text in texts) if whole else ()
    of_nets = all(order >= 4 and order % 3 == 1 for order in orders)
    if not (orders and of_nets and list(orders) == sorted({*orders})):
        raise UserError(
            "Expected --orders 3m + 1 from the lowest to the highest, such as "
            f"4,7,13,25. Received: --orders={','.join(texts)}"
        )
    return orders


def _data_of_experiment(values, name):
    """Fields of the experiment's `Task` that say which images, checked."""
    if name == "prediction":
        return {}
    photographs = name == "gated" or values.scale == "full"
    found = values.dataset or ("cifar10" if photographs else SYNTHETIC)
    if found == SYNTHETIC:
        cli.check_absent(values, ["npz"], f"on {SYNTHETIC}")
        return {"data": found, "train_examples": values.images}
    source = _read_from(values, found)
    return {
        "data": source.pop("name"),
        "npz": source.pop("npz_file"),
        **source,
    }


def _images(values, available):
    """How many training images are read: an integer."""
    few = _FEW_IMAGES if values.scale == "minutes" else available
    return values.images or min(few, available)


def _data_of_network(values):
    """Keyword arguments of `sources.load`, checked."""
    network = _source(values)
    network.check()
    images = network.images(values.data_dir, values.npz)
    seen = catalog.examples(**images)["train"]
    if network.config:
        seen = min(network.config.train_examples, seen)
    return {**images, "train_examples": _images(values, seen)}


def _read_from(values, dataset):
    source = catalog.source(dataset, values.data_dir, values.npz)
    available = catalog.examples(**source)["train"]
    return {**source, "train_examples": _images(values, available)}


def _scale(values, orders):
    """The `Scale` with what the flags change."""
    import dataclasses

    from dlgn_tf.complexity.experiments.settings import SCALES

    changes = {
        "orders": orders,
        "width": values.width,
        "epochs": values.epochs,
        "draws": values.draws,
    }
    given = {k: v for k, v in changes.items() if v is not None}
    scale = dataclasses.replace(SCALES[values.scale], **given)
    # Raises now what would otherwise be said after a training.
    scale.ladder(seed=0)
    return scale


def _experiment(values, name, data, orders):
    import importlib

    from dlgn_tf.complexity.experiments.task import Task

    module = importlib.import_module(f"dlgn_tf.complexity.experiments.{name}")
    module.run(
        Task(
            output_dir=values.output_dir,
            scale=_scale(values, orders),
            seeds=values.seeds or _SEEDS.get(name, 2),
            **data,
            networks=values.networks,
            command=origin.command_line(),
        )
    )


def _network(values, data, orders):
    from dlgn_tf.complexity import command

    command.measure(
        command.Task(
            output_dir=values.output_dir,
            ladder=_scale(values, orders).ladder(values.seed),
            data=data,
            source=_source(values),
            layer=values.layer,
            network=values.network,
            panels=values.panels,
            command=origin.command_line(),
        )
    )


if __name__ == "__main__":
    define_flags()
    sys.exit(cli.run(main, "dlgn_tf.complexity", USAGE))

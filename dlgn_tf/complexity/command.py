"""What `python -m dlgn_tf.complexity` is asked for. Imports nothing heavy."""

import dataclasses
import importlib
import logging
import re

from dlgn_tf.choices import NETWORKS
from dlgn_tf.command import common_flags, fields, startup
from dlgn_tf.command.fields import flag
from dlgn_tf.complexity import experiments
from dlgn_tf.complexity.experiments import SYNTHETIC
from dlgn_tf.data import catalog
from dlgn_tf.errors import UserError
from dlgn_tf.output import files, origin
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
  widths            1 again, by disentangler nets of several widths
  gated             DLGN, DGN and DNN of one architecture side by side
Tables (CSV), pictures (PNG) and report.md are written to --output_dir. What was
stopped goes on there."""

SCALES = ("minutes", "hours", "full")
# Of a data set, where a scale does not take all.
_FEW_IMAGES = {"minutes": 5_000, "hours": 10_000}
# Seeds where the flag is not given.
_SEEDS = {"gated": 3}
_TEACHERS = ("samples", "effectiveness", "classification")
# Flags that one or some of the experiments have a use for.
_EXPERIMENTS_OF = {
    "depths": (*_TEACHERS, "compression"),
    "counts": _TEACHERS,
    "compressed_depth": ("compression",),
    "compressed_count": ("compression",),
    "widths": ("widths",),
    # None: of a network.
    "resamples": (None, "tasks", "samples", "compression", "widths", "gated"),
}
# Flags that replace what a scale says.
_OF_SCALE = ("width", "epochs", "draws", *_EXPERIMENTS_OF)
# Of --experiment=prediction only.
_TABLES = ("networks", "compressed")
# Flags that have an effect on a network of one's own only.
_OF_NETWORKS = ("run_dir", "model_path", "model", "layer", "network", "panels")


def _counted(text, least=1):
    return flag(None, f"{text} Default: of the scale.", least=least)


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this command."""

    run_dir: str | None = common_flags.run_dir("Directory of a run.")
    model_path: str | None = common_flags.model_path()
    model: str | None = common_flags.model()
    layer: str | None = flag(
        None,
        "Gate site, whose pre-activation is taken, or another layer. Default: "
        "the last gate site.",
    )
    network: str = flag(
        "value",
        "Of a gated network: which of the two has the feature.",
        choices=NETWORKS,
    )
    panels: int = flag(3, "Test images that are drawn.", least=0)
    seed: int = common_flags.seed(
        "Draws weights and images of disentangler nets."
    )
    experiment: str | None = flag(
        None,
        "An experiment, in place of a network of one's own.",
        choices=(*experiments.NUMBERED, *experiments.NAMES),
    )
    seeds: int | None = flag(
        None,
        "Seeds 0, 1, ... of an experiment. Default: 2; of gated 3.",
        least=1,
    )
    networks: str | None = flag(
        None,
        "Table of networks (CSV) of --experiment=prediction, with columns "
        "n_train, test_acc, test_loss and, for orders L, rho_reli_L, "
        "rho_unreli_L and rho_c_L, such as --experiment=samples writes.",
        path=True,
    )
    compressed: str | None = flag(
        None,
        "Another such table, as --experiment=compression writes: the fit of "
        "--experiment=prediction predicts its networks, too.",
        path=True,
    )
    scale: str = flag(
        "minutes",
        "minutes, hours: of two CPU cores (assumed). full: the authors' sizes.",
        choices=SCALES,
    )
    orders: tuple[str, ...] | None = flag(
        None, "Numbers of nonlinear layers. Default: of the scale."
    )
    depths: tuple[int, ...] | None = _counted(
        "Depths 6n + 2 of the ResNets of --experiment=samples, effectiveness "
        "and classification; the deepest is that of the exemplary networks of "
        "samples and compression.",
        8,
    )
    counts: tuple[int, ...] | None = _counted(
        "Numbers of training images of the ResNets of --experiment=samples, "
        "effectiveness and classification."
    )
    compressed_depth: int | None = _counted(
        "Depth 6n + 2 of the ResNet of --experiment=compression.", 8
    )
    compressed_count: int | None = _counted(
        "Training images of the ResNet of --experiment=compression."
    )
    widths: tuple[float, ...] | None = _counted(
        "Widths r of the nets that --experiment=widths compares.", 1e-3
    )
    width: float | None = _counted(
        "Width r: disentangler nets have 128r, 256r and 512r filters.", 1e-3
    )
    epochs: int | None = _counted("Epochs of every disentangler net.")
    draws: int | None = _counted("Images that are drawn for an epoch.")
    resamples: int | None = flag(
        None,
        "How often images are drawn again, for 95% intervals of shares. "
        "Default: in experiments 200; of a network 0, since each takes the "
        "memory of one image's components.",
        least=0,
    )
    images: int | None = flag(
        None,
        "Training images that disentangler nets see, the first ones. Default: "
        f"all; of a data set {_FEW_IMAGES['minutes']:,} at --scale=minutes, "
        f"{_FEW_IMAGES['hours']:,} at hours.",
        least=1,
    )
    dataset: str | None = flag(
        None,
        f"{SYNTHETIC} (drawn on the spot, experiments only) or a data set. "
        f"Default: that of the run; of a network cifar10; {SYNTHETIC} at "
        "--scale=minutes, but for --experiment=gated; else cifar10.",
    )
    data_dir: str | None = common_flags.data_dir(
        "that of the run, or ~/tensorflow_datasets"
    )
    npz: str | None = common_flags.npz()
    output_dir: str | None = common_flags.output_dir()


def run(command):
    """Measures what a `Command` asks for."""
    network = Source.of_flags(command, ("experiment", "NAME"))
    _check(command)
    orders = _orders(command.orders)
    name = _name(command)
    if name:
        images = _images_of_experiment(command, name)
    else:
        images = _images_of_network(command, network)
    files.check_writable(command.output_dir, "output_dir")

    startup.import_keras(("tensorflow",))
    # TensorFlow warns of each graph that is made for one net alone.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    scale = _scale(command, orders)
    if name:
        _run_experiment(command, name, images, scale)
    else:
        from dlgn_tf.complexity import one_network

        ladder = scale.ladder(command.seed)
        one_network.measure(command, network, ladder, images)
    origin.note_command(command.output_dir)
    return command.output_dir


def _check(command):
    """Refuses flags that have no effect on what there is to do."""
    names = ("run_dir", "model_path", "experiment")
    (given,) = [name for name in names if getattr(command, name)]
    useless = ["seeds", *_TABLES]
    experiment = _name(command)
    if command.experiment:
        useless = [*_OF_NETWORKS, "seed"]
        if experiment == "prediction":
            useless += ["orders", *_OF_SCALE, "images"]
            useless += ["dataset", "data_dir", "npz", "seeds", "scale"]
        else:
            useless += _TABLES
    if command.run_dir:
        useless += ["model", "dataset"]
    useless += [k for k, v in _EXPERIMENTS_OF.items() if experiment not in v]
    command.check_absent(
        dict.fromkeys(useless), f"with --{given}={getattr(command, given)}"
    )


def _name(command):
    """Of the experiment, which may be given by its number; or None."""
    return experiments.NUMBERED.get(command.experiment, command.experiment)


def _orders(texts):
    """Integers, or None where none are given."""
    if texts is None:
        return None
    whole = all(re.fullmatch(r"\s*[0-9]{1,9}\s*", text) for text in texts)
    orders = tuple(int(text) for text in texts) if whole else ()
    of_nets = all(order >= 4 and order % 3 == 1 for order in orders)
    if not (orders and of_nets and list(orders) == sorted({*orders})):
        raise UserError(
            "Expected --orders 3m + 1 from the lowest to the highest, such as "
            f"4,7,13,25. Received: --orders={','.join(texts)}"
        )
    return orders


def _images_of_experiment(command, name):
    """Keyword arguments of the experiments' `data.load`, checked."""
    if name == "prediction":
        return {}
    photographs = name == "gated" or command.scale != "minutes"
    dataset = command.dataset or ("cifar10" if photographs else SYNTHETIC)
    if dataset == SYNTHETIC:
        command.check_absent(["npz"], f"on {SYNTHETIC}")
        return {"name": dataset, "train_examples": command.images}
    source = catalog.source(dataset, command.data_dir, command.npz)
    return _with_count(command, source, catalog.examples(**source)["train"])


def _with_count(command, source, available):
    """A source with how many training images are read of it."""
    few = _FEW_IMAGES.get(command.scale, available)
    count = command.images or min(few, available)
    return {**source, "train_examples": count}


def _images_of_network(command, network):
    """Keyword arguments of `sources.load`, checked."""
    network.check()
    images = network.images(command.data_dir, command.npz)
    seen = catalog.examples(**images)["train"]
    if network.config:
        seen = min(network.config.train_examples, seen)
    return _with_count(command, images, seen)


def _scale(command, orders):
    """The `Scale` with what the flags change."""
    from dlgn_tf.complexity.experiments import settings

    changes = {name: getattr(command, name) for name in _OF_SCALE}
    changes["orders"] = orders
    given = {k: v for k, v in changes.items() if v is not None}
    return dataclasses.replace(settings.SCALES[command.scale], **given)


def _run_experiment(command, name, images, scale):
    from dlgn_tf.complexity.experiments.experiment import Experiment

    module = importlib.import_module(f"dlgn_tf.complexity.experiments.{name}")
    module.run(
        Experiment(
            output_dir=command.output_dir,
            scale=scale,
            seeds=command.seeds or _SEEDS.get(name, 2),
            images=images,
            networks=command.networks,
            compressed=command.compressed,
            command=origin.command_line(),
        )
    )

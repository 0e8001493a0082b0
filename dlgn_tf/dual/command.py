"""What `python -m dlgn_tf.dual` is asked for. Imports nothing heavy."""

import dataclasses
import os

from dlgn_tf.command import common_flags, fields, scheduler, startup
from dlgn_tf.command.fields import flag
from dlgn_tf.data import catalog
from dlgn_tf.errors import UserError
from dlgn_tf.output import origin
from dlgn_tf.training.run_directory import RunDirectory
from dlgn_tf.training.source import Source

USAGE = """\
Computes the neural path kernel of a trained network and learns from it alone:
how well do the gates by themselves tell the classes apart?

  python -m dlgn_tf.dual --run_dir=RUN_DIR --images=1000
  python -m dlgn_tf.dual --model_path=MODEL.keras --dataset=digits \\
      --output_dir=DIR
  python -m dlgn_tf.dual --run_dir=RUN_DIR --images=500 --over_training
  python -m dlgn_tf.dual --run_dir=RUN_DIR --images=200 --ntk_trace
  python -m dlgn_tf.dual --run_dir=RUN_DIR --images=50000 --draws=16
  python -m dlgn_tf.dual --run_dir=RUN_DIR --images=10000 --layers

writes to RUN_DIR/dual
  kernels.csv       accuracy of regression and SVM, alignments, effective rank:
                    of the trained gates, and of random ones (an untrained copy)
  kernel.npz        the kernels of the trained network, and labels
  heat_map.png      the kernel ordered by class; .csv: means by class
  spectrum.png      eigenvalues; .csv: the same
  over_training.png the kernel at each of RUN_DIR/snapshots; .csv: the same
  ntk_trace.png     trace and norm of the value and gating parts of the neural
                    tangent kernel at each of them; .csv: the same
  features.csv      accuracy of regression on random path features, of trained
                    and of random gates
and what TensorBoard shows of all but the last."""

# Images of each, unless told otherwise or there are fewer.
_DEFAULT_IMAGES = {
    "kernel": 1000,
    "over_training": 500,
    "ntk_trace": 200,
    "features": 1000,
    "layers": 1000,
}
# Copies of the kernel that regression, spectrum and drawing hold at once.
_COPIES = 5


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this command."""

    run_dir: str | None = common_flags.run_dir()
    model_path: str | None = common_flags.model_path()
    model: str | None = common_flags.model()
    dataset: str | None = common_flags.dataset()
    images: int | None = flag(
        None,
        "The kernel is that of the first so many training images of the run. "
        "Default: 1000; 500 with --over_training, 200 with --ntk_trace.",
        least=10,
    )
    test_images: int | None = flag(
        None, "Test on the first so many test images. Default: all.", least=1
    )
    which: str = common_flags.which()
    over_training: bool = flag(
        False,
        "The kernel at each of the models that --snapshot_every of training "
        "kept, and its distance from the last one.",
    )
    ntk_trace: bool = flag(
        False,
        "At each of these models trace and norm of the neural tangent kernel, "
        "of its value part and of its gating part.",
    )
    draws: int | None = flag(
        None,
        "In place of the kernel random path features, of so many value "
        "networks with random weights: for many images, in whose number their "
        "time is linear.",
        least=1,
    )
    layers: bool = flag(
        False,
        "Of a network of dense layers in a row, regression with the product "
        "and with the sum of the kernels of its first 1, 2, 4, ... and all "
        "gate layers.",
    )
    biases: bool = flag(
        False,
        "Paths start at biases of the value network and at shifts of its batch "
        "normalisation too.",
    )
    single: bool = flag(
        False,
        "Inner products of gates that are not 0 or 1 in float32: faster. Those "
        "of hard gates are, exactly.",
    )
    alignment_ridge: float = flag(
        1e-6,
        "Added to the kernel in y^T (H / tr H)^-1 y, in units of its mean "
        "eigenvalue (assumed).",
        least=0.0,
    )
    seed: int = common_flags.seed(
        "Draws the fifth of the images on which ridge and cost are chosen; "
        "with --draws the weights."
    )
    memory_gib: float = common_flags.memory_gib(
        "computing a kernel takes; fits and pictures of it take up to six "
        "times the kernel of the training images besides"
    )
    scheduler: str | None = common_flags.scheduler("compute blocks of kernels")
    data_dir: str | None = common_flags.data_dir("that of the run")
    npz: str | None = common_flags.npz()
    output_dir: str | None = common_flags.output_dir(
        "Where results are written. Default: RUN_DIR/dual.", required=None
    )


def run(command):
    """Measures what a `Command` asks for."""
    network = Source.of_command(command, "dataset", "output_dir")
    network.check()
    part = _part(command)
    if part == "ntk_trace":
        _check_gated(network.config)
    of_steps = part in ("over_training", "ntk_trace")
    steps = _snapshots(command.run_dir) if of_steps else []
    images = network.images(command.data_dir, command.npz)
    counts = _image_counts(command, network, part, catalog.examples(**images))
    if part != "features":
        _check_memory(*counts)
    output_dir = network.output_dir(command.output_dir, "dual")

    # Before anything that takes time, so that its absence is told at once.
    with scheduler.using(command.scheduler):
        command = dataclasses.replace(command, output_dir=output_dir)
        _measure(command, network, part, steps, counts, images)
    origin.note_command(output_dir)
    return output_dir


def _measure(command, network, part, steps, counts, images):
    startup.import_keras(startup.BACKENDS)
    from dlgn_tf.data import sources
    from dlgn_tf.dual import parts

    count, test_count = counts
    train, test = sources.load(
        train_examples=count, test_examples=test_count, **images
    )
    measured = parts.TrainedNetwork(command, network, train, test)
    if part == "kernel":
        parts.kernel(measured)
    elif part == "features":
        parts.features(measured)
    elif part == "layers":
        parts.layers(measured)
    elif part == "over_training":
        parts.over_training(measured, steps)
    else:
        parts.ntk_trace(measured, steps)


def _part(command):
    """What is asked for; refuses flags that have no effect on it."""
    if command.over_training and command.ntk_trace:
        raise UserError(
            "Expected --over_training or --ntk_trace. Received: both"
        )
    if command.over_training:
        part, useless = "over_training", ["which", "draws", "layers"]
    elif command.ntk_trace:
        useless = ["which", "test_images", "alignment_ridge", "seed", "draws"]
        useless += ["biases", "single", "scheduler", "layers"]
        part = "ntk_trace"
    elif command.draws:
        part, useless = "features", ["alignment_ridge", "single"]
        useless += ["scheduler", "layers"]
    elif command.layers:
        part, useless = "layers", ["alignment_ridge", "biases"]
    else:
        part, useless = "kernel", []
    if part in ("over_training", "ntk_trace") and not command.run_dir:
        raise UserError(
            f"Expected --run_dir with --{part}, which is of the snapshots of a "
            f"run. Received: --model_path={command.model_path}"
        )
    flag_of_part = "draws" if part == "features" else part
    command.check_absent(useless, f"with --{flag_of_part}")
    return part


def _check_gated(config):
    if config.architecture()[1] == "dnn":
        raise UserError(
            "Expected a run of a gated network (dgn, dlgn, dlgn_sf) for "
            f"--ntk_trace. Received: one of {config.model}, whose gates and "
            "values have the same weights"
        )


def _snapshots(run_dir):
    """Steps of the models that are kept, in order."""
    directory = RunDirectory(run_dir)
    steps = list(directory.kept_models())
    if not steps:
        raise UserError(
            "Expected a run with snapshots, as dlgn_tf.train "
            "--snapshot_every=STEPS leaves them. Received: "
            f"{directory.path}, which has none"
        )
    return steps


def _image_counts(command, network, part, available):
    """How many training and test images are used.

    No more training images than the network has seen, so that the kernel has
    no advantage.
    """
    train, test = available["train"], available["test"]
    whose = "the run" if network.config else network.of_images.name
    if network.config:
        train = min(network.config.train_examples, train)
    for name, most, what in (
        ("images", train, f"training images of {whose}"),
        ("test_images", test, f"test images of {network.of_images.name}"),
    ):
        if (getattr(command, name) or 1) > most:
            raise UserError(
                f"Invalid --{name}. Expected at most {most}, the {what}. "
                f"Received: {getattr(command, name)}"
            )
    default = min(_DEFAULT_IMAGES[part], train)
    if part == "ntk_trace":
        return command.images or default, 1
    return command.images or default, command.test_images or test


def _check_memory(count, test_count):
    needed = 8 * count * (count + test_count) * _COPIES / 2**30
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    if needed > there:
        raise UserError(
            "Expected kernels that fit into memory. Received: --images="
            f"{count} and {test_count} test images, which take "
            f"{needed:.1f} GiB of {there:.1f} GiB"
        )

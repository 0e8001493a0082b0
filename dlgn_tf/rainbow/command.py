"""What `python -m dlgn_tf.rainbow` is asked for. Imports nothing heavy."""

import dataclasses
import functools
import typing

from dlgn_tf.command import common_flags, fields, startup
from dlgn_tf.command.fields import flag
from dlgn_tf.data import catalog
from dlgn_tf.errors import UserError
from dlgn_tf.output import files, origin
from dlgn_tf.rainbow.named_networks import named_networks
from dlgn_tf.training.run_directory import RunDirectory

USAGE = """\
What training has put into the weights of networks: a covariance a layer, in
one basis for all; and new networks drawn from these covariances.

  python -m dlgn_tf.rainbow --run_dirs=A,B,C --output_dir=DIR
  python -m dlgn_tf.rainbow --run_dirs=A,B,C --output_dir=DIR \\
      --parts=alignment,resampling

--run_dirs are runs of one model, which may differ in seed and width; of a gated
network the gating and the value network are looked at apart. --parts are
  alignment    how far activations agree once they are aligned, on test
               images; beside it untrained networks
  spectra      of activations and of weights, with fits
  convergence  covariances of some runs against those of others
  whitening    what is left of weights once whitened by those of other runs
  clipping     accuracy with a layer projected on few directions
  resampling   accuracy of networks drawn from the covariances; in the summary
               std is that of a sample (divides by n - 1)
  dynamics     how weights grow, where a run has snapshots
  widths       alignment, covariances, norms and drawn networks against the
               width, where runs have several: errors against the widest
and leave tables (CSV) and pictures (PNG) in --output_dir, with
covariances.npz."""

PARTS = (
    "alignment",
    "spectra",
    "convergence",
    "whitening",
    "clipping",
    "resampling",
    "dynamics",
    "widths",
)
# What can be done of some layers alone.
_OF_LAYERS = (
    "spectra",
    "convergence",
    "whitening",
    "clipping",
    "resampling",
    "widths",
)
_BATCH = 500
# What cannot be done with one run.
_OF_SEVERAL = ("alignment", "convergence", "whitening")


def _count(default, text):
    return flag(default, f"{text} (Assumed.)", least=1)


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this command."""

    run_dirs: tuple[str, ...] = flag(
        (),
        "Directories of the runs; with --dataset also .keras files, "
        "SavedModels of dlgn_tf.export and prefixes of checkpoints of "
        "resnets-in-tensorflow2.",
        path=True,
        required="A,B,C",
    )
    output_dir: str | None = common_flags.output_dir()
    parts: tuple[str, ...] = flag(
        (), "What is measured. Default: all that the runs allow.", choices=PARTS
    )
    images: int = _count(
        5000, "Activations are those of so many training images."
    )
    test_images: int = _count(
        10_000, "Accuracy on so many test images, at most."
    )
    head_images: int = _count(20_000, "Heads are refitted to so many images.")
    draws: int = _count(1, "Networks that are drawn for each run.")
    seed: int = common_flags.seed("Networks and bases are drawn from it.")
    covariances: str = flag(
        "both",
        "Networks are drawn from the covariances of their own run alone, of "
        "all runs together, or both.",
        choices=("own", "all", "both"),
    )
    orthogonal: bool = flag(
        False, "Draw orthogonal matrices in place of Gaussian ones."
    )
    joint: bool = flag(
        False,
        "Of gated networks also draw the gates and values of a unit together: "
        "from the covariance of both, and as whole rows of trained neurons, "
        "with replacement.",
    )
    layers: tuple[str, ...] = flag(
        (),
        "Layers that are looked at, by name or by a pattern such as *_conv1, "
        "but for alignment, dynamics and covariances.npz. Resampling draws "
        "these alone. Default: all but the classifier.",
    )
    whole_maps: bool = flag(
        False,
        "Align what a flattened layer reads as one vector, as the authors' "
        "tutorial does, in place of its channels alone, the same at every "
        "position.",
    )
    memory_gib: float = flag(1.0, "Bound of what moments take.", positive=True)
    data_dir: str | None = common_flags.data_dir("that of the first run")
    npz: str | None = common_flags.npz()
    dataset: str | None = flag(None, "Images for networks of no run.")
    model: str | None = common_flags.model()
    # `ImageSet` of training and of test images, once `run` has read them.
    train: typing.Any = None
    test: typing.Any = None

    @functools.cached_property
    def batches(self):
        """Arrays of the images whose activations are measured."""
        return _batches(self.train.images[: self.images])

    @functools.cached_property
    def held_out(self):
        """Arrays of the test images, on which alignments are scored."""
        return _batches(self.test.images)

    @functools.cached_property
    def head(self):
        """`ImageSet` that heads are fitted to."""
        count = self.head_images
        return type(self.train)(
            self.train.images[:count], self.train.labels[:count]
        )


def _batches(images):
    from dlgn_tf.rainbow.moments import in_batches

    return in_batches(images, _BATCH)


def run(command):
    """Measures what a `Command` asks for."""
    networks = named_networks(command)
    parts = _parts(command, networks)
    images = networks[0].images(command.data_dir, command.npz)
    available = catalog.examples(**images)
    if not set(parts) & set(_OF_LAYERS):
        command.check_absent(["layers"], f"with --parts={','.join(parts)}")
    if not {"resampling", "widths"} & set(parts):
        command.check_absent(["joint"], f"with --parts={','.join(parts)}")
    files.check_writable(command.output_dir, "output_dir")

    startup.import_keras()
    from dlgn_tf.data import sources
    from dlgn_tf.rainbow import parts as measured

    wanted = max(command.images, command.head_images)
    seen = [x.config.train_examples for x in networks if x.config]
    train, test = sources.load(
        train_examples=min([wanted, available["train"], *seen]),
        test_examples=min(command.test_images, available["test"]),
        **images,
    )
    measured.measure(
        dataclasses.replace(command, parts=parts, train=train, test=test)
    )
    origin.note_command(command.output_dir)
    return command.output_dir


def _parts(command, networks):
    """What is measured: what is asked for, or all that can be."""
    given, run_dirs = command.parts, command.run_dirs
    reasons = {}
    if len(run_dirs) == 1:
        if command.covariances == "all":
            raise UserError(
                "Expected two runs or more for --covariances=all. Received: "
                f"{run_dirs[0]}"
            )
        reasons |= dict.fromkeys(_OF_SEVERAL, "two runs or more")
    if len({x.config.width for x in networks if x.config}) < 2:
        reasons["widths"] = "runs of two widths or more"
    if not any(RunDirectory(path).kept_models() for path in run_dirs):
        reasons["dynamics"] = (
            "a run with snapshots, as dlgn_tf.train --snapshot_every=STEPS "
            "leaves them,"
        )
    for part in given:
        if part in reasons:
            raise UserError(
                f"Expected {reasons[part]} for --parts={part}. Received: "
                f"{','.join(run_dirs)}"
            )
    if given:
        return tuple(part for part in PARTS if part in given)
    return tuple(part for part in PARTS if part not in reasons)

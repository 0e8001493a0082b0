"""What `python -m dlgn_tf.dual.spectral` is asked for; nothing heavy."""

import dataclasses
import importlib

from dlgn_tf.command import common_flags, fields, startup
from dlgn_tf.command.fields import flag
from dlgn_tf.errors import UserError
from dlgn_tf.output import files, origin

USAGE = """\
Is a DLGN a universal spectral approximator? Networks learn
2 sin(pi k u) cos(pi k v) on the square [-1, 1]^2 and are judged on points that
they have not seen, by the share of the variance that they leave unexplained.

  python -m dlgn_tf.dual.spectral --experiment=frequencies --output_dir=DIR
  python -m dlgn_tf.dual.spectral --experiment=sizes --frequencies=4 \\
      --output_dir=DIR

--experiment is one of
  frequencies  DNN, DGN, DLGN and DLGN-SF against frequency, where biases of the
               gating network are drawn, begin at zero, or are absent; what each
               network learned beside the target
  sizes        the same at one frequency against depth, width, steps, the
               steepness of gates, and what values see
  training     spectra of functions, gates and pre-activations over training,
               and eigenfunctions of the neural path kernel beside Fourier modes
  built        networks whose weights are written down and not learned, and
               what hard gates without biases cannot do
and writes tables (CSV) and pictures (PNG) to --output_dir."""

# Of each experiment the frequencies that it takes unless told otherwise.
FREQUENCIES = {
    "frequencies": (1, 2, 3, 4, 5),
    "sizes": (4,),
    "training": (3,),
    "built": (1, 2, 4, 8),
}
# What is trained takes steps in such portions; see `training.ROWS`.
PORTION = 100
# The square has 32 x 32 cells where spectra are computed.
_MOST_FREQUENCY = 15
_OF_TRAINING = ("steps", "width", "depth", "beta", "learning_rate")


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this command."""

    experiment: str | None = flag(
        None,
        "What is measured.",
        choices=tuple(FREQUENCIES),
        required="|".join(FREQUENCIES),
    )
    output_dir: str | None = common_flags.output_dir()
    frequencies: tuple[int, ...] | None = flag(
        None,
        "Frequencies k of targets, each from 1 to 15. Default: "
        + "; ".join(
            f"{','.join(map(str, of_it))} of {name}"
            for name, of_it in FREQUENCIES.items()
        )
        + " (assumed).",
        positive=True,
    )
    seeds: int = flag(3, "How many seeds: 0, 1, ...", least=1)
    steps: int = flag(
        1200, "Steps of a training, a multiple of 100 (assumed).", least=PORTION
    )
    width: int = flag(64, "Units of a hidden layer (assumed).", least=1)
    depth: int = flag(
        4, "Layers of weights of the value network (assumed).", least=2
    )
    beta: float = flag(
        10.0, "Gates are sigmoid(beta q), as in the paper.", positive=True
    )
    learning_rate: float = flag(2e-3, "Of Adam (assumed).", positive=True)


def run(command):
    """Measures what a `Command` asks for."""
    check(command)
    startup.import_keras(("tensorflow",))
    startup.hide_retracing()
    from dlgn_tf.output.folder import Output

    name = command.experiment
    experiment = importlib.import_module(
        f"dlgn_tf.dual.spectral.experiments.{name}"
    )
    chosen = command.frequencies or FREQUENCIES[name]
    output = Output(command.output_dir)
    written = experiment.run(
        dataclasses.replace(command, frequencies=chosen), output
    )
    print(f"{', '.join(written)}: {output.directory}")
    origin.note_command(command.output_dir)
    return command.output_dir


def check(command):
    """Raises a `UserError` if the flags cannot work."""
    if command.experiment == "built":
        command.check_absent(
            ["seeds", *_OF_TRAINING], "on --experiment=built, which trains none"
        )
    for frequency in command.frequencies or ():
        if frequency > _MOST_FREQUENCY:
            raise UserError(
                f"Invalid --frequencies. Expected integers from 1 to "
                f"{_MOST_FREQUENCY}. Received: {frequency}"
            )
    if command.steps % PORTION:
        raise UserError(
            f"Invalid --steps. Expected a multiple of {PORTION}. Received: "
            f"{command.steps}"
        )
    files.check_writable(command.output_dir, "output_dir")

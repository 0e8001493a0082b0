"""What `python -m dlgn_tf.locality` is asked for. Imports nothing heavy."""

import dataclasses
import importlib

from dlgn_tf.command import common_flags, fields, startup
from dlgn_tf.command.fields import flag
from dlgn_tf.errors import UserError
from dlgn_tf.output import files, origin

USAGE = """\
Locally connected ReLU networks: what single nodes come to know of a teacher
that sees an event in every receptive field.

  python -m dlgn_tf.locality --experiment=students --output_dir=DIR
  python -m dlgn_tf.locality --experiment=students --teacher=lookup \\
      --events=4 --output_dir=DIR
  python -m dlgn_tf.locality --experiment=families --output_dir=DIR

--experiment is one of
  students        selectivity of every level over training, correlations with
                  events before and after
  families        the same student as DNN, DGN and DLGN: gates and values apart
  energy          energies of nodes and E[f g] with and without batch
                  normalisation
  lossy           the matrix form against back-propagation as a teacher forgets
  linear          constructed ReLU layers beside the best affine maps
  separability    disentangled factors over training, gradient centred or not
  specialization  over-parameterised students of a fully connected teacher
  strength        two-layer students of teachers with strong and weak nodes
  overfitting     correlations that few samples have by chance
and writes tables (CSV) and pictures (PNG) to --output_dir. Columns _std are
those of a sample of seeds (divide by n - 1)."""

# Modules of `experiments`, with the flags that have an effect on each besides
# --seeds.
_OF_STUDENTS = ("teacher", "depth", "events", "width", "batch_norm", "epochs")
EFFECTIVE = {
    "students": (*_OF_STUDENTS, "family"),
    "families": _OF_STUDENTS,
    "energy": (),
    "lossy": (),
    "linear": (),
    "separability": (),
    "specialization": ("epochs",),
    "strength": ("epochs",),
    "overfitting": (),
}
# Of 300 steps each, where they are not passes over images.
_EPOCHS = {"specialization": 12, "strength": 20}
_DEPTHS = {"latent_tree": 5, "lookup": 3}
# Lookup tables and trees beyond it take memory, not insight.
_MOST_DEPTH = 8


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this command."""

    experiment: str | None = flag(
        None,
        "What is measured.",
        choices=tuple(EFFECTIVE),
        required="|".join(EFFECTIVE),
    )
    output_dir: str | None = common_flags.output_dir()
    seeds: int = flag(
        3, "How many seeds: 0, 1, ... (lossy: times 20 teachers.)", least=1
    )
    teacher: str = flag(
        "latent_tree",
        "latent_tree: a noisy tree drawn from its root, which is the label. "
        "lookup: uniform pixels, random tables from the bottom up.",
        choices=tuple(_DEPTHS),
    )
    depth: int | None = flag(
        None,
        "Levels above the leaves. Default: 5 of a latent tree, 3 of lookup "
        "tables (assumed).",
        least=1,
        most=_MOST_DEPTH,
    )
    events: int | None = flag(
        None,
        "Events of a lookup teacher's region. Default: 2.",
        least=2,
        most=16,
    )
    family: str = flag(
        "dnn", "Family of the student.", choices=("dnn", "dgn", "dlgn")
    )
    width: int = flag(
        10, "Nodes of each of the student's regions (assumed).", least=1
    )
    batch_norm: bool = flag(
        False, "Normalise each node of each region of a student."
    )
    epochs: int | None = flag(
        None,
        "Passes over the training inputs. Default: 15 of students; of 300 "
        "steps each, 12 of specialization and 20 of strength (assumed).",
        least=1,
    )


def run(command):
    """Measures what a `Command` asks for."""
    _check_effective(command)
    files.check_writable(command.output_dir, "output_dir")

    startup.import_keras(("tensorflow",))
    from dlgn_tf.output.folder import Output

    name = command.experiment
    experiment = importlib.import_module(f"dlgn_tf.locality.experiments.{name}")
    output = Output(command.output_dir)
    tables = experiment.run(_completed(command), output)
    print(
        f"{', '.join(f'{t}.csv' for t in tables)} and PNG: {output.directory}"
    )
    origin.note_command(command.output_dir)
    return command.output_dir


def _completed(command):
    """The command with the defaults that follow from other flags."""
    epochs = _EPOCHS.get(command.experiment, 15)
    return dataclasses.replace(
        command,
        depth=command.depth or _DEPTHS[command.teacher],
        events=command.events or 2,
        epochs=command.epochs or epochs,
    )


def _check_effective(command):
    """Refuses flags that have no effect on the experiment."""
    experiment = command.experiment
    every = {name for names in EFFECTIVE.values() for name in names}
    useless = every - {*EFFECTIVE[experiment]}
    if experiment == "linear":
        useless.add("seeds")
    command.check_absent(sorted(useless), f"on --experiment={experiment}")
    if command.events and command.teacher != "lookup":
        raise UserError(
            "Expected --events with --teacher=lookup. Received: --events="
            f"{command.events} with --teacher={command.teacher}"
        )

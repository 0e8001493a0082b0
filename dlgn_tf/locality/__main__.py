"""Experiments: python -m dlgn_tf.locality --experiment=students."""

import sys

from absl import flags

from dlgn_tf.command import cli
from dlgn_tf.command import startup
from dlgn_tf.errors import UserError
from dlgn_tf.output import files
from dlgn_tf.output import origin

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
and writes tables (CSV) and pictures (PNG) to --output_dir. Columns _std are
those of a sample of seeds (divide by n - 1)."""

# Flags that have an effect on an experiment, besides seeds and output_dir.
_OF_STUDENTS = ("teacher", "depth", "events", "width", "batch_norm", "epochs")
EFFECTIVE = {
    "students": (*_OF_STUDENTS, "family"),
    "families": _OF_STUDENTS,
    "energy": (),
    "lossy": (),
    "linear": (),
    "separability": (),
    "specialization": ("epochs",),
}
_TEACHERS = ("latent_tree", "lookup")
_DEPTHS = {"latent_tree": 5, "lookup": 3}
# Lookup tables and trees beyond it take memory, not insight.
_MOST_DEPTH = 8


def define_flags():
    flags.DEFINE_enum("experiment", None, list(EFFECTIVE), "What is measured.")
    flags.DEFINE_string("output_dir", None, "Where results are written.")
    flags.DEFINE_integer(
        "seeds", 3, "How many seeds: 0, 1, ... (lossy: times 20 teachers.)", 1
    )
    flags.DEFINE_enum(
        "teacher",
        "latent_tree",
        list(_TEACHERS),
        "latent_tree: a noisy tree drawn from its root, which is the label. "
        "lookup: uniform pixels, random tables from the bottom up.",
    )
    flags.DEFINE_integer(
        "depth",
        None,
        "Levels above the leaves. Default: 5 of a latent tree, 3 of lookup "
        "tables (assumed).",
        1,
        _MOST_DEPTH,
    )
    flags.DEFINE_integer(
        "events",
        None,
        "Events of a lookup teacher's region. Default: 2.",
        2,
        16,
    )
    flags.DEFINE_enum(
        "family", "dnn", ["dnn", "dgn", "dlgn"], "Family of the student."
    )
    flags.DEFINE_integer(
        "width", 10, "Nodes of each of the student's regions (assumed).", 1
    )
    flags.DEFINE_bool(
        "batch_norm", False, "Normalise each node of each region of a student."
    )
    flags.DEFINE_integer(
        "epochs",
        None,
        "Passes over the training inputs. Default: 15 of students, 12 of "
        "specialization, of 300 steps each (assumed).",
        1,
    )


def main():
    values = flags.FLAGS
    if not values.experiment:
        raise UserError(
            f"Expected --experiment={'|'.join(EFFECTIVE)}. Received: no "
            "--experiment"
        )
    if not values.output_dir:
        raise UserError("Expected --output_dir=DIR. Received: no --output_dir")
    _check_effective(values)
    files.check_writable(values.output_dir, "output_dir")

    startup.import_keras(("tensorflow",))
    from dlgn_tf.locality import command

    experiment = values.experiment
    command.EXPERIMENTS[experiment](
        command.Task(
            output_dir=values.output_dir,
            seeds=values.seeds,
            teacher=values.teacher,
            depth=values.depth or _DEPTHS[values.teacher],
            events=values.events or 2,
            family=values.family,
            width=values.width,
            batch_norm=values.batch_norm,
            epochs=values.epochs
            or (12 if experiment == "specialization" else 15),
        )
    )
    origin.note_command(values.output_dir)


def _check_effective(values):
    """Refuses flags that have no effect on the experiment."""
    experiment = values.experiment
    every = {name for names in EFFECTIVE.values() for name in names}
    useless = every - {*EFFECTIVE[experiment]}
    if experiment == "linear":
        useless.add("seeds")
    cli.check_absent(values, sorted(useless), f"on --experiment={experiment}")
    if values["events"].present and values.teacher != "lookup":
        raise UserError(
            "Expected --events with --teacher=lookup. Received: --events="
            f"{values.events} with --teacher={values.teacher}"
        )


if __name__ == "__main__":
    define_flags()
    sys.exit(cli.run(main, "dlgn_tf.locality", USAGE))

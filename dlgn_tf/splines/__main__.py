"""Pictures of splines: python -m dlgn_tf.splines --output_dir=DIR."""

import sys

from absl import flags

from dlgn_tf.command import cli
from dlgn_tf.command import startup
from dlgn_tf.errors import UserError
from dlgn_tf.output import files
from dlgn_tf.output import origin
from dlgn_tf.training.run_directory import RunDirectory

USAGE = """\
Draws how layers partition their input, hard and soft (From Hard to Soft, arXiv
1810.09274).

  python -m dlgn_tf.splines --output_dir=DIR
  python -m dlgn_tf.splines --figure=prior --run_dir=RUN_DIR --output_dir=DIR

writes to DIR, each as .png with its numbers as .csv
  nonlinearities         beta-VQ ReLU, leaky ReLU and absolute value, ten betas
  unit_partition         cells of a unit in the plane, over priors and biases
  unit_partition_soft    largest weight and entropy of a soft choice
  layer_partition_moons, layer_partition_circles
                         cells of a small trained network, hard and soft
  region_prior           prior of the active region, layer by layer, before and
                         after training: of RUN_DIR, at each of its snapshots,
                         or of a small network trained on digits meanwhile
  gram                   cosines between the filters of a layer: of RUN_DIR
                         before and after training; without it, of a small
                         network trained plain, with the orthogonality penalty,
                         and through Gram-Schmidt"""

FIGURES = ("nonlinearities", "unit", "soft", "layer", "prior", "gram")
# Those that show networks of a run, if one is given.
_OF_RUN = ("prior", "gram")


def define_flags():
    flags.DEFINE_list(
        "figure",
        None,
        f"Comma-separated, of {', '.join(FIGURES)}. Default: all; with "
        f"--run_dir {', '.join(_OF_RUN)}.",
    )
    flags.DEFINE_string("output_dir", None, "Directory that is written to.")
    flags.DEFINE_string("run_dir", None, "Directory of a run.")
    flags.DEFINE_enum(
        "network",
        None,
        ["gating", "value"],
        "Of a gated network of --run_dir: which of the two. Default: gating. "
        "Priors are those of its filters with the nonlinearity of the run, for "
        "a linear network or one that multiplies by gates with the ReLU.",
    )
    flags.DEFINE_integer(
        "seed", 0, "Draws points, centroids and weights.", lower_bound=0
    )


def main():
    values = flags.FLAGS
    if not values.output_dir:
        raise UserError("Expected --output_dir=DIR. Received: no --output_dir")
    names = _figures(values)
    config = _config(values)
    files.check_writable(values.output_dir, "output_dir")

    startup.import_keras()
    from dlgn_tf.splines import command

    task = command.Task(
        output=values.output_dir,
        seed=values.seed,
        run_dir=values.run_dir,
        config=config,
        network=values.network or "gating",
    )
    command.draw(task, names)
    origin.note_command(values.output_dir)


def _figures(values):
    """Names of the figures that are drawn, in the order of `FIGURES`."""
    wanted = values.figure
    if wanted is None:
        wanted = _OF_RUN if values.run_dir else FIGURES
    unknown = [name for name in wanted if name not in FIGURES]
    if unknown or not wanted:
        raise UserError(
            f"Expected --figure of {', '.join(FIGURES)}. Received: "
            f"--figure={','.join(wanted)}"
        )
    if values.run_dir and not set(wanted) & set(_OF_RUN):
        raise UserError(
            f"--run_dir has an effect on --figure={','.join(_OF_RUN)} only. "
            f"Received: --figure={','.join(wanted)}"
        )
    return [name for name in FIGURES if name in wanted]


def _config(values):
    """The `Config` of the run, None without one."""
    if not values.run_dir:
        if values.network:
            raise UserError(
                "Expected --network with --run_dir only. Received: "
                f"--network={values.network} and no --run_dir"
            )
        return None
    config = RunDirectory(values.run_dir).read_config()
    if values.network and config.model.endswith("_dnn"):
        raise UserError(
            "Expected --network for gated networks only. Received: "
            f"--network={values.network} and a run of {config.model}"
        )
    return config


if __name__ == "__main__":
    define_flags()
    sys.exit(cli.run(main, "dlgn_tf.splines", USAGE))

"""What `python -m dlgn_tf.splines` is asked for. Imports nothing heavy."""

import dataclasses
import functools

from dlgn_tf.choices import NETWORKS
from dlgn_tf.command import common_flags, fields, startup
from dlgn_tf.command.fields import flag
from dlgn_tf.errors import UserError
from dlgn_tf.output import files, origin
from dlgn_tf.training.run_directory import RunDirectory

USAGE = """\
Draws how layers partition their input, hard and soft (From Hard to Soft, arXiv
1810.09274).

  python -m dlgn_tf.splines --output_dir=DIR
  python -m dlgn_tf.splines --figure=prior --run_dir=RUN_DIR --output_dir=DIR

writes to DIR, each as .png with its numbers as .csv
  nonlinearities, nonlinearities_tsallis
                         beta-VQ ReLU, leaky ReLU and absolute value, ten betas
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
                         and through Gram-Schmidt
  joint_selection        how often the units of these three select of patches of
                         digits what is jointly most likely; three seeds each,
                         from --seed on"""

FIGURES = ("nonlinearities", "unit", "soft", "layer", "prior", "gram", "joint")
# Those that show networks of a run, if one is given.
_OF_RUN = ("prior", "gram")


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this command."""

    figure: tuple[str, ...] | None = flag(
        None,
        f"Comma-separated, of {', '.join(FIGURES)}. Default: all; with "
        f"--run_dir {', '.join(_OF_RUN)}.",
        choices=FIGURES,
    )
    output_dir: str | None = common_flags.output_dir(
        "Directory that is written to."
    )
    run_dir: str | None = common_flags.run_dir("Directory of a run.")
    network: str | None = flag(
        None,
        "Of a gated network of --run_dir: which of the two. Default: gating. "
        "Priors are those of its filters with the nonlinearity of the run, for "
        "a linear network or one that multiplies by gates with the ReLU.",
        choices=NETWORKS,
    )
    seed: int = common_flags.seed("Draws points, centroids and weights.")

    @functools.cached_property
    def config(self):
        """The `Config` of the run, None without one."""
        if not self.run_dir:
            return None
        return RunDirectory(self.run_dir).read_config()


def run(command):
    """Draws what a `Command` asks for."""
    names = _figures(command)
    _check_network(command)
    files.check_writable(command.output_dir, "output_dir")

    startup.import_keras()
    from dlgn_tf.splines import drawn_figures

    network = command.network or "gating"
    drawn_figures.draw(dataclasses.replace(command, network=network), names)
    origin.note_command(command.output_dir)
    return command.output_dir


def _figures(command):
    """Names of the figures that are drawn, in the order of `FIGURES`."""
    wanted = command.figure
    if wanted is None:
        wanted = _OF_RUN if command.run_dir else FIGURES
    if not wanted:
        raise UserError(
            f"Expected --figure of {', '.join(FIGURES)}. Received: --figure="
        )
    if command.run_dir and not set(wanted) & set(_OF_RUN):
        raise UserError(
            f"--run_dir has an effect on --figure={','.join(_OF_RUN)} only. "
            f"Received: --figure={','.join(wanted)}"
        )
    return [name for name in FIGURES if name in wanted]


def _check_network(command):
    """Refuses --network where there are not two of them."""
    config = command.config
    if not command.network:
        return
    if config is None:
        raise UserError(
            "Expected --network with --run_dir only. Received: "
            f"--network={command.network} and no --run_dir"
        )
    if config.model.endswith("_dnn"):
        raise UserError(
            "Expected --network for gated networks only. Received: "
            f"--network={command.network} and a run of {config.model}"
        )

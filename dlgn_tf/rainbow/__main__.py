"""Trained networks side by side: python -m dlgn_tf.rainbow --run_dirs=A,B,C."""

import sys

from absl import flags

from dlgn_tf import training_flags
from dlgn_tf.command import cli
from dlgn_tf.command import startup
from dlgn_tf.data import catalog
from dlgn_tf.errors import UserError
from dlgn_tf.models import registry
from dlgn_tf.output import files
from dlgn_tf.output import origin
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
)
# What can be done of some layers alone.
_OF_LAYERS = ("spectra", "convergence", "whitening", "clipping", "resampling")
# What cannot be done with one run.
_OF_SEVERAL = ("alignment", "convergence", "whitening")


def define_flags():
    flags.DEFINE_list("run_dirs", [], "Directories of the runs.")
    flags.DEFINE_string("output_dir", None, "Where results are written.")
    flags.DEFINE_list(
        "parts", [], "What is measured. Default: all that the runs allow."
    )
    for name, default, meaning in (
        ("images", 5000, "Activations are those of so many training images."),
        ("test_images", 10_000, "Accuracy on so many test images, at most."),
        ("head_images", 20_000, "Heads are refitted to so many images."),
        ("draws", 1, "Networks that are drawn for each run."),
    ):
        flags.DEFINE_integer(name, default, f"{meaning} (Assumed.)", 1)
    flags.DEFINE_integer("seed", 0, "Networks and bases are drawn from it.", 0)
    flags.DEFINE_enum(
        "covariances",
        "both",
        ["own", "all", "both"],
        "Networks are drawn from the covariances of their own run alone, of "
        "all runs together, or both.",
    )
    flags.DEFINE_bool(
        "orthogonal",
        False,
        "Draw orthogonal matrices in place of Gaussian ones.",
    )
    flags.DEFINE_list(
        "layers",
        [],
        "Layers that are looked at, by name or by a pattern such as *_conv1, "
        "but for alignment, dynamics and covariances.npz. Resampling draws "
        "these alone. Default: all but the classifier.",
    )
    flags.DEFINE_bool(
        "whole_maps",
        False,
        "Align what a flattened layer reads as one vector, as the authors' "
        "tutorial does, in place of its channels alone, the same at every "
        "position.",
    )
    flags.DEFINE_float("memory_gib", 1.0, "Bound of what moments take.")
    training_flags.define_place_flags("that of the first run")


def main():
    values = flags.FLAGS
    if not values.run_dirs:
        raise UserError("Expected --run_dirs=A,B,C. Received: no --run_dirs")
    if not values.output_dir:
        raise UserError("Expected --output_dir=DIR. Received: no --output_dir")
    cli.check_positive(values, "memory_gib")
    configs = _configs(values.run_dirs)
    parts = _parts(values.parts, values.run_dirs, values.covariances)
    config = configs[0]
    source = catalog.source_of_run(config, values.data_dir, values.npz)
    available = catalog.examples(**source)
    if not set(parts) & set(_OF_LAYERS):
        cli.check_absent(values, ["layers"], f"with --parts={','.join(parts)}")
    files.check_writable(values.output_dir, "output_dir")

    startup.import_keras()
    from dlgn_tf.data import sources
    from dlgn_tf.rainbow import command

    wanted = max(values.images, values.head_images)
    seen = min(c.train_examples for c in configs)
    train, test = sources.load(
        train_examples=min(wanted, seen, available["train"]),
        test_examples=min(values.test_images, available["test"]),
        **source,
    )
    command.measure(
        command.Task(
            run_dirs=tuple(values.run_dirs),
            train=train,
            test=test,
            output_dir=values.output_dir,
            parts=parts,
            layers=tuple(values.layers),
            images=values.images,
            head_images=values.head_images,
            draws=values.draws,
            seed=values.seed,
            covariances=values.covariances,
            orthogonal=values.orthogonal,
            memory_gib=values.memory_gib,
            whole_maps=values.whole_maps,
        )
    )
    origin.note_command(values.output_dir)


def _configs(run_dirs):
    """Of each run its `Config`, of one model and one data set."""
    configs = [RunDirectory(path).read_config() for path in run_dirs]
    first = configs[0]
    for path, config in zip(run_dirs, configs, strict=True):
        for what in ("model", "dataset"):
            if getattr(config, what) != getattr(first, what):
                raise UserError(
                    f"Expected runs of one {what}. Received: "
                    f"{getattr(first, what)} in {run_dirs[0]}, "
                    f"{getattr(config, what)} in {path}"
                )
        if (config.members or 1) > 1:
            raise UserError(
                "Expected runs of single networks. Received: an ensemble of "
                f"{config.members} in {path}"
            )
    family = registry.parse(first.model)[1]
    if family == "dlgn_sf":
        raise UserError(
            "Expected networks whose layers read one another. Received: "
            f"{first.model}, whose gates each read the image"
        )
    return configs


def _parts(given, run_dirs, covariances):
    """What is measured: what is asked for, or all that can be."""
    for part in given:
        if part not in PARTS:
            raise UserError(
                f"Unknown part. Expected --parts of {', '.join(PARTS)}. "
                f"Received: {part}"
            )
    reasons = {}
    if len(run_dirs) == 1:
        if covariances == "all":
            raise UserError(
                "Expected two runs or more for --covariances=all. Received: "
                f"{run_dirs[0]}"
            )
        reasons |= dict.fromkeys(_OF_SEVERAL, "two runs or more")
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


if __name__ == "__main__":
    define_flags()
    sys.exit(cli.run(main, "dlgn_tf.rainbow", USAGE))

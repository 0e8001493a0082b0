"""Leaves blocks out: python -m dlgn_tf.remove_layers --run_dirs=A,B."""

import functools
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
from dlgn_tf.training import source
from dlgn_tf.training import trained
from dlgn_tf.training.run_directory import RunDirectory

USAGE = """\
Evaluates trained ResNets and VGGs with each of their blocks left out in turn,
and writes removals.csv and removals.png: accuracy against the block left out.
A gated network loses it in its value network and keeps its gates, so that the
other paths stay as they are; with --networks=both its gating network loses it
too.

  python -m dlgn_tf.remove_layers --run_dirs=runs/resnet20_dnn-cifar10,\\
runs/vgg11_dnn-cifar10 --test_examples=1000 --output_dir=DIR

  python -m dlgn_tf.remove_layers --model=resnet32_dnn --init_from=PREFIX \\
--data_dir=DIR --output_dir=DIR      # a checkpoint of resnets-in-tensorflow2"""


def define_flags():
    flags.DEFINE_list(
        "run_dirs", [], "Comma-separated directories of runs of one data set."
    )
    flags.DEFINE_enum(
        "networks",
        None,
        ["value", "both"],
        "Which networks of gated models lose a block. value: the gates are "
        "held; both: those of later blocks change. Default: value.",
    )
    flags.DEFINE_string(
        "init_from",
        None,
        "Prefix of a checkpoint of resnets-in-tensorflow2, besides the runs or "
        "instead of them; needs --model.",
    )
    flags.DEFINE_string("model", None, "The network of --init_from.")
    for name, choices in (
        ("block", ["original", "preactivated", "bottleneck"]),
        ("shortcut", ["A", "B"]),
    ):
        flags.DEFINE_enum(
            name, None, choices, f"The {name} of --model. Default: its own."
        )
    flags.DEFINE_string(
        "dataset", None, "Test images. Default: of the runs, or cifar10."
    )
    training_flags.define_place_flags("that of the runs")
    flags.DEFINE_integer(
        "test_examples",
        None,
        "Evaluate on the first so many test images. Default: all.",
        lower_bound=1,
    )
    flags.DEFINE_integer(
        "eval_batch_size", 500, "Images a step.", lower_bound=1
    )
    flags.DEFINE_string("output_dir", None, "Where the results are written.")


def main():
    values = flags.FLAGS
    if not values.output_dir:
        raise UserError("Expected --output_dir=DIR. Received: no --output_dir")
    configs = {path: _config(path) for path in values.run_dirs}
    _check_checkpoint_flags(values, configs)
    _check_networks(values, configs)
    data = _data(values, configs)
    files.check_writable(values.output_dir, "output_dir")

    startup.import_keras()
    networks = [
        *(_of_run(*item, configs) for item in configs.items()),
        *([_of_checkpoint(values, data, configs)] if values.init_from else []),
    ]
    measure(networks, data, values.eval_batch_size, values.output_dir)
    origin.note_command(values.output_dir)


def _config(path):
    """The `Config` of a run of a network that has removable blocks."""
    config = RunDirectory(path).read_config()
    _blocks(config.model, config.architecture_options())
    if config.gate_permutation:
        raise UserError(
            "Expected a run whose gates are in order: without a block the "
            f"permutation has no meaning. Received: {path}, trained with "
            f"--gate_permutation={','.join(map(str, config.gate_permutation))}"
        )
    return config


def _blocks(model, options):
    architecture, _ = registry.parse(model)
    return tuple(architecture.removable_blocks(options))


def _check_checkpoint_flags(values, configs):
    if bool(values.init_from) != bool(values.model):
        raise UserError(
            "Expected --model and --init_from together. Received: "
            f"--model={values.model} --init_from={values.init_from}"
        )
    if not values.init_from and not configs:
        raise UserError(
            "Expected --run_dirs=A,B or --model=NAME --init_from=PREFIX. "
            "Received: none of them"
        )
    for name in ("block", "shortcut"):
        if values[name].value and not values.init_from:
            raise UserError(
                f"--{name} has no effect on runs. Expected it with --init_from "
                f"only. Received: --{name}={values[name].value}"
            )
    if values.init_from:
        _blocks(values.model, _checkpoint_options(values))


def _check_networks(values, configs):
    gated = [c for c in configs.values() if not c.model.endswith("_dnn")]
    if values.networks and not gated:
        raise UserError(
            "Expected --networks with a run of a dgn, dlgn or dlgn_sf, which "
            "has two. Received: none of them"
        )


def _checkpoint_options(values):
    given = {"block": values.block, "shortcut": values.shortcut}
    return {**source.lineage_options(values.model), **given}


def _data(values, configs):
    """Keyword arguments of `sources.load`, checked."""
    found = {config.dataset for config in configs.values()}
    found |= {values.dataset} if values.dataset else set()
    if len(found) > 1:
        raise UserError(
            "Expected networks of one data set. Received: "
            f"{', '.join(sorted(found))}"
        )
    name = found.pop() if found else "cifar10"
    if configs:
        first = next(iter(configs.values()))
        source = catalog.source_of_run(first, values.data_dir, values.npz)
    else:
        source = catalog.source(name, values.data_dir, values.npz)
    available = catalog.examples(**source)["test"]
    if (values.test_examples or 1) > available:
        raise UserError(
            f"Invalid --test_examples. Expected at most {available}, the test "
            f"images of {name}. Received: {values.test_examples}"
        )
    return {
        **source,
        "train_examples": 1,
        "test_examples": values.test_examples,
    }


def _of_run(path, config, configs):
    from dlgn_tf.inspection.layer_removal import TrainedNetwork
    from dlgn_tf.training import configured
    from dlgn_tf.training import runs

    model, _, _ = runs.load_run(path)
    others = [other.model for other in configs.values() if other is not config]
    return TrainedNetwork(
        path if config.model in others else config.model,
        model,
        functools.partial(configured.create_configured_model, config),
        _blocks(config.model, config.architecture_options()),
        flags.FLAGS.networks or "value",
    )


def _of_checkpoint(values, data, configs):
    from dlgn_tf.inspection.layer_removal import TrainedNetwork

    options = _checkpoint_options(values)

    def build(removed):
        return source.lineage_network(
            values.model, data["name"], removed, **options
        )

    model = build(())
    with trained.named("init_from", values.init_from):
        trained.copy_into(values.init_from, model)
    others = [config.model for config in configs.values()]
    return TrainedNetwork(
        values.init_from if values.model in others else values.model,
        model,
        build,
        _blocks(values.model, options),
    )


def measure(networks, data, batch_size, output_dir):
    """Evaluates networks without each of their blocks; writes the results.

    Args:
        networks: List of `TrainedNetwork`.
        data: Dict, the arguments of `sources.load`.
        batch_size: Integer.
        output_dir: Path-like. removals.csv is rewritten after each network
            that was evaluated, removals.png at the end.

    Returns:
        List of `Removal`.
    """
    from dlgn_tf.command.progress import Progress
    from dlgn_tf.data import sources
    from dlgn_tf.inspection import layer_removal
    from dlgn_tf.output.folder import Output
    from dlgn_tf.training import engines

    _, test_images = sources.load(**data)
    stop = sum(1 + len(network.blocks) for network in networks)
    progress = Progress("layer removal", 0, stop, "network")
    output, lines = Output(output_dir), []
    for network in networks:
        for line in layer_removal.removals(
            network,
            lambda model: engines.evaluate_model(
                model, test_images, batch_size
            ),
        ):
            lines.append(line)
            progress.update(len(lines), {"accuracy": line.accuracy}, line=True)
            output.text("removals.csv", layer_removal.table(lines))
    output.picture("removals", layer_removal.figure(lines), dpi=150)
    for network in networks:
        _print_summary([x for x in lines if x.model == network.label])
    print(f"removals.csv and removals.png are in {output_dir}")
    return lines


def _print_summary(lines):
    whole, *others = lines
    worst = min(others, key=lambda line: line.accuracy)
    mean = sum(line.accuracy for line in others) / len(others)
    print(
        f"{whole.model}: {whole.accuracy:.2%} of {whole.images:,} images, "
        f"{mean:.2%} on average without one of {len(others)} blocks, least "
        f"without {worst.removed}: {worst.accuracy:.2%}"
    )


if __name__ == "__main__":
    define_flags()
    sys.exit(cli.run(main, "dlgn_tf.remove_layers", USAGE))

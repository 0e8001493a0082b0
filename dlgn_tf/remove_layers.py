"""Leaves blocks out: python -m dlgn_tf.remove_layers --run_dirs=A,B."""

import dataclasses
import functools

from dlgn_tf import choices
from dlgn_tf.command import cli, common_flags, fields, startup
from dlgn_tf.command.fields import flag
from dlgn_tf.data import catalog
from dlgn_tf.errors import UserError
from dlgn_tf.models import objectives, registry
from dlgn_tf.output import files, origin
from dlgn_tf.training import source, trained
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


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this command."""

    run_dirs: tuple[str, ...] = flag(
        (),
        "Comma-separated directories of runs of one data set.",
        path=True,
    )
    networks: str | None = flag(
        None,
        "Which networks of gated models lose a block. value: the gates are "
        "held; both: those of later blocks change. Default: value.",
        choices=choices.NETWORKS_WITHOUT_BLOCK,
    )
    init_from: str | None = flag(
        None,
        "Prefix of a checkpoint of resnets-in-tensorflow2, or another network "
        "of no run, besides the runs or instead of them; needs --model.",
        path=True,
    )
    model: str | None = flag(None, "The network of --init_from.")
    block: str | None = flag(
        None,
        "The block of --model. Default: its own.",
        choices=choices.BLOCKS,
    )
    shortcut: str | None = flag(
        None,
        "The shortcut of --model. Default: its own.",
        choices=choices.SHORTCUTS,
    )
    dataset: str | None = flag(
        None, "Test images. Default: of the runs, or cifar10."
    )
    data_dir: str | None = common_flags.data_dir("that of the runs")
    npz: str | None = common_flags.npz()
    test_examples: int | None = flag(
        None,
        "Evaluate on the first so many test images. Default: all.",
        least=1,
    )
    eval_batch_size: int = common_flags.eval_batch_size()
    output_dir: str | None = common_flags.output_dir()


def run(command):
    """Measures what a `Command` asks for."""
    configs = {path: _config(path) for path in command.run_dirs}
    _check_checkpoint_flags(command, configs)
    _check_networks(command, configs)
    data = _data(command, configs)
    files.check_writable(command.output_dir, "output_dir")

    startup.import_keras()
    losing = command.networks or "value"
    networks = [_of_run(*item, configs, losing) for item in configs.items()]
    if command.init_from:
        networks.append(_of_checkpoint(command, data, configs))
    measure(networks, data, command.eval_batch_size, command.output_dir)
    origin.note_command(command.output_dir)
    return command.output_dir


def _config(path):
    """The `Config` of a run of a network that has removable blocks."""
    config = RunDirectory(path).read_config()
    objectives.check_classes(config.loss, path)
    _blocks(config.architecture()[0], config.architecture_options())
    if config.gate_permutation:
        raise UserError(
            "Expected a run whose gates are in order: without a block the "
            f"permutation has no meaning. Received: {path}, trained with "
            f"--gate_permutation={','.join(map(str, config.gate_permutation))}"
        )
    return config


def _blocks(architecture, options):
    blocks = tuple(architecture.removable_blocks(options))
    if not blocks:
        raise UserError(
            "Expected a network with blocks that can be left out, each between "
            f"a skip and an Add. Received: {architecture.name}, which has none"
        )
    return blocks


def _check_checkpoint_flags(command, configs):
    if bool(command.init_from) != bool(command.model):
        raise UserError(
            "Expected --model and --init_from together. Received: "
            f"--model={command.model} --init_from={command.init_from}"
        )
    if not command.init_from and not configs:
        raise UserError(
            "Expected --run_dirs=A,B or --model=NAME --init_from=PREFIX. "
            "Received: none of them"
        )
    if command.init_from:
        _blocks(_named(command), _checkpoint_options(command))
    else:
        what = "on runs, but with --init_from only"
        command.check_absent(("block", "shortcut"), what)


def _named(command):
    architecture, _ = registry.parse(command.model)
    return architecture


def _check_networks(command, configs):
    gated = [c for c in configs.values() if not c.model.endswith("_dnn")]
    if command.networks and not gated:
        raise UserError(
            "Expected --networks with a run of a dgn, dlgn or dlgn_sf, which "
            "has two. Received: none of them"
        )


def _checkpoint_options(command):
    return {"block": command.block, "shortcut": command.shortcut}


def _data(command, configs):
    """Keyword arguments of `sources.load`, checked."""
    found = {config.dataset for config in configs.values()}
    found |= {command.dataset} if command.dataset else set()
    if len(found) > 1:
        raise UserError(
            "Expected networks of one data set. Received: "
            f"{', '.join(sorted(found))}"
        )
    name = found.pop() if found else "cifar10"
    if configs:
        first = next(iter(configs.values()))
        source = catalog.source_of_run(first, command.data_dir, command.npz)
    else:
        source = catalog.source(name, command.data_dir, command.npz)
    available = catalog.examples(**source)["test"]
    if (command.test_examples or 1) > available:
        raise UserError(
            f"Invalid --test_examples. Expected at most {available}, the test "
            f"images of {name}. Received: {command.test_examples}"
        )
    return {
        **source,
        "train_examples": 1,
        "test_examples": command.test_examples,
    }


def _of_run(path, config, configs, losing):
    from dlgn_tf.inspection.layer_removal import TrainedNetwork
    from dlgn_tf.training import configured, runs

    model, _, _ = runs.load_run(path)
    others = [other.model for other in configs.values() if other is not config]
    return TrainedNetwork(
        path if config.model in others else config.model,
        model,
        functools.partial(configured.create_configured_model, config),
        _blocks(config.architecture()[0], config.architecture_options()),
        losing,
    )


def _of_checkpoint(command, data, configs):
    from dlgn_tf.inspection.layer_removal import TrainedNetwork

    options = _checkpoint_options(command)

    def build(removed):
        return source.lineage_network(
            command.model, data["name"], removed, **options
        )

    model = build(())
    with trained.named("init_from", command.init_from):
        trained.copy_into(command.init_from, model)
    others = [config.model for config in configs.values()]
    return TrainedNetwork(
        command.init_from if command.model in others else command.model,
        model,
        build,
        _blocks(_named(command), options),
    )


def measure(networks, data, batch_size, output_dir):
    """Evaluates networks without each of their blocks; writes the results.

    removals.csv is rewritten after each `TrainedNetwork` that was evaluated,
    removals.png at the end.
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
    cli.run(run, "dlgn_tf.remove_layers", USAGE, Command)

"""Trains a model of the zoo: python -m dlgn_tf.train --model=c4gap_dlgn."""

import contextlib
import shlex
import signal
import sys

from dlgn_tf import config as config_lib
from dlgn_tf import presets
from dlgn_tf.command import cli, plugins, startup
from dlgn_tf.data import catalog
from dlgn_tf.models import objectives, registry
from dlgn_tf.training import permutations, trained
from dlgn_tf.training.run_directory import RunDirectory

USAGE = """\
Trains a deep gated network, or continues a run that has checkpoints.

  python -m dlgn_tf.train --model=c4gap_dlgn --dataset=digits
  python -m dlgn_tf.train --flagfile=flags/resnet110_dlgn.flags --data_dir=DIR

Flags after --flagfile win over those in it: --epochs over its --train_steps,
--learning_rates over boundaries of others. A file that it includes is looked
for beside it and above."""


Command = config_lib.TrainingFlags


def check(command):
    """Raises a `UserError` if the flags cannot work here."""
    if not (command.list_models or command.list_presets):
        config_lib.check_environment(config_lib.resolve(command))


def run(command):
    """Trains; returns an exit status, 128 + signal after a signal."""
    if command.list_models:
        list_models()
        return 0
    if command.list_presets:
        print(presets.told())
        return 0
    config = config_lib.resolve(command)
    all_permutations = config.gate_permutation == "all"
    singles = permutations.single_runs(config) if all_permutations else {}
    for single in [config, *singles.values()]:
        check_run_directory(single)
    catalog.check_available(**catalog.place_of(config))

    startup.import_keras()
    from dlgn_tf.training import loop

    try:
        if all_permutations:
            permutations.train_all(config)
            return 0
        last = loop.train(config)
    except loop.Stopped as stopped:
        _say(stopped)
        return 128 + stopped.signal
    if last is None:
        return 0
    flags = (f"--run_dir={config.run_dir}", "--export_dir=DIR")
    print(
        f"{objectives.told(last)} over "
        f"{last['test_images']:,} images at step {last['step']}\n"
        f"look:   tensorboard {shlex.quote(f'--logdir={config.run_dir}')}\n"
        f"export: {plugins.command('dlgn_tf.export', *flags)}"
    )
    return 0


def _say(stopped):
    """Says how to go on, on the stream that somebody may read."""
    stream = sys.stderr if stopped.signal == signal.SIGPIPE else sys.stdout
    # A terminal may have gone.
    with contextlib.suppress(OSError):
        print(stopped, file=stream, flush=True)


def check_run_directory(config):
    """Raises a `UserError` unless a run can start or go on there."""
    # Of several processes only the chief reads and writes there; it looks
    # when it knows that it is the chief.
    if config.strategy == "multi_worker":
        return
    directory = RunDirectory(config.run_dir)
    directory.check(config)
    directory.check_unlocked()
    if directory.is_new():
        trained.check_sources(config)


def list_models():
    """Prints every model: name, parameters, gate sites, description."""
    print(f"{'model':<18} {'parameters':>11} {'gate sites':>11}  description")
    for name in registry.names():
        architecture, family = registry.parse(name)
        count = architecture.parameter_count(family)
        counted = f"{count:,}" if count else "?"
        print(
            f"{name:<18} {counted:>11} {architecture.gate_sites:>11}  "
            f"{registry.FAMILIES[family]}: {architecture.description}"
        )
    print("\nParameters are for 32x32x3 images and 10 classes.")


if __name__ == "__main__":
    cli.run(run, "dlgn_tf.train", USAGE, Command, check)

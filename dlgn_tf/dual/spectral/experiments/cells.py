"""Trainings of several seeds, and what their rows have in common."""

import collections

import numpy as np

from dlgn_tf.command.progress import Progress
from dlgn_tf.dual.spectral import training
from dlgn_tf.output.spread import sample_std


def of_command(command, **fields):
    """A `training.Setting` with what the command says of it."""
    names = ("steps", "width", "depth", "beta", "learning_rate")
    common = {name: getattr(command, name) for name in names}
    return training.Setting(**{**common, **fields})


def measure(settings, seeds, title, at=()):
    """Trains each of some settings so many times.

    Args:
        settings: List of `training.Setting`.
        seeds: Integer.
        title: Of the progress.
        at: Steps besides the last at which networks are measured too.

    Yields:
        Setting, seed, and a dict from steps to `training.Network`.
    """
    progress, done = Progress(title, 0, len(settings) * seeds, "network"), 0
    for setting in settings:
        for seed in range(seeds):
            found = training.train(setting, seed, at)
            done += 1
            progress.update(done)
            yield setting, seed, found


def shares(network, setting, seed):
    """What a network leaves unexplained, with its gates and with hard ones."""
    share = training.held_out_share(network, setting.frequency, seed)
    hard = "" if setting.family == "dnn" else network.hardened
    if hard:
        hard = training.held_out_share(hard, setting.frequency, seed)
        hard = f"{hard:.5g}"
    return {"share_unexplained": f"{share:.5g}", "with_hard_gates": hard}


def summary(rows, keys):
    """Mean and standard error over seeds of the rows that share `keys`."""
    found = collections.defaultdict(list)
    for row in rows:
        cell = tuple(row[key] for key in keys)
        found[cell].append(float(row["share_unexplained"]))
    return [
        {
            **dict(zip(keys, cell, strict=True)),
            "seeds": len(values),
            "mean": f"{np.mean(values):.4g}",
            "standard_error": f"{standard_error(values):.2g}",
        }
        for cell, values in found.items()
    ]


def standard_error(values):
    return sample_std(values) / len(values) ** 0.5

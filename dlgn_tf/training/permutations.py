"""One run for each way to permute the gates. Imports nothing heavy itself."""

import dataclasses
import itertools
import statistics

from dlgn_tf.errors import UserError
from dlgn_tf.models import objectives
from dlgn_tf.output import files, run_names
from dlgn_tf.training import trained
from dlgn_tf.training.run_directory import RunDirectory


def orders(config):
    """All orders of a network's gates, each to a site of its shape, but one.

    Tuples such as `(2, 0, 3, 1)`; the identity is left out.
    """
    of_groups = map(itertools.permutations, _groups(config))
    return [sum(order, ()) for order in itertools.product(*of_groups)][1:]


def _groups(config):
    """Gate sites of one shape, as tuples of their numbers."""
    architecture, _ = config.architecture()
    counts = architecture.alike_sites(config.architecture_options())
    ends = list(itertools.accumulate(counts))
    return [
        tuple(range(end - n, end)) for n, end in zip(counts, ends, strict=True)
    ]


def single_runs(config):
    """The runs that `--gate_permutation=all` stands for.

    Dict from the permutation's digits, such as `"2031"`, to the `Config` of its
    run, the identity left out.
    """
    configs = {}
    for permutation in orders(config):
        separator = "" if len(permutation) <= 10 else "."
        digits = separator.join(map(str, permutation))
        configs[digits] = dataclasses.replace(
            config,
            gate_permutation=permutation,
            run_dir=f"{config.run_dir}/{run_names.PERMUTATION}{digits}",
        )
    return configs


def train_all(config):
    """Trains every run of `single_runs`, going on where it was stopped.

    Leaves RUN_DIR/permutations.csv, a line a finished run, and flags.txt. Its
    columns are permutation, step, test_accuracy and best_test_accuracy, all in
    [0, 1]; of a regression test_r2 and best_test_r2 in their place.

    Raises:
        UserError: if gate sites differ in shape, or as `loop.train`.
        Stopped: as `loop.train`.
    """
    from dlgn_tf.training import loop

    directory, rows = RunDirectory(config.run_dir), []
    score = f"test_{objectives.of(config.loss).score}"
    singles = single_runs(config)
    for single in singles.values():
        _check_flags(single)
    _check_shapes(config)
    with directory.locked():
        directory.write_flags(config)
        for digits, single in singles.items():
            try:
                last = _finished(single) or _train(single)
            except loop.Stopped as stopped:
                raise loop.Stopped(
                    stopped.signal,
                    f"stopped by {stopped.signal.name} in permutation "
                    f"{digits}, {len(rows)} of {len(singles)} are finished; "
                    f"{directory.command()} goes on",
                ) from stopped
            shown = {
                name: last[name] for name in ("step", score, f"best_{score}")
            }
            rows.append({"permutation": digits, **shown})
            _write(directory.path / run_names.PERMUTATIONS, rows)
            print(
                f"permutation {digits}, {len(rows)} of {len(singles)}: "
                f"{objectives.told(last)}"
            )
    print(_summary(rows, score))


def _check_shapes(config):
    """Raises a `UserError` before the first run rather than in a later one."""
    from dlgn_tf.training import configured

    # A cycle compares each site with the next.
    cycle = sum((group[1:] + group[:1] for group in _groups(config)), ())
    configured.create_configured_model(
        dataclasses.replace(config, gate_permutation=cycle)
    )


def _check_flags(config):
    """Raises a `UserError` if a run was begun with other flags."""
    directory = RunDirectory(config.run_dir)
    if changes := directory.check(config):
        raise UserError(
            f"{directory.path} was begun with other flags. Expected the same, "
            f"or another --run_dir. Received: another {changes[0]}"
        )


def _finished(config):
    """The last evaluation of a run that has nothing left to do, or None."""
    evaluations = trained.finished_evaluations(
        RunDirectory(config.run_dir), config.train_steps
    )
    return evaluations and evaluations[-1]


def _train(config):
    import keras

    from dlgn_tf.training import loop

    # The network before it would stay in memory.
    keras.utils.clear_session()
    return loop.train(config)


def _write(path, rows):
    text = files.csv_text(rows[0], (row.values() for row in rows))
    with files.write_errors(path):
        files.write_atomically(path, text)


def _summary(rows, score):
    what, _, _ = objectives.told(rows[-1]).rpartition(" ")
    parts = []
    for column, meaning in (
        (score, "at the last step"),
        (f"best_{score}", "at the best"),
    ):
        values = [100 * row[column] for row in rows]
        mean, std = statistics.fmean(values), statistics.pstdev(values)
        parts.append(f"{mean:.2f} +- {std:.2f} % {meaning}")
    return (
        f"{len(rows)} permutations: {what} {', '.join(parts)} "
        "(mean +- population std, which divides by n, over permutations)"
    )

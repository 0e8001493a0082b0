"""What finished runs found, by run and by cell."""

import dataclasses
import statistics
import typing

from dlgn_tf.errors import UserError
from dlgn_tf.output import elsewhere, files, run_names
from dlgn_tf.output import origin as origin_lib
from dlgn_tf.output.origin import Origin
from dlgn_tf.training import trained
from dlgn_tf.training.run_directory import RunDirectory

# Where a run and not its outcome is described.
_PLACES = ("run_dir", "data_dir", "download", "npz", "gates_from")


@dataclasses.dataclass(frozen=True)
class Result:
    """A finished run; accuracies on the test images, in percent."""

    # Name of the cell.
    cell: str
    seed: int
    # Of the gates, or an empty string.
    permutation: str
    # Highest over all evaluations, and after the last step.
    best_accuracy: float
    last_accuracy: float
    evaluations: int
    # In each evaluation.
    test_images: int
    steps: int
    # Of training and evaluation; what a kill cut short is missing.
    seconds: float
    # See `Run`.
    command: str
    # Columns of their own in results.csv.
    origin: Origin = Origin()


_KINDS = {
    field.name: field.type
    for field in dataclasses.fields(Result)
    if field.type is not Origin
}
_ORIGIN = tuple(field.name for field in dataclasses.fields(Origin))


class Summary(typing.NamedTuple):
    """Mean and standard deviation in percent over the n runs of a cell.

    The standard deviation is that of the population (divides by n), as in the
    predecessor's table; None for a single run. Without runs there is no mean.
    """

    n: int
    mean: float | None
    std: float | None


def summarize(values):
    """`Summary` of the accuracies of some runs."""
    mean = statistics.fmean(values) if values else None
    std = statistics.pstdev(values) if len(values) > 1 else None
    return Summary(len(values), mean, std)


def of_run(run):
    """The `Result` of a `Run`, or None if it is not finished.

    Raises:
        UserError: if its directory holds a run with other flags.
    """
    directory = RunDirectory(run.config.run_dir)
    _check_flags(run, directory)
    evaluations = trained.finished_evaluations(
        directory, run.config.train_steps
    )
    if not evaluations:
        return None
    last = evaluations[-1]
    return Result(
        cell=run.cell.name,
        seed=run.seed,
        permutation=run.permutation or "",
        best_accuracy=100 * max(e["test_accuracy"] for e in evaluations),
        last_accuracy=100 * last["test_accuracy"],
        evaluations=len(evaluations),
        test_images=last["test_images"],
        steps=last["step"],
        seconds=seconds_so_far(directory),
        command=run.command,
        origin=origin_lib.of_run(directory),
    )


def _check_flags(run, directory):
    # A run without a checkpoint begins anew, whatever it left.
    if not directory.flags.exists() or not directory.has_checkpoints():
        return
    changed = [
        f"--{flag}={before}"
        for flag, (before, _) in directory.changes(run.config).items()
        if flag not in _PLACES
    ]
    if changed:
        raise UserError(
            "Expected another --runs_dir, or the flags with which its runs "
            f"were made. Received: {directory.path}, made with "
            f"{', '.join(changed)}"
        )


def seconds_so_far(directory):
    """Seconds that `add_seconds` has noted in a `RunDirectory`."""
    kind = {"seconds": int | float}
    noted = elsewhere.read_json(_seconds_file(directory), kind)
    return float(noted["seconds"]) if noted else 0.0


def add_seconds(directory, seconds):
    """Notes that a run was trained for so long, besides what was noted."""
    total = seconds_so_far(directory) + seconds
    text = f'{{"seconds": {total:.3f}}}\n'
    with files.write_errors(directory.path):
        files.write_atomically(_seconds_file(directory), text)


def _seconds_file(directory):
    return directory.path / run_names.SECONDS


def to_csv(results):
    """`Result`s as the text of a CSV file with a header."""
    columns = (*_KINDS, *_ORIGIN)
    rows = map(_row, results)
    return files.csv_text(
        columns, ([row[name] for name in columns] for row in rows)
    )


def _row(result):
    row = dataclasses.asdict(result)
    row |= row.pop("origin")
    row["seconds"] = f"{result.seconds:.1f}"
    for name in ("best_accuracy", "last_accuracy"):
        row[name] = f"{row[name]:.4f}"
    return row


def from_csv(path):
    """The `Result`s of a CSV file that `to_csv` made.

    Raises:
        UserError: if the file cannot be read.
    """
    try:
        return [_result(row) for row in elsewhere.read_csv(path)]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise UserError(
            f"Expected a results.csv of tools/reproduce.py. Received: {path}, "
            f"{type(error).__name__}: {error}"
        ) from error


def _result(row):
    # Files from before origins were noted lack their columns.
    noted = {name: row[name] for name in _ORIGIN if name in row}
    return Result(
        **{name: kind(row[name]) for name, kind in _KINDS.items()},
        origin=Origin(**noted),
    )

"""Joins what runs of several seeds have left into one CSV file.

  python tools/join_rows.py --from='runs/fc-*/dual/kernels.csv' \\
      --output=kernels.csv
  python tools/join_rows.py --column=gates --output=results.csv \\
      --from='random=runs/random-*/metrics.jsonl,learned=runs/x-*/metrics.jsonl'

What * stands for, an integer, becomes the column seed, the word before = the
one that --column names. Of a CSV file every row is taken, of a metrics.jsonl
the last evaluation.
"""

import dataclasses
import glob
import os
import pathlib
import re

from dlgn_tf.command import cli, fields
from dlgn_tf.command.fields import flag
from dlgn_tf.errors import UserError
from dlgn_tf.output import elsewhere, files

_OF_EVALUATION = (
    "step",
    "test_accuracy",
    "test_classification_loss",
    "test_images",
)


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this tool."""

    from_: tuple[str, ...] = flag(
        (),
        "Comma-separated patterns of files, each with one *.",
        required="PATTERNS",
    )
    output: str | None = flag(
        None, "The CSV file that is written.", path=True, required="FILE"
    )
    column: str | None = flag(None, "What the words before = are called.")


def run(command):
    patterns = command.from_
    read = [found for p in patterns for found in _found(p, command.column)]
    paths = [os.path.realpath(path) for *_, path in read]
    if len({*paths, os.path.realpath(command.output)}) <= len(paths):
        raise UserError(
            "Expected files that are read once and not replaced. Received: "
            f"--from={','.join(patterns)}, --output={command.output}"
        )
    rows = [
        {**key, "seed": seed, **row}
        for key, seed, path in read
        for row in _read(path)
    ]
    headers = {tuple(row) for row in rows}
    if len(headers) != 1:
        raise UserError(
            "Expected files with rows of the same columns. Received: "
            f"{len(headers)} kinds of rows"
        )
    (header,) = headers
    text = files.csv_text(header, [row.values() for row in rows])
    with files.write_errors(command.output):
        files.write_atomically(command.output, text)
    print(f"{command.output} is written: {len(rows)} rows")


def _found(pattern, column):
    """Triples of a key, a seed and a path, in the order of their seeds."""
    word, _, pattern = pattern.rpartition("=")
    if bool(word) != bool(column):
        raise UserError(
            "Expected --column where a word and = stand before the pattern, "
            f"and else none. Received: --column={column}, {word}={pattern}"
        )
    seed_of = re.compile(re.escape(pattern).replace(r"\*", r"(\d+)")).fullmatch
    names = glob.escape(pattern).replace("[*]", "*")
    paths = glob.glob(names) if pattern.count("*") == 1 else []
    matches = list(filter(None, map(seed_of, paths)))
    found = {int(match[1]): pathlib.Path(match[0]) for match in matches}
    if len(found) < len(matches):
        raise UserError(
            f"Expected each seed once. Received: {pattern}, which finds "
            f"{', '.join(sorted(match[0] for match in matches))}"
        )
    if not found:
        raise UserError(
            "Expected files of a pattern with one * for a seed. Received: "
            f"{pattern}, which finds none"
        )
    key = {column: word} if column else {}
    return [(key, seed, found[seed]) for seed in sorted(found)]


def _read(path):
    """The rows of a file; a `UserError` if it is damaged."""
    try:
        if path.suffix == ".csv":
            return elsewhere.read_csv(path)
        lines = map(
            elsewhere.parse_json, elsewhere.read_text(path).splitlines()
        )
        last = [line for line in lines if "test_accuracy" in line][-1:]
        return [{name: line[name] for name in _OF_EVALUATION} for line in last]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(
            "Expected a CSV file with a header, or the metrics.jsonl of a run. "
            f"Received: {path}, {type(error).__name__}: {error}"
        ) from error


if __name__ == "__main__":
    cli.run(run, "tools/join_rows.py", __doc__, Command)

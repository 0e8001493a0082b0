"""Claims on the papers' tables, checked on what tools/reproduce.py measured."""

import collections
import dataclasses
import math
import pathlib
import statistics

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.claims.registry import NotMeasured
from dlgn_tf.errors import UserError
from dlgn_tf.reproduction import results


class MeasuredTable:
    """Accuracies of a table's cells in percent: of each run one.

    Attributes:
        name: String, such as `"dlgn.1"`.
        scale: String, at which it was measured.

    Args:
        name: String.
        scale: String.
        found: List of `Result`.
        accuracy: `"best"`, the highest of all evaluations, or `"last"`.
    """

    def __init__(self, name, scale, found, accuracy="best"):
        self.name, self.scale = name, scale
        self._by_cell, self._steps = {}, collections.defaultdict(set)
        for result in found:
            of_cell = self._by_cell.setdefault(result.cell, [])
            of_cell.append(getattr(result, f"{accuracy}_accuracy"))
            self._steps[result.cell].add(result.steps)

    def has(self, *cells):
        return all(cell in self._by_cell for cell in cells)

    def mean(self, cell):
        return statistics.fmean(self._by_cell[cell])

    def error(self, cell):
        """Standard error of the mean; NaN of fewer than two runs."""
        values = self._by_cell[cell]
        if len(values) < 2:
            return math.nan
        return statistics.stdev(values) / math.sqrt(len(values))

    def steps(self, cell):
        """The numbers of training steps of a cell's runs, a set."""
        return self._steps[cell]

    def fewest(self):
        """The least number of runs of a cell; 0 without any."""
        return min(map(len, self._by_cell.values()), default=0)

    def means(self):
        return {cell: self.mean(cell) for cell in self._by_cell}


@dataclasses.dataclass(frozen=True)
class Check:
    """One comparison of a claim.

    Attributes:
        shown: What is compared, with figures.
        holds: Boolean, or None where cells are missing.
    """

    shown: str
    holds: bool | None


def load(results_dir, groups, scales, runs=1, also=(), accuracy="best"):
    """Reads what a claim needs, at one scale.

    A group counts at a scale at which its first cell was run. The first scale
    is taken at which there are groups and all that count are complete: what
    was begun at a higher one hides no complete results. Without such a scale,
    it is the one that has most of the cells.

    Args:
        results_dir: Path-like; holds TABLE-SCALE/results.csv.
        groups: List of lists of `(table, cell)`: cells that the claim compares
            with one another.
        scales: Names of scales, the best first.
        runs: Integer, the runs that a cell needs.
        also: List of `(table, cell)` that are read where they are.
        accuracy: See `MeasuredTable`.

    Returns:
        List of `MeasuredTable` of these cells, in the order in which the
        groups name their tables.

    Raises:
        NotMeasured: if there is no such scale, or a file is damaged.
    """
    names = list(dict.fromkeys(name for group in groups for name, _ in group))
    begun = []
    for scale in scales:
        found = _read(results_dir, names, scale)
        if found is None:
            continue
        counting = [group for group in groups if found[group[0]]]
        cells = [cell for group in counting for cell in group]
        enough = sum(len(found[cell]) >= runs for cell in cells)
        tables = _measured(names, scale, found, [*cells, *also], accuracy)
        if cells and enough == len(cells):
            return tables
        begun.append((enough, tables))
    # Of equals the first.
    most, tables = max(begun, key=lambda one: one[0], default=(0, None))
    if most or (tables and any(table.means() for table in tables)):
        return tables
    commands = ", ".join(
        f"tools/reproduce.py --table={name} --scale={scales[-1]}"
        for name in names
    )
    raise NotMeasured(f"no results in {results_dir}; {commands} makes them")


def _read(results_dir, names, scale):
    """Dict from `(table, cell)` to `Result`s; None if a table is not there."""
    found = collections.defaultdict(list)
    for name in names:
        file = pathlib.Path(results_dir) / f"{name}-{scale}" / "results.csv"
        if not file.is_file():
            return None
        try:
            read = results.from_csv(file)
        except UserError as error:
            raise NotMeasured(str(error)) from error
        for result in read:
            found[name, result.cell].append(result)
    return found


def _measured(names, scale, found, cells, accuracy):
    return [
        MeasuredTable(
            name,
            scale,
            [
                r
                for cell in dict.fromkeys(cells)
                if cell[0] == name
                for r in found[cell]
            ],
            accuracy,
        )
        for name in names
    ]


def check_runs(table, least):
    """Raises `NotMeasured` if a cell of a table has too few runs.

    Args:
        table: `MeasuredTable`.
        least: Integer.
    """
    if table.fewest() < least:
        raise NotMeasured(
            f"{table.name} at scale {table.scale} has cells of "
            f"{table.fewest()} runs; {least} are needed"
        )


def measurement(tables, checks):
    """A `Measurement` of a claim's checks.

    It does not hold if any check fails; if none fails but cells are missing,
    it is not decided.
    """
    failed = [check for check in checks if check.holds is False]
    missing = [check for check in checks if check.holds is None]
    shown = "; ".join(check.shown for check in failed or checks)
    scale = ", ".join(
        f"{t.name} at scale {t.scale} (n >= {t.fewest()})" for t in tables
    )
    if missing and not failed:
        raise NotMeasured(f"{scale}: {shown}")
    return Measurement(
        holds=not failed,
        measured=f"{scale}: {'' if not failed else 'fails: '}{shown}",
        values={
            "scale": tables[0].scale,
            "means": {t.name: t.means() for t in tables},
            "checks": {check.shown: check.holds for check in checks},
        },
    )


def compare(label, table, cells, holds, other=None):
    """A `Check` of means.

    Cells of two tables are compared only if they were trained for as many
    steps: the tables' scales may shorten them differently.

    Args:
        label: String.
        table: `MeasuredTable` of the first cell.
        cells: Two names of cells.
        holds: Function of both means.
        other: `MeasuredTable` of the second cell. Defaults to `table`.
    """
    other = other or table
    first, second = cells
    if not (table.has(first) and other.has(second)):
        return Check(f"{label} missing", None)
    if table is not other and table.steps(first) != other.steps(second):
        counts = (
            "/".join(f"{n:,}" for n in sorted(steps))
            for steps in (table.steps(first), other.steps(second))
        )
        return Check(f"{label} trained for {' and '.join(counts)} steps", None)
    a, b = table.mean(first), other.mean(second)
    return Check(f"{label} {a:.2f}, {b:.2f}", holds(a, b))


def at_most(a, b):
    return a <= b


def below(a, b):
    return a < b


def within(points):
    """A comparison of two means: at most so many points apart."""
    return lambda a, b: abs(a - b) <= points

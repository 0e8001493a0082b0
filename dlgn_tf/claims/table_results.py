"""Claims on the papers' tables, checked on what tools/reproduce.py measured."""

import dataclasses
import math
import pathlib
import statistics

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.claims.registry import NotMeasured
from dlgn_tf.reproduction import results


class MeasuredTable:
    """Accuracies of a table's cells: each run's best, in percent, as published.

    Attributes:
        name: String, such as `"dlgn.1"`.
        scale: String, at which it was measured.

    Args:
        name: String.
        scale: String.
        found: List of `Result`.
    """

    def __init__(self, name, scale, found):
        self.name, self.scale = name, scale
        self._by_cell = {}
        for result in found:
            of_cell = self._by_cell.setdefault(result.cell, [])
            of_cell.append(result.best_accuracy)

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

    def fewest(self):
        """The least number of runs of a cell."""
        return min(map(len, self._by_cell.values()))

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


def load(results_dir, names, scales):
    """Reads tables that were measured at one scale.

    Args:
        results_dir: Path-like; holds TABLE-SCALE/results.csv.
        names: Names of tables.
        scales: Names of scales; the first counts at which all are there.

    Returns:
        List of `MeasuredTable`.

    Raises:
        NotMeasured: if there is no such scale.
        UserError: if a file is damaged.
    """
    for scale in scales:
        files = [
            pathlib.Path(results_dir) / f"{name}-{scale}" / "results.csv"
            for name in names
        ]
        if all(file.is_file() for file in files):
            return [
                MeasuredTable(name, scale, results.from_csv(file))
                for name, file in zip(names, files, strict=True)
            ]
    commands = ", ".join(
        f"tools/reproduce.py --table={name} --scale={scales[-1]}"
        for name in names
    )
    raise NotMeasured(f"no results in {results_dir}; {commands} makes them")


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
    a, b = table.mean(first), other.mean(second)
    return Check(f"{label} {a:.2f}, {b:.2f}", holds(a, b))


def at_most(a, b):
    return a <= b


def below(a, b):
    return a < b


def within(points):
    """A comparison of two means: at most so many points apart."""
    return lambda a, b: abs(a - b) <= points

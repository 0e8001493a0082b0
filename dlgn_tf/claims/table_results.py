"""Claims on the papers' tables, checked on what tools/reproduce.py measured."""

import collections
import pathlib
import statistics

from dlgn_tf.claims import contrasts
from dlgn_tf.claims.verdicts import NotMeasured
from dlgn_tf.errors import UserError
from dlgn_tf.reproduction import results, tables

# At which claims read a table, the best first; see `load`.
SCALES = tuple(scale for scale in tables.SCALES if scale != "smoke")


class MeasuredTable:
    """Accuracies of a table's cells in percent: of each run one.

    Runs of one gate permutation count as one, their mean: what varies in a
    permuted cell is the permutation, and seeds of the same one tell nothing of
    others.

    Args:
        name: String, such as `"dlgn.1"`; also an attribute.
        scale: String, at which it was measured; also an attribute.
        found: List of `Result`.
        accuracy: `"best"`, the highest of all evaluations, or `"last"`.
    """

    def __init__(self, name, scale, found, accuracy="best"):
        self.name, self.scale = name, scale
        runs, self._steps = {}, {}
        for result in found:
            unit = result.permutation or result.seed
            of_cell = runs.setdefault(result.cell, {})
            value = getattr(result, f"{accuracy}_accuracy")
            of_cell.setdefault(unit, []).append(value)
            before = self._steps.get(result.cell, result.steps)
            self._steps[result.cell] = min(result.steps, before)
        self._by_cell = {
            cell: {unit: statistics.fmean(v) for unit, v in of_cell.items()}
            for cell, of_cell in runs.items()
        }

    def has(self, *cells):
        return all(cell in self._by_cell for cell in cells)

    def runs(self, cell):
        """Dict from seed, or permutation, to accuracy."""
        return self._by_cell[cell]

    def values(self, cell):
        """List of accuracies; empty for a cell that is not there."""
        return list(self._by_cell.get(cell, {}).values())

    def steps(self, cell):
        """The least number of training steps of a cell's runs."""
        return self._steps[cell]

    def fewest(self):
        """The least number of values of a cell; 0 without any."""
        return min(map(len, self._by_cell.values()), default=0)

    def means(self):
        return {c: statistics.fmean(self.values(c)) for c in self._by_cell}

    def pair(self, high, low):
        """A `contrasts.Pair` of two cells' values; empty where one is not."""
        return contrasts.Pair(self.values(high), self.values(low))


def load(results_dir, groups, also=(), accuracy="best"):
    """Reads what a claim needs, at one of `SCALES`.

    A group counts at a scale at which its first cell was run. The first scale
    is taken at which there are groups and all that count are complete, each
    cell with runs enough to decide: what was begun at a higher one hides no
    complete results. Without such a scale, it is the one that has most of the
    cells.

    Args:
        results_dir: Path-like; holds TABLE-SCALE/results.csv.
        groups: List of lists of `(table, cell)`: cells that the claim compares
            with one another.
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
    for scale in SCALES:
        found = _read(results_dir, names, scale)
        if found is None:
            continue
        counting = [group for group in groups if found[group[0]]]
        cells = [cell for group in counting for cell in group]
        enough = sum(len(found[c]) >= contrasts.LEAST_RUNS for c in cells)
        read = {name: [] for name in names}
        for name, cell in dict.fromkeys([*cells, *also]):
            read[name] += found[name, cell]
        tables = [MeasuredTable(n, scale, r, accuracy) for n, r in read.items()]
        if cells and enough == len(cells):
            return tables
        begun.append((enough, tables))
    # Of equals the first.
    most, tables = max(begun, key=lambda one: one[0], default=(0, None))
    if most or (tables and any(table.means() for table in tables)):
        return tables
    commands = ", ".join(
        f"tools/reproduce.py --table={name} --scale={SCALES[-1]}"
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


def told(tables):
    """Figures that say what was read: at which scale, of how many runs."""
    scales = (
        f"{t.name} at scale {t.scale} (n >= {t.fewest()})" for t in tables
    )
    return {
        "tables": ", ".join(scales),
        "details": {
            "scale": tables[0].scale,
            "means": {table.name: table.means() for table in tables},
        },
    }

"""Published tables as data: cells, flagfiles, figures, scales.

A table is a folder flags/TABLE: table.toml and a flagfile for each cell. To add
a table, add such a folder. Imports nothing heavy.

table.toml holds

    title, source       for people
    baseline            optional: the column that the others are compared with
    [scales.NAME]       words, seeds; optional: cells, the patterns of those
                        that it covers, and flags, which follow each flagfile
    [[scales.NAME.only]]  cells, and seeds or flags for these alone
    [cells]             NAME = {row, column, mean, std}, in percent; optional:
                        gates_from, the cell whose run of the same seed gives
                        the gates, and stage, which of its snapshots
"""

import dataclasses
import fnmatch
import pathlib
import tomllib

from dlgn_tf.errors import UserError, nearest

SCALES = ("full", "accelerator", "hours", "minutes", "smoke")


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell of a table, whose flagfile is NAME.flags."""

    name: str
    # For people.
    row: str
    column: str
    # Of the published accuracy, in percent.
    mean: float | None = None
    std: float | None = None
    # Name of the cell whose run gives the gates.
    gates_from: str | None = None
    # Which snapshot of that run, from 0; None for its best model.
    stage: int | None = None


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much of a table is run, and how far from what was published."""

    # That say so.
    words: str = ""
    # Runs a cell.
    seeds: int | None = None
    # Comma-separated patterns of the cells that it covers.
    cells: str = "*"
    # After each cell's flagfile.
    flags: tuple[str, ...] = ()
    # Scales without words that hold for some cells alone.
    only: "tuple[Scale, ...]" = ()

    def flags_of(self, cell):
        """Flags of a cell, in the order in which they are given."""
        given = list(self.flags)
        for exception in self.only:
            if matches(cell.name, exception.cells):
                given.extend(exception.flags)
        return given

    def seeds_of(self, cell, wanted=None):
        """Runs of a cell, of which `wanted` were asked for."""
        seeds = wanted or self.seeds
        for exception in self.only:
            if exception.seeds and matches(cell.name, exception.cells):
                seeds = (
                    min(seeds, exception.seeds) if wanted else exception.seeds
                )
        return seeds


@dataclasses.dataclass(frozen=True)
class Table:
    """A published table, such as `"dlgn.1"`."""

    name: str
    title: str
    # Where it was published.
    source: str
    # By the names of `SCALES`.
    scales: dict[str, Scale]
    # By name, row by row.
    cells: dict[str, Cell]
    # Column with which the others are compared.
    baseline: str | None = None

    def flagfile(self, cell):
        """Path of a cell's flagfile, from the folder that holds flags/."""
        return f"flags/{self.name}/{cell.name}.flags"

    def baseline_of(self, cell):
        """The cell with which one is compared, or None if there is none."""
        for other in self.cells.values():
            if (other.row, other.column) == (cell.row, self.baseline):
                return None if other == cell else other
        return None

    def select(self, scale, patterns=None):
        """The cells that a scale covers, and those that give them gates.

        In the table's order; comma-separated patterns take the place of the
        scale's.

        Raises:
            UserError: if a pattern matches no cell.
        """
        wanted = patterns or scale.cells
        for pattern in wanted.split(","):
            if not any(matches(name, pattern) for name in self.cells):
                raise UserError(
                    f"Expected --cells of {self.name}: "
                    f"{', '.join(self.cells)}. Received: {pattern}"
                )
        chosen = {n for n in self.cells if matches(n, wanted)}
        chosen |= {self.cells[name].gates_from for name in chosen}
        return [cell for cell in self.cells.values() if cell.name in chosen]


def matches(name, patterns):
    """Whether a name fits one of some comma-separated patterns."""
    return any(fnmatch.fnmatchcase(name, p) for p in patterns.split(","))


def names(root):
    """Names of all tables of a folder that holds flags/."""
    found = pathlib.Path(root).glob("flags/*/table.toml")
    return sorted(path.parent.name for path in found)


def load(root, name):
    """The `Table` of one of the `names` of a folder.

    Raises:
        UserError: if there is no such table, or its table.toml is damaged.
    """
    known = names(root)
    if name not in known:
        raise UserError(
            f"Unknown table. Expected one of {', '.join(known)}. "
            f"{nearest(name, known)}Received: {name}"
        )
    path = pathlib.Path(root) / "flags" / name / "table.toml"
    try:
        return _table(name, tomllib.loads(path.read_text()))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"Expected a table as dlgn_tf/reproduction/tables.py describes. "
            f"Received: {path}, {type(error).__name__}: {error}"
        ) from error


def _table(name, data):
    cells = {key: Cell(key, **cell) for key, cell in data.pop("cells").items()}
    scales = {key: _scale(value) for key, value in data.pop("scales").items()}
    unknown = set(scales) - set(SCALES)
    sources = {c.gates_from for c in cells.values()} - {None, *cells}
    if unknown or sources:
        raise ValueError(f"no such scale or cell: {unknown | sources}")
    places = [(cell.row, cell.column) for cell in cells.values()]
    if len({*places}) < len(places):
        raise ValueError("two cells in one row and column")
    givers = (cells[c.gates_from] for c in cells.values() if c.gates_from)
    if any(giver.gates_from for giver in givers):
        raise ValueError("gates_from a cell whose gates are another's")
    return Table(name, scales=scales, cells=cells, **data)


def _scale(data):
    only = tuple(_scale(exception) for exception in data.pop("only", ()))
    return Scale(only=only, flags=tuple(data.pop("flags", ())), **data)

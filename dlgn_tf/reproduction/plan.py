"""Which runs a table takes at a scale, and where each is written."""

import dataclasses
import pathlib
import random

from dlgn_tf import config as config_lib
from dlgn_tf.command import plugins
from dlgn_tf.data import catalog, prepared
from dlgn_tf.errors import UserError
from dlgn_tf.models import objectives
from dlgn_tf.reproduction.tables import Cell
from dlgn_tf.training import permutations
from dlgn_tf.training.run_directory import RunDirectory


@dataclasses.dataclass(frozen=True)
class Run:
    """A cell trained once."""

    cell: Cell
    # From 0.
    seed: int
    # Of the gates, such as "2,0,3,1", or None.
    permutation: str | None
    config: config_lib.Config
    # What trains the same by itself, from the folder that holds flags/.
    command: str

    @property
    def name(self):
        return f"{self.cell.name}/seed-{self.seed}"

    @property
    def gates_run(self):
        """Name of the run that gives the gates, or None."""
        source = self.cell.gates_from
        return source and f"{source}/seed-{self.seed}"


@dataclasses.dataclass(frozen=True)
class Places:
    """Where this machine has what a run needs.

    Its `root` is the folder that holds flags/, and under `runs_dir` run
    directories are made.
    """

    root: str
    runs_dir: str
    # See `catalog.check_available`.
    data_dir: str | None = None
    # Folder of DATASET.npz to read instead.
    npz_dir: str | None = None
    download: bool = False

    def flags(self, dataset):
        """Training flags that say where the images are."""
        if catalog.get(dataset).reader in catalog.ALWAYS_THERE:
            return []
        if self.npz_dir:
            file = pathlib.Path(self.npz_dir).absolute() / f"{dataset}.npz"
            return [f"--npz={file}"]
        given = [f"--data_dir={prepared.root(self.data_dir)}"]
        return given + ["--download"] * self.download

    def run_dir(self, run_name):
        return pathlib.Path(self.runs_dir).absolute() / run_name


def make(table, scale, places, seeds=None, patterns=None):
    """Lists the runs of a table.

    The first seed of every cell comes first, so that a table that is broken
    off is complete for fewer seeds.

    Args:
        table: `Table`.
        scale: One of `tables.SCALES`.
        places: `Places`.
        seeds: Runs a cell. Defaults to the scale's.
        patterns: See `Table.select`.

    Returns:
        List of `Run`, each after the one that gives its gates.

    Raises:
        UserError: if the table has no such scale, a flagfile is missing, wrong
            or of a regression, or a data set is not at hand.
    """
    if scale not in table.scales:
        raise UserError(
            f"Expected --scale of {table.name}: {', '.join(table.scales)}. "
            f"Received: {scale}"
        )
    chosen = table.scales[scale]
    cells = table.select(chosen, patterns)
    counts = {cell.name: chosen.seeds_of(cell, seeds) for cell in cells}
    runs = [
        _run(table, scale, cell, seed, places)
        for seed in range(max(counts.values()))
        for cell in sorted(cells, key=lambda cell: cell.gates_from is not None)
        if seed < counts[cell.name]
    ]
    _check_data(runs, places)
    return runs


def shuffled_orders(config):
    """All orders of a network's gates, shuffled once and for all.

    Strings such as `"2,0,3,1"`, the identity left out.
    """
    # `random` alone is promised to draw the same for ever.
    drawn = random.Random(0)
    shuffled = sorted(permutations.orders(config), key=lambda _: drawn.random())
    return [",".join(map(str, order)) for order in shuffled]


def _run(table, name, cell, seed, places):
    scale = table.scales[name]
    flagfile = table.flagfile(cell)
    given = [*scale.flags_of(cell), f"--seed={seed}"]
    published = _read(places.root, flagfile, given)
    objectives.check_classes(published.loss, flagfile)
    permutation = None
    if published.gate_permutation == "all":
        every = shuffled_orders(published)
        permutation = every[seed % len(every)]
        given.append(f"--gate_permutation={permutation}")
    if published.members:
        # Member i starts from weights_seed + i: no two runs share one.
        given.append(f"--weights_seed={published.members * seed}")
    here = [
        *places.flags(published.dataset),
        f"--run_dir={places.run_dir(f'{cell.name}/seed-{seed}')}",
    ]
    # As by default, whatever this machine's folder is.
    runs = pathlib.Path("runs") / f"{table.name}-{name}"
    shown = [f"--run_dir={runs / cell.name / f'seed-{seed}'}"]
    if cell.gates_from:
        source = _gates_file(table, scale, cell, seed, places)
        here.append(f"--gates_from={places.run_dir(source)}")
        shown.append(f"--gates_from={runs / source}")
    return Run(
        cell=cell,
        seed=seed,
        permutation=permutation,
        config=_read(places.root, flagfile, given + here),
        command=plugins.command(
            "dlgn_tf.train", f"--flagfile={flagfile}", *given, *shown
        ),
    )


def _gates_file(table, scale, cell, seed, places):
    """What gives a cell its gates, as a path in the folder of the runs."""
    run_dir = f"{cell.gates_from}/seed-{seed}"
    if cell.stage is None:
        return run_dir
    source = table.cells[cell.gates_from]
    config = _read(places.root, table.flagfile(source), scale.flags_of(source))
    step = cell.stage * config.snapshot_every
    return str(RunDirectory(run_dir).snapshot(step))


def _read(root, flagfile, more):
    """The `Config` of flagfiles that lie in a folder, and of other flags."""
    own = f"--flagfile={root}/"
    more = [x.replace("--flagfile=", own, 1) for x in more]
    return config_lib.read_flags(pathlib.Path(root) / flagfile, more)


def _check_data(runs, places):
    """Raises a `UserError` unless all images are at hand."""
    for dataset in dict.fromkeys(run.config.dataset for run in runs):
        file = next(r.config.npz for r in runs if r.config.dataset == dataset)
        if file is None:
            catalog.check_available(dataset, places.data_dir, places.download)
        elif not pathlib.Path(file).is_file():
            raise UserError(
                f"Expected {dataset}.npz of tools/prepare_data.py in "
                f"--npz_dir. Received: {places.npz_dir}"
            )

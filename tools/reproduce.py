"""Measures a published table again and sets it beside the published values.

  python tools/reproduce.py --table=dlgn.1 --scale=smoke
  python tools/reproduce.py --table=dlgn.2 --scale=full --cells='cifar10_*' \\
      --seeds=3 --data_dir=DIR

Each cell of a table is a flagfile flags/TABLE/CELL.flags, trained --seeds times
with seeds 0, 1, ...; seed k of a permuted cell takes the k-th of a fixed list
of permutations. Tables and scales are described in flags/TABLE/table.toml:
full is as published, accelerator is meant for one GPU, minutes for two cores
and minutes a run, smoke only shows that everything runs.

The same command goes on after Ctrl-C or a kill: finished runs are not run
again, one that was broken off continues from its newest checkpoint. Results
are written after every run: results.csv (a line a run), curves.csv (a line an
evaluation), results.md, plot.png, curves.png; those of other cells and seeds,
measured before, stay in them.

With --scheduler runs are trained by the workers of a cluster of Dask, one on
each of their threads; --runs_dir is in a folder that all of them share.

With KERAS_BACKEND=jax, --npz_dir names a folder of DATASET.npz files that
tools/prepare_data.py has written."""

import collections
import dataclasses
import pathlib
import time

from dlgn_tf.command import cli, common_flags, fields, scheduler
from dlgn_tf.command.fields import flag
from dlgn_tf.errors import UserError
from dlgn_tf.output import files, origin
from dlgn_tf.reproduction import (
    curves,
    plan,
    pool,
    report,
    results,
    tables,
    worker,
)
from dlgn_tf.reproduction.outlook import Outlook

ROOT = pathlib.Path(__file__).resolve().parents[1]


@dataclasses.dataclass(frozen=True)
class Command(fields.Command):
    """The flags of this tool."""

    table: str | None = flag(None, f"One of {', '.join(tables.names(ROOT))}.")
    scale: str = flag(
        "minutes", "How much of it is run.", choices=tables.SCALES
    )
    seeds: int | None = flag(
        None, "Runs a cell. Default: the scale's.", least=1
    )
    cells: str | None = flag(
        None,
        "Comma-separated patterns of the cells to run, such as 'cifar10_*'. "
        "Default: the scale's.",
    )
    data_dir: str | None = flag(
        None,
        "Folder of prepared TFDS data sets. Default: ~/tensorflow_datasets.",
        path=True,
    )
    npz_dir: str | None = flag(
        None, "Folder of DATASET.npz files to read instead.", path=True
    )
    download: bool = flag(False, "Let TFDS download what is missing.")
    output_dir: str | None = flag(
        None,
        "Where the results are written. Default: results/TABLE-SCALE.",
        path=True,
    )
    runs_dir: str | None = flag(
        None,
        "Where runs are written. Default: runs/TABLE-SCALE.",
        path=True,
    )
    remark: str | None = flag(
        None, "Words for results.md, such as what is special about the data."
    )
    jobs: int = flag(
        1,
        "Runs trained side by side; the cores are divided among them.",
        least=1,
    )
    scheduler: str | None = common_flags.scheduler("train the runs")


def run(command):
    """Runs the table; returns an exit status."""
    if not command.table:
        raise UserError(
            f"Expected --table, one of {', '.join(tables.names(ROOT))}. "
            "Received: none"
        )
    if command.scheduler:
        command.check_absent(["jobs"], "with --scheduler")
    table = tables.load(ROOT, command.table)
    name = f"{table.name}-{command.scale}"
    places = plan.Places(
        root=ROOT,
        runs_dir=command.runs_dir or f"runs/{name}",
        data_dir=command.data_dir,
        npz_dir=command.npz_dir,
        download=command.download,
    )
    runs = plan.make(table, command.scale, places, command.seeds, command.cells)
    output_dir = pathlib.Path(command.output_dir or f"results/{name}")
    files.check_writable(output_dir, "output_dir")
    files.check_writable(places.runs_dir, "runs_dir")
    return Reproduction(command, table, runs, output_dir).to_the_end()


class Reproduction:
    """A table under way."""

    def __init__(self, command, table, runs, output_dir):
        self._command, self._table, self._runs = command, table, runs
        self._output_dir, self._failures = output_dir, {}
        # By run, as its points.
        self._found = dict(self._of_others("results.csv", results.from_csv))
        self._curves = collections.defaultdict(list)
        for name, point in self._of_others("curves.csv", curves.from_csv):
            self._curves[name].append(point)
        self._outlook = Outlook(runs)

    def _of_others(self, name, read):
        """Lines of a file on runs that were asked for at another time.

        Yields the name of such a run and a line of it.
        """
        path = self._output_dir / name
        ours = {run.name for run in self._runs}
        for line in read(path) if path.exists() else []:
            run = f"{line.cell}/seed-{line.seed}"
            if run not in ours and line.cell in self._table.cells:
                yield run, line

    def to_the_end(self):
        """Trains what is not finished; returns an exit status."""
        for run in self._runs:
            self._note(run)
        left = [run for run in self._runs if run.name not in self._found]
        finished = len(self._runs) - len(left)
        print(
            f"{self._table.name} at scale {self._command.scale}: "
            f"{self._table.scales[self._command.scale].words}\n"
            f"{len(self._runs)} runs, {finished} finished before"
        )
        signal = None
        if left:
            with scheduler.using(self._command.scheduler):
                signal = self._train(left)
        self._write(plot=True)
        if signal:
            print(f"stopped by {signal.name}; the same command goes on")
            return 128 + signal
        origin.note_command(self._output_dir)
        print((self._output_dir / "results.md").read_text())
        return 1 if self._failures else 0

    def _train(self, runs):
        cluster = scheduler.current()
        jobs = cluster.threads() if cluster else self._command.jobs
        jobs = max(1, min(jobs, len(runs)))
        workers = pool.Pool(jobs, self._start, self._end, self._tick)
        self._outlook.begin(jobs)
        return workers.train(runs)

    def _note(self, run):
        """Takes a run's result, if there is one."""
        result = results.of_run(run)
        if result:
            self._found[run.name] = result
            self._curves[run.name] = curves.of_run(run)
            self._outlook.finished(run, result.seconds)

    def _start(self, run):
        self._outlook.started(run)
        self._say(f"{run.name} starts")

    def _end(self, run, status, text):
        self._outlook.ended(run)
        if status == worker.FINISHED:
            status, text = self._take(run)
        if status == worker.FINISHED:
            self._write()
        elif status == worker.FAILED:
            self._failures[run.name] = text
            self._outlook.failed(run)
        self._say(f"{run.name} {status}: {text}")

    def _take(self, run):
        """What became of a run that was trained to its end."""
        try:
            self._note(run)
        except UserError as error:
            return worker.FAILED, " ".join(str(error).split())
        if run.name not in self._found:
            config = run.config
            return worker.FAILED, (
                f"Expected model.keras and a line of step {config.train_steps} "
                f"in metrics.jsonl. Received: none in {config.run_dir}"
            )
        result = self._found[run.name]
        return worker.FINISHED, f"test accuracy {result.last_accuracy:.2f} %"

    def _tick(self):
        if self._outlook.is_due():
            self._say(self._outlook.under_way())

    def _say(self, text):
        print(f"{self._outlook}  {text}", flush=True)

    def _write(self, plot=False):
        order = list(self._table.cells)
        found = sorted(
            self._found.values(), key=lambda r: (r.seed, order.index(r.cell))
        )
        text = report.markdown(
            self._table,
            self._command.scale,
            self._runs,
            found,
            self._failures,
            time.strftime("%Y-%m-%d %H:%M"),
            self._command.remark,
        )
        points = [
            x for name in sorted(self._curves) for x in self._curves[name]
        ]
        with files.write_errors(self._output_dir):
            for name, content in (
                ("results.csv", results.to_csv(found)),
                ("curves.csv", curves.to_csv(points)),
                ("results.md", text),
            ):
                files.write_atomically(self._output_dir / name, content)
            if plot:
                of_all = self._command.scale, self._runs, found
                path = self._output_dir / "plot.png"
                report.plot(path, self._table, *of_all)
                path = self._output_dir / "curves.png"
                curves.plot(path, self._table, points)


if __name__ == "__main__":
    cli.run(run, "tools/reproduce.py", __doc__, Command)

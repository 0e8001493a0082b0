"""A measured table beside the published one: Markdown and a plot."""

import collections
import dataclasses
import pathlib

from dlgn_tf.output import markdown as markdown_lib
from dlgn_tf.output.folder import new_figure, png
from dlgn_tf.reproduction import results as results_lib

_PUBLISHED = {"fmt": "s", "mfc": "white", "color": "0.4"}


def markdown(table, scale, runs, found, failures, written, remark=None):
    """The table as Markdown.

    Args:
        table: `Table`.
        scale: Name of one of its scales.
        runs: The `Run`s that were asked for.
        found: The `Result`s of those that are finished, and of others.
        failures: Dict from a run's name to what went wrong.
        written: When.
        remark: For people, such as what is special about the data.
    """
    cells = _cells(table, runs, found)
    by_cell = {c.name: [r for r in found if r.cell == c.name] for c in cells}
    heading = [
        f"# {table.name}: {table.title}",
        f"Published: {table.source}.",
        f"Scale `{scale}`: {table.scales[scale].words}.",
        *([f"Remark: {remark.rstrip('.')}."] if remark else ()),
        f"{len(found)} of {_count(runs, found)} runs are finished.",
        "Test accuracy in percent, mean ± standard deviation over n runs "
        "(population: divides by n). *best* takes each run's highest accuracy "
        "over all its evaluations, a choice made on the test images, as the "
        "published figures do or are assumed to do; *last* is after the last "
        "step. The difference is best minus published"
        + (
            "."
            if scale == "full"
            else ", and so also what the scale makes: only full is comparable."
        ),
    ]
    if table.baseline:
        heading.append(
            f"*of {table.baseline}* is a cell's mean as a share of that "
            f"column's in the same row, measured (best) and published."
        )
    parts = [
        *heading,
        _table(table, cells, by_cell),
        "Each run: [results.csv](results.csv); each of its evaluations: "
        "[curves.csv](curves.csv).",
        "![measured and published](plot.png)",
        "![test accuracy against the step](curves.png)",
        _listed("Failed", (f"{k}: {text}" for k, text in failures.items())),
        "Commands, from the root of the repository; another run has another "
        "seed, and another permutation where there is one:",
        "\n".join(_commands(cells, [*found, *runs])),
        _listed("Measured with", _origins(found)),
        f"Written {written}.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _cells(table, runs, found):
    wanted = {run.cell.name for run in runs} | {r.cell for r in found}
    return [cell for cell in table.cells.values() if cell.name in wanted]


def _count(runs, found):
    wanted = {(run.cell.name, run.seed) for run in runs}
    return len(wanted | {(result.cell, result.seed) for result in found})


def _table(table, cells, by_cell):
    columns = ["row", "column", "published", "best", "last", "n", "difference"]
    if table.baseline:
        columns.append(f"of {table.baseline}")
    rows = []
    for cell in cells:
        found = by_cell[cell.name]
        best, last = (summary(found, rule) for rule in ("best", "last"))
        row = [
            cell.row,
            cell.column,
            _figure(cell.mean, cell.std),
            _figure(best.mean, best.std),
            _figure(last.mean, last.std),
            best.n,
            "-"
            if None in (best.mean, cell.mean)
            else f"{best.mean - cell.mean:+.2f}",
        ]
        if table.baseline:
            row.append(_share(table, cell, best, by_cell))
        rows.append([*row, _evaluations(found)])
    return markdown_lib.table([*columns, "evaluations"], rows)


def summary(found, rule):
    """`Summary` of a cell's `Result`s by a rule, `"best"` or `"last"`."""
    values = [getattr(result, f"{rule}_accuracy") for result in found]
    return results_lib.summarize(values)


def _figure(mean, std):
    if mean is None:
        return "-"
    return f"{mean:.2f}" if std is None else f"{mean:.2f} ± {std:.2f}"


def _share(table, cell, best, by_cell):
    baseline = table.baseline_of(cell)
    if baseline is None:
        return "-"
    base = summary(by_cell.get(baseline.name, ()), "best")
    both = best.n and base.n
    measured = f"{best.mean / base.mean:.3f}" if both else "-"
    if None in (cell.mean, baseline.mean):
        return measured
    return f"{measured} ({cell.mean / baseline.mean:.3f})"


def _evaluations(found):
    shown = {f"{r.evaluations} on {r.test_images:,} images" for r in found}
    return "; ".join(sorted(shown)) or "-"


def _listed(title, lines):
    """Lines as a list below a title; without lines nothing."""
    items = [f"- {line}" for line in lines]
    return "\n".join([f"{title}:\n", *items]) if items else ""


def _commands(cells, runs):
    for cell in cells:
        first = next(r for r in runs if r.cell in (cell, cell.name))
        yield f"- {cell.name}: `{first.command}`"


def _origins(found):
    """What the runs were made with, those together that have it in common."""
    counts = collections.Counter(result.origin for result in found)
    for origin, count in counts.items():
        fields = dataclasses.asdict(origin).items()
        shown = "; ".join(f"{name} {value}" for name, value in fields)
        yield f"{count} {'run' if count == 1 else 'runs'}: {shown}"


def plot(path, table, scale, runs, found):
    """Draws measured accuracies beside the published ones, to a PNG at `path`.

    The other arguments are those of `markdown`.
    """
    cells = _cells(table, runs, found)
    drawn = [("published", [(c.mean, c.std) for c in cells], -0.12, _PUBLISHED)]
    for rule, offset, color in (("best", 0.06, "C0"), ("last", 0.2, "C1")):
        summaries = [
            summary([r for r in found if r.cell == c.name], rule) for c in cells
        ]
        points = [(s.mean, s.std) for s in summaries]
        style = {"fmt": "o", "color": color}
        drawn.append((f"measured, {rule}", points, offset, style))
    figure = new_figure(2.5 + 0.42 * len(cells), 4.8)
    axes = figure.add_subplot()
    for label, points, offset, style in drawn:
        axes.errorbar(*_points(points, offset), label=label, capsize=3, **style)
    labels = [f"{cell.column}\n{cell.row}" for cell in cells]
    axes.set_xticks(range(len(cells)), labels, rotation=90, fontsize=7)
    axes.set_ylabel("test accuracy (%)")
    axes.set_title(f"{table.name} at scale {scale}", fontsize=10)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=8)
    pathlib.Path(path).write_bytes(png(figure))


def _points(figures, offset):
    """`(x, y, yerr)` of those that are there."""
    there = [
        (x + offset, mean, std or 0.0)
        for x, (mean, std) in enumerate(figures)
        if mean is not None
    ]
    return tuple(zip(*there, strict=True)) if there else ((), (), ())

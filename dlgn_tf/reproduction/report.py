"""A measured table beside the published one: Markdown and a plot."""

import collections
import dataclasses

from dlgn_tf.reproduction import results as results_lib


def markdown(table, scale, runs, found, failures, written, remark=None):
    """The table as Markdown.

    Args:
        table: `Table`.
        scale: Name of one of its scales.
        runs: List of `Run`, those that were asked for.
        found: List of `Result` of those that are finished, and of others.
        failures: Dict from a run's name to what went wrong.
        written: String, when.
        remark: String for people, such as what is special about the data.

    Returns:
        String.
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
        "\n".join(_table_lines(table, cells, by_cell)),
        "Each run: [results.csv](results.csv).",
        "![measured and published](plot.png)",
        "\n".join(_failure_lines(failures)),
        "Commands, from the root of the repository; another run has another "
        "seed, and another permutation where there is one:",
        "\n".join(_command_lines(cells, [*found, *runs])),
        "\n".join(_origin_lines(found)),
        f"Written {written}.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _cells(table, runs, found):
    wanted = {run.cell.name for run in runs} | {r.cell for r in found}
    return [cell for cell in table.cells.values() if cell.name in wanted]


def _count(runs, found):
    wanted = {(run.cell.name, run.seed) for run in runs}
    return len(wanted | {(result.cell, result.seed) for result in found})


def _table_lines(table, cells, by_cell):
    columns = ["row", "column", "published", "best", "last", "n", "difference"]
    if table.baseline:
        columns.append(f"of {table.baseline}")
    columns.append("evaluations")
    yield _line(columns)
    yield _line(["---"] * len(columns))
    for cell in cells:
        best, last = (summary(by_cell[cell.name], r) for r in ("best", "last"))
        fields = [
            cell.row,
            cell.column,
            _figure(cell.mean, cell.std),
            _figure(best and best.mean, best and best.std),
            _figure(last and last.mean, last and last.std),
            str(best.n) if best else "0",
            _difference(cell, best),
        ]
        if table.baseline:
            fields.append(_share(table, cell, best, by_cell))
        fields.append(_evaluations(by_cell[cell.name]))
        yield _line(fields)


def summary(found, rule):
    """`Summary` of a cell's results, or None.

    Args:
        found: List of `Result`.
        rule: `"best"` or `"last"`.
    """
    values = [getattr(result, f"{rule}_accuracy") for result in found]
    return results_lib.summarize(values)


def _line(fields):
    return f"| {' | '.join(fields)} |"


def _figure(mean, std):
    if mean is None:
        return "-"
    return f"{mean:.2f}" if std is None else f"{mean:.2f} ± {std:.2f}"


def _difference(cell, best):
    if best is None or cell.mean is None:
        return "-"
    return f"{best.mean - cell.mean:+.2f}"


def _share(table, cell, best, by_cell):
    baseline = table.baseline_of(cell)
    if baseline is None:
        return "-"
    base = summary(by_cell.get(baseline.name, ()), "best")
    measured = f"{best.mean / base.mean:.3f}" if best and base else "-"
    if None in (cell.mean, baseline.mean):
        return measured
    return f"{measured} ({cell.mean / baseline.mean:.3f})"


def _evaluations(found):
    shown = {f"{r.evaluations} on {r.test_images:,} images" for r in found}
    return "; ".join(sorted(shown)) or "-"


def _failure_lines(failures):
    if failures:
        yield "Failed:\n"
    for name, text in failures.items():
        yield f"- {name}: {text}"


def _command_lines(cells, runs):
    for cell in cells:
        first = next(r for r in runs if r.cell in (cell, cell.name))
        yield f"- {cell.name}: `{first.command}`"


def _origin_lines(found):
    """What the runs were made with, those together that have it in common."""
    counts = collections.Counter(result.origin for result in found)
    if counts:
        yield "Measured with:\n"
    for origin, count in counts.items():
        fields = dataclasses.asdict(origin).items()
        shown = "; ".join(f"{name} {value}" for name, value in fields)
        yield f"- {count} {'run' if count == 1 else 'runs'}: {shown}"


def plot(path, table, scale, runs, found):
    """Draws measured accuracies beside the published ones.

    Args:
        path: Path-like, of the PNG that is written.
        table: `Table`.
        scale: Name of one of its scales.
        runs: List of `Run`.
        found: List of `Result`.
    """
    from matplotlib import pyplot
    from matplotlib.figure import Figure

    del pyplot  # Registers the formats that a figure can be saved in.
    cells = _cells(table, runs, found)
    figure = Figure(
        figsize=(2.5 + 0.42 * len(cells), 4.8), layout="constrained"
    )
    axes = figure.add_subplot()
    axes.errorbar(
        *_points([(c.mean, c.std) for c in cells], -0.12),
        label="published",
        fmt="s",
        mfc="white",
        color="0.4",
        capsize=3,
    )
    for rule, offset, color in (("best", 0.06, "C0"), ("last", 0.2, "C1")):
        summaries = [
            summary([r for r in found if r.cell == c.name], rule) for c in cells
        ]
        points = [(s.mean, s.std) if s else (None, None) for s in summaries]
        axes.errorbar(
            *_points(points, offset),
            label=f"measured, {rule}",
            fmt="o",
            color=color,
            capsize=3,
        )
    labels = [f"{cell.column}\n{cell.row}" for cell in cells]
    axes.set_xticks(range(len(cells)), labels, rotation=90, fontsize=7)
    axes.set_ylabel("test accuracy (%)")
    axes.set_title(f"{table.name} at scale {scale}", fontsize=10)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)


def _points(figures, offset):
    """`(x, y, yerr)` of those that are there."""
    there = [
        (x + offset, mean, std or 0.0)
        for x, (mean, std) in enumerate(figures)
        if mean is not None
    ]
    return tuple(zip(*there, strict=True)) if there else ((), (), ())

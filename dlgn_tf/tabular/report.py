"""Fits, compares and writes what `python -m dlgn_tf.tabular` leaves."""

import dataclasses
import typing

import numpy as np

from dlgn_tf.command.progress import Progress
from dlgn_tf.inspection.page import Page, number, percent
from dlgn_tf.output.folder import Output
from dlgn_tf.tabular import alternating, figures, learners, tables
from dlgn_tf.tabular.estimators import DLGNClassifier, DLGNRegressor
from dlgn_tf.tabular.learners import Learner
from dlgn_tf.tabular.sources import TASKS
from dlgn_tf.tabular.trees import drawing, published
from dlgn_tf.tabular.trees.attraction import angles_by_epoch
from dlgn_tf.tabular.trees.half_spaces import (
    clusters,
    half_spaces,
    nearest_angles,
)

_SHOWN_REGIONS, _SHOWN_COLUMNS = 15, 4
_WIDEST_TREE = 40


class _Network(typing.NamedTuple):
    """What is looked at.

    Attributes:
        estimator: A fitted `DLGNClassifier` or `DLGNRegressor`.
        x: Rows that it was fitted to.
        test: `(x, y)` that it was not, or None.
        names: Strings, of the columns.
    """

    estimator: typing.Any
    x: np.ndarray
    test: tuple | None
    names: list[str]


def write(command: typing.Any) -> None:
    """Writes what a `dlgn_tf.tabular.command.Command` asks for."""
    output = Output(command.output_dir)
    if command.data in TASKS:
        page = _of_task(command, output)
    else:
        page = _of_table(command, output)
    output.text("report.html", page.html())
    print(f"report.html, tables and pictures: {output.directory}")


def _of_task(command, output):
    """The page of a published task, whose tree is known."""
    name, family = command.data, command.family
    task = published.task(name)
    setting = published.PUBLISHED[name, family]
    epochs = command.epochs or published.EPOCHS
    print(f"training: {family} on {name}, {epochs} epochs", flush=True)
    trained = published.train(
        task, family, setting, command.seed, epochs, tuple(range(1, 100, 2))
    )
    estimator = DLGNClassifier.of_network(
        trained.form, trained.fitted.weights, np.array([0, 1])
    )
    parts = task.parts()
    page = Page(
        f"{family} on {name.upper()}",
        f"Labels of an oblique tree of {len(task.tree.normals)} hyperplanes in "
        f"{task.x.shape[1]} dimensions; {len(parts[0][0]):,} training points.",
    )
    true = task.tree.normals
    spaces = half_spaces(trained.form, trained.fitted.weights)
    nearest = nearest_angles(true, spaces.normals)
    page.facts(
        [
            (percent(trained.accuracy, 2), "test accuracy of the network"),
            (percent(setting.accuracy, 2), "published"),
            (f"{np.median(nearest):.1f}°", "median angle of true hyperplanes"),
        ]
    )
    by_epoch = angles_by_epoch(true, trained.watched)
    _attraction(page, output, by_epoch, task)
    if command.comparison:
        others = learners.others(False, command.seed)
        shown = Progress("others", 0, len(others), "learner")
        rows = [
            learners.Row(family, 0, trained.accuracy, "as published", np.nan),
            *learners.compare_once(
                others, parts, lambda n: shown.update(n, line=True)
            ),
        ]
        _comparison(page, output, rows, "test accuracy")
    network = _Network(estimator, parts[0][0], parts[2], estimator.column_names)
    _tree(page, output, network, true)
    _rest(page, output, network, trained.fitted.loss, trained.fitted.score)
    return page


def _of_table(command, output):
    """The page of a table."""
    table = tables.read(
        command.data, command.label, command.missing, command.regression
    )
    if command.family == "npk":
        alternating.check_rows(len(table.x))
    tables.check_folds(table, command.folds)
    kind = DLGNRegressor if table.regression else DLGNClassifier
    options = {"epochs": command.epochs} if command.epochs else {}
    own = kind(command.family, random_state=command.seed, **options)
    name = table.name.rpartition("/")[2]
    page = Page(
        f"{command.family} on {name}",
        f"{len(table.x):,} rows of {table.x.shape[1]} columns.",
    )
    grid: dict[str, list] = {"l2": [1e-3, 1e-2]}
    if command.family in ("dlgn", "dlgn_sf"):
        # The others have no value network.
        grid["value_input"] = ["ones", "image"]
    compared = {command.family: Learner(own, grid)}
    if command.comparison:
        compared |= learners.others(table.regression, command.seed)
    total = len(compared) * command.folds
    print(
        f"cross-validation: {', '.join(compared)} on {len(table.x):,} rows, "
        f"{command.folds} folds",
        flush=True,
    )
    shown = Progress("cross-validation", 0, total, "grid")
    rows = learners.compare(
        compared,
        table.x,
        table.y,
        command.folds,
        command.seed,
        lambda n: shown.update(n, line=n % len(compared) == 0),
    )
    what = "R²" if table.regression else "accuracy"
    _comparison(page, output, rows, f"{what} in {command.folds} folds")
    print("fitting: all rows", flush=True)
    own.fit(table.filled, table.y)
    page.text(
        "What follows is of one network, fitted to all rows with l2="
        f"{own.l2:g} and value_input={own.value_input}; above, folds choose "
        "these."
    )
    network = _Network(own, table.filled, None, table.columns)
    _tree(page, output, network)
    _rest(page, output, network, own.loss_curve_, own.validation_scores_)
    return page


def _comparison(page, output, rows, what):
    output.table("comparison", [row._asdict() for row in rows])
    scores: dict[str, list[float]] = {}
    for row in rows:
        scores.setdefault(row.learner, []).append(row.score)
    page.section("Beside other learners")
    if len(scores) > 1:
        page.text(_standing(scores, rows[0].learner))
    page.picture(
        output.picture("comparison", figures.comparison(scores, what)),
        f"A dot for each fold, a diamond for the mean: {what}. Each learner "
        "chooses from a small grid by rows that it does not learn from.",
    )
    page.table(
        ("learner", "mean", "standard deviation", "seconds"),
        [
            (
                name,
                f"{np.mean(values):.4f}",
                f"{np.std(values, ddof=1):.4f}" if len(values) > 1 else "",
                _seconds([r.seconds for r in rows if r.learner == name]),
            )
            for name, values in scores.items()
        ],
    )


def _standing(scores, own):
    """Where a learner stands among others, in words."""
    means = {name: float(np.mean(v)) for name, v in scores.items()}
    other = max((x for x in means if x != own), key=lambda name: means[name])
    lead = means[own] - means[other]
    spread = max(float(np.std(scores[name])) for name in (own, other))
    if abs(lead) <= spread:
        return (
            f"The {own} and the best of the others, {other}, are "
            f"{number(abs(lead))} apart, which folds differ by too."
        )
    if lead > 0:
        return f"The {own} is ahead of all others, by {number(lead)}."
    return f"The {own} is behind: {other} is ahead by {number(-lead)}."


def _seconds(values):
    total = np.sum(values)
    return f"{total:.1f}" if np.isfinite(total) else ""


def _attraction(page, output, by_epoch, task):
    nodes = len(task.tree.normals)
    depths = np.log2(np.arange(1, nodes + 1)).astype(int)
    output.table(
        "attraction",
        [
            {"epoch": epoch, **{f"node {k}": a for k, a in enumerate(angles)}}
            for epoch, angles in by_epoch.items()
        ],
    )
    page.section("Half-spaces move to those of the labels")
    page.picture(
        output.picture("attraction", figures.attraction(by_epoch, depths)),
        "Of each hyperplane of the labels the angle to the nearest one of the "
        "network, thick the median of a depth. Nodes near the root, which more "
        "points pass, are mostly found first.",
    )


def _tree(page, output, network, true=None):
    """The tree that a network computes, and where its hyperplanes lie."""
    estimator = network.estimator
    tree = dataclasses.replace(estimator.tree(network.x), names=network.names)
    output.text("tree.txt", tree.rules() + "\n")
    output.text("tree.dot", tree.graphviz())
    page.section("The tree that the network computes")
    facts = [
        (str(tree.leaves), "leaves"),
        (
            percent(tree.fidelity),
            "of the network's variance explained"
            if tree.classes is None
            else "of its rows told as by the network",
        ),
    ]
    if network.test:
        x, y = network.test
        accuracy = float(np.mean(tree.predict(x) == y))
        facts.append((percent(accuracy, 2), "test accuracy of the tree"))
    if true is not None and len(tree.normals):
        angles = nearest_angles(true, tree.normals)
        facts.append((f"{angles.max():.1f}°", "largest angle to a true one"))
    page.facts(facts)
    if tree.leaves <= _WIDEST_TREE:
        page.picture(
            output.picture("tree", drawing.drawn(tree)),
            "Read out of the one network, with nothing set by hand. A leaf "
            "says "
            + (
                "the mean of the network's numbers, how far they spread, and "
                "how many rows it has"
                if tree.classes is None
                else "its class, how many rows it has, and which share of them "
                "the network tells so"
            )
            + "; a split its largest terms.",
        )
    else:
        page.note(f"It has {tree.leaves} leaves: see `tree.txt`.")


def _rest(page, output, network, loss, scores):
    """Regions, half-spaces, training."""
    _regions(page, output, network)
    _half_spaces(page, output, network)
    page.section("Training")
    page.picture(
        output.picture("training", figures.training(loss, scores)),
        "Mean loss of each epoch"
        + (
            ", and the score on rows that choose the epoch." * bool(len(scores))
        ),
    )


def _half_spaces(page, output, network):
    """All half-spaces, and how many of each layer share a hyperplane."""
    spaces = network.estimator.half_spaces()
    # Where columns are alike in size, so are distances.
    shared = clusters(
        spaces.standardized(network.x.mean(axis=0), network.x.std(axis=0))
    )
    of_unit = np.empty(len(spaces.layers), int)
    for k, cluster in enumerate(shared):
        of_unit[cluster.members] = k
    output.table(
        "half_spaces",
        [
            {
                "layer": int(layer) + 1,
                "cluster": int(cluster),
                "offset": offset,
                **{
                    f"normal {name}": entry
                    for name, entry in zip(network.names, normal, strict=True)
                },
            }
            for layer, cluster, offset, normal in zip(
                spaces.layers,
                of_unit,
                spaces.offsets,
                spaces.normals,
                strict=True,
            )
        ],
    )
    page.section("Half-spaces share hyperplanes")
    page.text(
        f"Its {len(of_unit)} half-spaces lie at {len(shared)} hyperplanes, "
        "those within a mean distance of 0.3 of unit normals taken as one; "
        "`half_spaces.csv` says which."
    )
    page.table(
        ("layer", "half-spaces", "hyperplanes", "at the most frequent one"),
        [
            (
                str(layer + 1),
                str(np.sum(spaces.layers == layer)),
                str(len(np.unique(of_unit[spaces.layers == layer]))),
                str(np.bincount(of_unit[spaces.layers == layer]).max()),
            )
            for layer in range(spaces.layers.max() + 1)
        ],
    )


def _regions(page, output, network):
    estimator, names = network.estimator, network.names
    found = estimator.regions(network.x)
    outputs = len(found[0].outputs)
    output.table(
        "regions",
        [
            {
                "region": k,
                "points": region.points,
                "gates open": int(region.on.sum()),
                **{f"output {j}": region.outputs[j] for j in range(outputs)},
                **{
                    f"d output {j} / d {name}": region.slopes[i, j]
                    for j in range(outputs)
                    for i, name in enumerate(names)
                },
            }
            for k, region in enumerate(found)
        ],
    )
    page.section("Regions and their linear models")
    page.text(
        f"Rows lie in {len(found):,} regions, in each of which the same gates "
        "are open. At the mean of a region's rows the network says `output`, "
        "and changes with a column by what stands beside its name."
    )
    page.table(
        ("region", "rows", "gates open", "output", "largest slopes"),
        [
            (
                str(k),
                number(region.points),
                number(int(region.on.sum())),
                ", ".join(number(float(v)) for v in region.outputs[:3]),
                _slopes(region, names),
            )
            for k, region in enumerate(found[:_SHOWN_REGIONS])
        ],
        "Those of most rows; all are in `regions.csv`.",
    )


def _slopes(region, names):
    largest = np.abs(region.slopes).max(axis=1)
    order = np.argsort(-largest, kind="stable")[:_SHOWN_COLUMNS]
    sizes = region.slopes[order, np.abs(region.slopes[order]).argmax(axis=1)]
    pairs = zip(order, sizes, strict=True)
    return ", ".join(f"{names[k]} {number(float(s))}" for k, s in pairs)

"""The strongest paths of the decisions, where the network is small enough."""

from dlgn_tf.errors import UserError
from dlgn_tf.inspection.page import number
from dlgn_tf.inspection.sections.decisions import decision_of
from dlgn_tf.inspection.shared_paths import sharing
from dlgn_tf.inspection.strongest_paths import PathFinder

_PATHS = 10
# Each image then takes a few seconds.
_MOST_CONNECTIONS = 3_000_000
_PATHS_LISTED = 3
_UNITS_LISTED = 5


def add(report):
    task, page = report.task, report.page
    page.section("Strongest paths")
    page.text(
        "A logit is also a sum over paths, from a pixel or a bias through one "
        "unit of each layer: pixel times gates times weights. Those from "
        "pixels that add or subtract most are found among all of them by "
        "dynamic programming, exactly."
    )
    chosen = [decision_of(task, index) for index in task.shown]
    predicted = [each.predicted for each in chosen]
    try:
        finder = PathFinder(
            task.model, biases=False, most_connections=_MOST_CONNECTIONS
        )
        strongest = finder.strongest(
            task.images.images[task.shown], predicted, _PATHS
        )
    except UserError as error:
        page.note(f"Not computed. {error}")
        return
    rows = _rows(chosen, strongest, task.dataset.names)
    if not rows:
        page.note("None: gates are shut on every path of these images.")
        return
    report.csv("paths", [row for row, _ in rows])
    _list_paths(page, rows)
    _list_shared(page, [paths for paths in strongest if paths])


def _rows(chosen, strongest, names):
    """Pairs of a dict and a path."""
    return [
        (
            {
                "image": each.index,
                "logit": names[each.predicted],
                "rank": rank,
                "contribution": path.contribution,
                "feature": path.feature,
                "value": path.value,
                "path": _in_words(path),
            },
            path,
        )
        for each, paths in zip(chosen, strongest, strict=True)
        for rank, path in enumerate(paths, start=1)
    ]


def _list_paths(page, rows):
    page.table(
        ["image", "logit", "adds", "feature", "value", "path"],
        [
            (
                str(row["image"]),
                str(row["logit"]),
                f"{row['contribution']:+.3g}",
                number(row["feature"]),
                number(row["value"]),
                _readable(path),
            )
            for row, path in rows
            if row["rank"] <= _PATHS_LISTED
        ],
        "The strongest paths to the predicted logit. Feature: what enters, "
        "times the gates; value: the product of the weights. Places are (row, "
        "column).",
    )


def _list_shared(page, of_images):
    """What the strongest paths of several images have in common."""
    if len(of_images) < 2:
        return
    shared = sharing(of_images)
    page.text(
        f"Of the {_PATHS} strongest paths of each of these images, two images "
        f"share {shared.common:.1%} in the mean; {shared.paths:,} different "
        "ones are among them. The units that most images have a strong path "
        "through:"
    )
    page.table(
        ["gate site", "unit", "images", "paths"],
        [
            (
                f"`{site}`",
                _unit(index),
                f"{images:.0%}",
                f"{share:.0%}",
            )
            for site, index, images, share in shared.units[:_UNITS_LISTED]
        ],
    )


def _readable(path):
    """`pixel (3, 4) → dense1 unit 17 → conv2 channel 5 at (1, 2)`."""
    row, column, *_ = (*path.start_unit, 0)
    first = f"pixel ({row}, {column})"
    if path.start != "input":
        first = f"bias of {path.start}"
    units = (f"{site} {_unit(index)}" for site, index in path.units)
    return " → ".join([first, *units])


def _unit(index):
    *place, channel = index
    where = f" at ({', '.join(map(str, place))})" if place else ""
    return f"{'channel' if place else 'unit'} {channel}{where}"


def _in_words(path):
    """`pixel 3:4:0 > dense1 17 > dense2 5`, a bias by its layer."""
    start = ":".join(map(str, path.start_unit))
    first = "pixel" if path.start == "input" else f"bias of {path.start}"
    units = (
        f"{site} {':'.join(map(str, index))}" for site, index in path.units
    )
    return " > ".join([f"{first} {start}", *units])

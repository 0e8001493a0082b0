"""The same decisions explained by several methods, and measures of them."""

import math

from dlgn_tf.errors import UserError
from dlgn_tf.inspection import measures, pictures
from dlgn_tf.inspection.page import number, percent

_INTRO = (
    "Contributions are the exact sums above, here of the predicted logit. The "
    "others are in wide use. Of those integrated gradients alone, with enough "
    "steps, sum to the logit, and only where it is continuous: hard gates make "
    "it jump."
)
_CAPTION = (
    "Gap: how far maps and biases are from summing to the logit, of all that "
    "they add and subtract. Deletion: what is left of the logit, in the mean, "
    "while pixels go in the order of the map (lower is better); insertion: "
    "the same while they come (higher is better); – where the logit is not "
    "above that of an image of zeros. New weights: rank "
    "correlation with the map of a network that has learned nothing; a map "
    "that tells of this network has little."
)


def add(report):
    task, page = report.task, report.page
    if not task.methods:
        return
    page.section("The same with other methods")
    page.text(_INTRO)
    images = [index for _, index in task.explained]
    stored = task.images.images[images]
    found, refused = {}, []
    for method in task.methods:
        try:
            found |= measures.compare(
                task.model, stored, [method], memory_gib=task.memory_gib
            )
        except UserError as error:
            refused.append(f"{_words(method)}: {error}")
    for text in refused:
        page.note(f"Not shown, {text}")
    if not found:
        return
    rows = [scores for _, scores in found.values()]
    report.csv("methods", [vars(scores) for scores in rows])
    page.table(
        [
            "method",
            "gap",
            "deletion",
            "insertion",
            "new weights",
            "seconds",
        ],
        [
            (
                _words(scores.method),
                f"{scores.gap:.0e}"
                if scores.gap < 1e-3
                else percent(scores.gap),
                _area(scores.deletion),
                _area(scores.insertion),
                f"{scores.redrawn:+.2f}",
                number(scores.seconds, 2),
            )
            for scores in rows
        ],
        _CAPTION,
    )
    names = task.dataset.names
    for k, (title, _) in enumerate(task.explained):
        target = names[int(next(iter(found.values()))[0].targets[k])]
        report.picture(
            f"methods_{k + 1}",
            pictures.signed_tiles(
                stored[k],
                [_flat(each.maps[k]) for each, _ in found.values()],
                [_words(method) for method in found],
            ),
            f"{title}: what speaks for {target} (blue) and against it "
            "(orange), by each method, each on its own scale.",
        )


def _area(value):
    return "–" if math.isnan(value) else number(value, 2)


def _words(method):
    return method.replace("_", " ")


def _flat(parts):
    """A map `(height, width)`; a vector's entries in a row."""
    if parts.ndim < 3 or parts.shape[:2] == (1, 1):
        return parts.reshape(1, -1)
    return parts.sum(axis=-1)

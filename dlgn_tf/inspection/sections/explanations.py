"""Single decisions: what each pixel adds, and the gates behind them."""

from dlgn_tf.inspection import pictures
from dlgn_tf.inspection.attributions import CONSTANT
from dlgn_tf.inspection.explanations import explain
from dlgn_tf.inspection.page import number, percent
from dlgn_tf.inspection.pictures import SQUARES
from dlgn_tf.inspection.sections.decisions import decision_of
from dlgn_tf.inspection.sections.flipping import Flipping

# On the page of a network; of the command's own page all that are asked for.
_EXPLAINED = 1

_INTRO = (
    "A decision is the lead of the predicted class over its rival: the true "
    "class where the network is wrong, else the second best. Given the gates "
    "that the image opens, the network is linear, so the lead is a sum: of "
    "what each pixel adds, and of what the biases add. Nothing of it is an "
    "estimate. The other half of the truth is why these gates are open: below "
    "each map stand the gates that decide most."
)
_FADED = " Below, the image fades where squares do not speak for {}."
_PIXELS = (
    "A pixel counts as the network sees it, normalised; drawn is what all its "
    "colours add together."
)


def add(report):
    task, page = report.task, report.page
    page.section("Decisions, pixel by pixel")
    if report.dual_view() is None:
        return
    page.text(_INTRO)
    flipping = Flipping(report)
    page.details("How to read the pictures", _PIXELS, *flipping.how_to_read())
    explained = task.explained or [
        (f"Test image {k}", int(k)) for k in task.shown[:_EXPLAINED]
    ]
    sums, flips = [], []
    for k, (title, index) in enumerate(explained, start=1):
        decision = decision_of(task, index)
        sums.append(_explain(report, k, title, decision))
        flips += flipping.explain(k, title, decision)
    report.csv("explanations", sums)
    report.csv("flips", flips)


def _explain(report, k, title, decision):
    """Adds what the pixels add; a row of the table of sums."""
    task, names = report.task, report.task.dataset.names
    found = explain(
        task.model,
        task.images.images[decision.index][None],
        decision.predicted,
        against=decision.rival,
        view=task.dual_view,
    )
    report.page.heading(_verdict(title, decision, names))
    says = names[decision.predicted], names[decision.rival]
    _draw_map(report, k, found, decision, says)
    return _sums(title, decision, found, names)


def _verdict(title, decision, names):
    said = names[decision.predicted]
    sure = percent(decision.probability, 0)
    if decision.true < 0:
        return f"{title}: taken for {said} ({sure})"
    if decision.right:
        return f"{title}: {said}, rightly ({sure})"
    return f"{title}: {names[decision.true]}, taken for {said} ({sure})"


def _sums(title, decision, found, names):
    return {
        "image": title,
        "true": names[decision.true] if decision.true >= 0 else "",
        "predicted": names[decision.predicted],
        "rival": names[decision.rival],
        "pixels": float(found.maps.sum()),
        "constant_input": float(found.biases.get(CONSTANT, [0.0])[0]),
        "biases": float(found.bias[0] - found.biases.get(CONSTANT, [0.0])[0]),
        "sum": float(found.total[0]),
        "lead": float(found.logits[0]),
    }


def _draw_map(report, k, found, decision, says):
    """The image and what its pixels add, or units where pixels add nothing."""
    task, lead = report.task, number(float(found.logits[0]))
    image = found.images[0]
    begin = f"{says[0]} is ahead of {says[1]} by {lead}. "
    if CONSTANT not in found.biases:
        parts, title = found.maps[0], f"{says[0]} rather than {says[1]}"
        report.picture(
            f"explained_{k}",
            pictures.explained(image, parts, title),
            f"{begin}The pixels add {_signed(found.maps.sum())} and the biases "
            f"{_signed(found.bias[0])}. Blue pixels speak for {says[0]}, "
            f"orange ones for {says[1]}, white ones for neither."
            + _FADED.format(says[0])
            * (min(image.shape[:2]) >= 2 * SQUARES),
        )
        return
    site = task.sites[0]
    of_units = explain(
        task.model,
        image[None],
        decision.predicted,
        against=decision.rival,
        site=site,
        view=task.dual_view,
    )
    report.picture(
        f"explained_{k}",
        pictures.explained(image, of_units.maps[0], f"units of {site}"),
        f"{begin}{found.said} Drawn are those of {site} at their places: they "
        f"add {_signed(of_units.maps.sum())}, all else "
        f"{_signed(of_units.bias[0])}.",
    )


def _signed(value):
    return f"{float(value):+.3g}"

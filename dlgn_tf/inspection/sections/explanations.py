"""Single decisions: what each pixel adds, which gates decide, what flips."""

import numpy as np

from dlgn_tf.errors import UserError
from dlgn_tf.inspection import pictures
from dlgn_tf.inspection.attributions import CONSTANT
from dlgn_tf.inspection.explanations import explain
from dlgn_tf.inspection.flips import GateFlips
from dlgn_tf.inspection.page import number, percent
from dlgn_tf.inspection.sections.decisions import decision_of, in_place
from dlgn_tf.inspection.sections.templates import colours_said
from dlgn_tf.output.folder import new_figure

# On the page of a network; of the command's own page all that are asked for.
_EXPLAINED = 1
_STRONGEST, _NEAREST = 6, 20
# Distances to all gates are computed where that takes seconds: numbers of an
# image times units.
_MOST_NUMBERS = 5e7

_INTRO = (
    "A decision is the lead of the predicted class over its rival: the true "
    "class where the network is wrong, else the second best. Given the gates "
    "that the image opens, the network is linear, so the lead is a sum: of "
    "what each pixel adds, and of what the biases add. Nothing of it is an "
    "estimate. A pixel counts as the network sees it, normalised; drawn is "
    "what all its colours add together."
)
_GATES = (
    "The other half of the truth is why these gates are open. Below are the "
    "gates on which the lead depends most: what it would be if that gate alone "
    "were on the other side, the others as they are, and how far the image is "
    "from the nearest one at which it is, in {units} (the length of the change "
    "over all pixels). Left in each picture is what the gate looks at (where "
    "it is {colours}), right the part of the image that it sees."
)
_EXACT = "Distances and templates are exact: each gate is one linear function."
_LOCAL = (
    "Where it says locally, what the gate looks at and the distance hold near "
    "this image, as long as no gate before it flips: a linearisation."
)
_RESPONDING = (
    "The gates of this network are its own: those behind a gate that flips "
    "respond, as they do in the figures here."
)


def add(report):
    task, page = report.task, report.page
    page.section("Decisions, pixel by pixel")
    view = task.dual_view
    if isinstance(view, UserError):
        page.note(f"Not shown. {view}")
        return
    page.text(_INTRO)
    explained = task.explained or [
        (f"Test image {k}", int(k)) for k in task.shown[:_EXPLAINED]
    ]
    flips = GateFlips(task.model, task.sites, task.memory_gib, view)
    units = "grey levels"
    if task.images.images.dtype.kind == "f":
        units = "units of the data"
    colours = colours_said(task.model)
    page.text(_GATES.format(units=units, colours=colours))
    exact = len(flips.exact_sites) == len(flips.sites)
    page.text(_EXACT if exact else _LOCAL)
    if not task.model.gated:
        page.text(_RESPONDING)
    rows = {"explanations": [], "flips": []}
    for k, (title, index) in enumerate(explained, start=1):
        _explain(report, flips, k, title, decision_of(task, index), rows)
    for name, of_images in rows.items():
        report.csv(name, of_images)


def _explain(report, flips, k, title, decision, rows):
    task, page, names = report.task, report.page, report.task.dataset.names
    image = task.images.images[decision.index]
    given = image[None], decision.predicted
    found = explain(
        task.model, *given, against=decision.rival, view=task.dual_view
    )
    says = names[decision.predicted], names[decision.rival]
    page.heading(_verdict(title, decision, names))
    rows["explanations"].append(_sums(title, decision, found, names))
    _draw_map(report, k, found, decision, says)
    strongest = flips.strongest(
        image, decision.predicted, decision.rival, _STRONGEST
    )
    nearest, change = [], None
    if quick := _is_quick(task, flips):
        nearest = flips.nearest(image, _NEAREST)
        change = flips.nearest_class_change(image)
    rows["flips"] += [
        _flip_row(title, why, flip, decision, names)
        for why, of_kind in (
            ("strongest", strongest),
            ("nearest", nearest),
            ("nearest class change", [change] if change else []),
        )
        for flip in of_kind
    ]
    _draw_gates(report, k, image, strongest, decision, says)
    page.text(
        _nearest_said(nearest, change, decision, names)
        if quick
        else "How near the nearest flips are is not computed here: in a "
        "network of this size it takes minutes."
    )


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
            f"orange ones for {says[1]}, white ones for neither.",
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


def _is_quick(task, flips):
    shapes = task.model.site_shapes
    units = sum(int(np.prod(shapes[site])) for site in flips.exact_sites)
    return 0 < units * np.prod(task.model.image_shape) <= _MOST_NUMBERS


def _lead(logits, decision):
    return float(logits[decision.predicted] - logits[decision.rival])


def _flip_row(title, why, flip, decision, names):
    return {
        "image": title,
        "why": why,
        "site": flip.site,
        "unit": ":".join(map(str, flip.unit)),
        "preactivation": flip.preactivation,
        "gate": flip.gate,
        "flipped": flip.flipped,
        "distance": flip.distance,
        "exact": flip.exact,
        "lead": _lead(flip.before, decision),
        "lead_flipped": _lead(flip.after, decision),
        "predicted_flipped": names[int(flip.after.argmax())],
    }


def _draw_gates(report, k, image, strongest, decision, says):
    """The strongest gates: what each looks at, and what it does."""
    drawing = new_figure(4.8, 1.75 * -(-len(strongest) // 2))
    panels = drawing.subplots(-(-len(strongest) // 2), 2, squeeze=False)
    for axes in panels.flat:
        axes.set_axis_off()
    for axes, flip in zip(panels.flat, strongest, strict=False):
        picture, _ = in_place(flip.template, image)
        axes.imshow(picture, interpolation="nearest")
        leads = [_lead(x, decision) for x in (flip.before, flip.after)]
        near = "" if flip.exact else ", locally"
        axes.set_title(
            f"{flip.site} {_place(flip.unit)}\n"
            f"gate {flip.gate:.2g} → {flip.flipped:.2g}: lead "
            f"{leads[0]:.3g} → {leads[1]:.3g}\n"
            f"{number(flip.distance)} away{near}",
            fontsize=7.5,
        )
    fewer = sum(
        _lead(f.after, decision) < _lead(f.before, decision) for f in strongest
    )
    report.picture(
        f"explained_{k}_gates",
        drawing,
        f"The gates that matter most for {says[0]} rather than {says[1]}: "
        f"{fewer} of these {len(strongest)} speak for it, so that without the "
        "gate as it is the lead is smaller.",
    )


def _place(unit):
    *place, channel = unit
    return f"({', '.join(map(str, place))}), {channel}" if place else channel


def _nearest_said(nearest, change, decision, names):
    """What would flip first, and what would change the decision, in words."""
    moves = [
        abs(_lead(f.after, decision) - _lead(f.before, decision))
        for f in nearest
    ]
    said = (
        f"The gate that is nearest to flipping, {_place(nearest[0].unit)} of "
        f"`{nearest[0].site}`, is {number(nearest[0].distance)} away. Of the "
        f"{len(nearest)} nearest, up to {number(nearest[-1].distance)} away, "
        f"none changes the lead by more than {number(max(moves))}, each alone. "
    )
    if change is None:
        return said + "No single gate changes the decision."
    return said + (
        "The nearest single gate that changes the decision, "
        f"{_place(change.unit)} of `{change.site}`, is "
        f"{number(change.distance)} away; with it flipped the network says "
        f"{names[int(change.after.argmax())]}."
    )

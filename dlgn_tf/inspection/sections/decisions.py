"""Right and wrong decisions taken apart, with the templates behind them."""

import dataclasses

import numpy as np
from keras import ops

from dlgn_tf.errors import UserError
from dlgn_tf.inspection import pictures
from dlgn_tf.inspection import templates as primal
from dlgn_tf.inspection.contributions import DualView
from dlgn_tf.inspection.page import number

_UNITS_DRAWN = 6
_UNITS_LISTED = 20
_SITES_DRAWN = 3


@dataclasses.dataclass(frozen=True, eq=False)
class Decision:
    """One image, what it was taken for, and what it was not.

    Attributes:
        index: Integer, the image in the test images.
        true: Integer.
        predicted: Integer.
        rival: Integer: the true class of a mistake, else the second best.
        margin: Float, by how much the predicted logit is ahead of the rival's.
        probability: Float, of the predicted class.
    """

    index: int
    true: int
    predicted: int
    rival: int
    margin: float
    probability: float

    @property
    def right(self):
        return self.true == self.predicted


def add(report):
    task, page = report.task, report.page
    page.section("Decisions taken apart")
    try:
        view = DualView(task.model)
    except UserError as error:
        page.note(f"Not shown. {error}")
        return
    page.text(
        "Given its gates the value network is linear, so the lead of one logit "
        "over another is a plain sum: of what each unit of a gate site adds, "
        "of what the input adds on paths around the site (in networks with "
        "skips), and of the biases behind it. That holds at every site, "
        "exactly. Below, the lead of the predicted class over its rival: the "
        "true class where the network is wrong, else the second best.",
    )
    exact = all(
        primal.is_affine(task.model, task.gate_source(site))
        for site in task.sites
    )
    page.text(
        "Beside each image stand the units that count most at some sites, with "
        + ("their templates" if exact else "their local linearisations")
        + ", in place: what of the image opened them. The number is what the "
        "unit adds to the lead (blue bars add, orange ones subtract), g is its "
        "gate."
    )
    chosen = [decision_of(task, index) for index in task.shown]
    found = {site: _decompose(task, view, chosen, site) for site in task.sites}
    _write_csv(report, chosen, found)
    drawn = _spread(task.sites, _SITES_DRAWN)
    gates = _gates(task)
    for kind, said in ((False, "Mistakes"), (True, "Right decisions")):
        of_kind = [k for k, each in enumerate(chosen) if each.right == kind]
        page.heading(said if of_kind else f"{said}: none among the images")
        for k in of_kind:
            _draw(report, chosen[k], k, found, drawn, gates)


def decision_of(task, index):
    """The `Decision` of a test image."""
    logits, true = task.logits[index], int(task.images.labels[index])
    predicted, second = (int(c) for c in np.argsort(-logits, kind="stable")[:2])
    rival = second if predicted == true else true
    powers = np.exp(logits - logits.max())
    return Decision(
        int(index),
        true,
        predicted,
        rival,
        float(logits[predicted] - logits[rival]),
        float(powers[predicted] / powers.sum()),
    )


def _decompose(task, view, chosen, site):
    return view.difference(
        task.images.images[task.shown],
        site,
        np.array([each.predicted for each in chosen]),
        np.array([each.rival for each in chosen]),
    )


def _gates(task):
    found = task.model.gates(task.images.images[task.shown])
    return {site: ops.convert_to_numpy(found[site]) for site in task.sites}


def _spread(items, count):
    """Some of a sequence, from its first to its last."""
    if len(items) <= count:
        return tuple(items)
    return tuple(
        items[round(k * (len(items) - 1) / (count - 1))] for k in range(count)
    )


def _strongest(units, count):
    """Indices of the units that count most, either way, as tuples."""
    order = np.argsort(-np.abs(units), axis=None, kind="stable")[:count]
    return [
        tuple(int(i) for i in np.unravel_index(k, units.shape)) for k in order
    ]


def _write_csv(report, chosen, found):
    sums = [
        {
            "image": each.index,
            "true": each.true,
            "predicted": each.predicted,
            "rival": each.rival,
            "site": site,
            "units": float(parts.of_units[k]),
            "around": float(parts.around[k]),
            "biases": float(parts.of_biases[k]),
            "sum": float(parts.total[k]),
            "lead": float(parts.logits[k]),
        }
        for k, each in enumerate(chosen)
        for site, parts in found.items()
    ]
    report.csv("decisions", sums)
    units = [
        {
            "image": each.index,
            "site": site,
            "unit": ":".join(map(str, unit)),
            "contribution": float(parts.units[k][unit]),
        }
        for k, each in enumerate(chosen)
        for site, parts in found.items()
        for unit in _strongest(parts.units[k], _UNITS_LISTED)
    ]
    report.csv("strongest_units", units)


def _draw(report, decision, k, found, drawn, gates):
    task = report.task
    drawing = pictures.figure(9, 1.45 * (len(drawn) + 1) + 0.4)
    top, bottom = drawing.subfigures(
        2, 1, height_ratios=[1.35, len(drawn)], hspace=0.02
    )
    image_axes, logit_axes, part_axes = top.subplots(
        1, 3, width_ratios=[1, 1.7, 2.3]
    )
    image_axes.imshow(
        pictures.stored(task.images.images[decision.index]),
        interpolation="nearest",
    )
    image_axes.set_axis_off()
    image_axes.set_title(f"test image {decision.index}", fontsize=9)
    _draw_logits(logit_axes, task.logits[decision.index], decision)
    _draw_parts(part_axes, found, k)
    _draw_units(task, bottom, decision, k, found, drawn, gates)
    verdict = "rightly" if decision.right else "wrongly"
    parts = found[drawn[-1]]
    count, share = _half(parts.units[k])
    deviation = max(
        abs(float(each.total[k] - each.logits[k])) for each in found.values()
    )
    report.picture(
        f"decision_{decision.index}",
        drawing,
        f"Test image {decision.index}, a {decision.true}, {verdict} taken for "
        f"{decision.predicted} with {decision.probability:.0%}; ahead of "
        f"{decision.rival} by {decision.margin:+.2f}. At {drawn[-1]} half of "
        f"all that units add and subtract comes from {count:,} of "
        f"{parts.units[k].size:,} units ({share:.1%}). The sums differ from "
        f"the lead by at most {number(deviation, 1)}.",
    )


def _half(units):
    """How many units make up half of all contributions, and their share."""
    sizes = np.sort(np.abs(units), axis=None)[::-1]
    total = np.cumsum(sizes)
    count = int(np.searchsorted(total, total[-1] / 2)) + 1
    return count, count / units.size


def _draw_logits(axes, logits, decision):
    """Bars of the largest logits, the predicted and the rival marked."""
    order = np.argsort(-logits, kind="stable")[:10]
    if decision.rival not in order:
        order[-1] = decision.rival
    order = np.sort(order)
    special = {decision.predicted: "#1f5fa8", decision.rival: "#d9912b"}
    colours = [special.get(int(c), "#c9d1d9") for c in order]
    axes.bar(range(len(order)), logits[order], color=colours)
    axes.axhline(0, color="#1d2430", linewidth=0.8)
    axes.set_xticks(range(len(order)), order)
    pictures.finish(axes, "", "")
    axes.set_title("logits", fontsize=9)


def _draw_parts(axes, found, k):
    """The lead as a sum at each site, one stacked bar a site."""
    kinds = {
        "units": ("of_units", "#1f5fa8"),
        "around": ("around", "#4f9d69"),
        "biases": ("of_biases", "#d9912b"),
    }
    places = np.arange(len(found))
    above, below = np.zeros(len(found)), np.zeros(len(found))
    for label, (name, colour) in kinds.items():
        values = np.array(
            [float(getattr(parts, name)[k]) for parts in found.values()]
        )
        if not values.any():
            continue
        start = np.where(values >= 0, above, below)
        axes.bar(places, values, bottom=start, color=colour, label=label)
        above += np.maximum(values, 0)
        below += np.minimum(values, 0)
    lead = float(next(iter(found.values())).logits[k])
    axes.axhline(lead, color="#1d2430", linewidth=1, linestyle="--")
    axes.axhline(0, color="#1d2430", linewidth=0.8)
    axes.set_xticks(places, found, rotation=30 if len(found) > 4 else 0)
    pictures.finish(axes, "", "")
    axes.tick_params(axis="x", labelsize=7)
    axes.set_title("the lead (dashed) as a sum at each site", fontsize=9)
    axes.legend(fontsize=7, frameon=False)


def _draw_units(task, drawing, decision, k, found, drawn, gates):
    """Templates of the strongest units, one row a site."""
    panels = drawing.subplots(len(drawn), _UNITS_DRAWN, squeeze=False)
    for row, site in zip(panels, drawn, strict=True):
        units = found[site].units[k]
        for axes in row:
            axes.set_axis_off()
        strongest = _strongest(units, _UNITS_DRAWN)
        shown = pictures.as_colours(_templates(task, site, strongest, decision))
        for axes, unit, picture in zip(row, strongest, shown, strict=False):
            axes.imshow(picture, interpolation="nearest")
            place = "" if len(unit) == 1 else f" at {unit[0]}:{unit[1]}"
            axes.set_title(
                f"{unit[-1]}{place}\n{units[unit]:+.3g}, "
                f"g {gates[site][k][unit]:.2f}",
                fontsize=7,
                color="#1f5fa8" if units[unit] >= 0 else "#a8600d",
                pad=2,
            )
        row[0].text(
            -0.1, 0.5, site, rotation=90, fontsize=8, ha="right", va="center",
            transform=row[0].transAxes,
        )  # fmt: skip


def _templates(task, site, units, decision):
    """Templates of units, local ones where there are no others."""
    source = task.gate_source(site)
    found = []
    for unit in units:
        arguments = {
            "positions": [unit[:-1]] if unit[:-1] else None,
            "channels": [unit[-1]],
            "memory_gib": task.memory_gib,
        }
        if primal.is_affine(task.model, source):
            each = primal.templates(task.model, source, **arguments)
        else:
            image = task.images.images[decision.index]
            each = primal.linearization(task.model, source, image, **arguments)
        found.append(each.normalized_weights[0])
    return np.stack(found)

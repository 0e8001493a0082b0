"""Right and wrong decisions taken apart, with the templates behind them."""

import dataclasses

import numpy as np
from keras import ops

from dlgn_tf.inspection import pictures
from dlgn_tf.inspection import templates as primal
from dlgn_tf.inspection.page import number, percent
from dlgn_tf.inspection.sites import evenly
from dlgn_tf.inspection.units import strongest
from dlgn_tf.output.folder import new_figure

_CHANNELS_DRAWN = 5
_UNITS_LISTED = 20
_SITES_DRAWN = 3


@dataclasses.dataclass(frozen=True, eq=False)
class Decision:
    """One test image, what it was taken for, and what it was not.

    The true class is -1 where it is not known.
    The rival is the true class of a mistake, else the second best; the margin
    is by how much the predicted logit is ahead of the rival's, the probability
    that of the predicted class.
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
    view = report.dual_view()
    if view is None:
        return
    page.text(
        "Given its gates the value network is linear, so the lead of one logit "
        "over another is a plain sum: of what each unit of a gate site adds, "
        "of what the input adds on paths around the site (in networks with "
        "skips), and of the biases that do not come through it. That holds at "
        "every site, "
        "exactly. Below, the lead of the predicted class over its rival: the "
        "true class where the network is wrong, else the second best.",
    )
    exact = all(
        task.model.gate_source(site) in task.affine_sites for site in task.sites
    )
    page.text(
        "Below each image stand the channels that count most at some sites, "
        "added up over positions (blue ones add to the lead, orange ones "
        "subtract), each with the "
        + ("template" if exact else "template or local linearisation")
        + " of its strongest unit on the left and the part of the image around "
        "what this unit sees on the right. Above it what the unit adds by "
        "itself, at its (row, column), and its gate g. Frames in the image are "
        "the parts that these units see, where they see less than all of it."
    )
    chosen = [decision_of(task, index) for index in task.shown]
    by_site = dict(leads(task, view, chosen))
    _write_csv(report, chosen, by_site, task.dataset.names)
    drawn = {
        site: _strongest_channels(task, site, chosen, by_site[site])
        for site in evenly(task.sites, _SITES_DRAWN)
    }
    for kind, said in ((False, "Mistakes"), (True, "Right decisions")):
        of_kind = [k for k, each in enumerate(chosen) if each.right == kind]
        page.heading(said if of_kind else f"{said}: none shown")
        for k in of_kind:
            _draw(report, chosen[k], k, by_site, drawn)


def decision_of(task, index):
    """The `Decision` of a test image."""
    logits, true = task.logits[index], int(task.images.labels[index])
    predicted, second = (int(c) for c in np.argsort(-logits, kind="stable")[:2])
    # -1: of an image whose class nobody has told.
    rival = second if true in (predicted, -1) else true
    powers = np.exp(logits - logits.max())
    return Decision(
        int(index),
        true,
        predicted,
        rival,
        float(logits[predicted] - logits[rival]),
        float(powers[predicted] / powers.sum()),
    )


def leads(task, view, chosen):
    """Yields each site with what the leads of decisions are sums of there."""
    images = task.images.images[[each.index for each in chosen]]
    predicted = np.array([each.predicted for each in chosen])
    rivals = np.array([each.rival for each in chosen])
    for site in task.sites:
        yield site, view.difference(images, site, predicted, rivals)


@dataclasses.dataclass(frozen=True, eq=False)
class _Channel:
    """A channel of a site that counts, shown by its strongest unit.

    `total` is what its units add at all positions, `contribution` what that
    unit adds. The picture has its template, and what the image has in the place
    `(top, left, bottom, right)` of `box`.
    """

    total: float
    unit: tuple[int, ...]
    contribution: float
    gate: float
    picture: np.ndarray
    box: tuple[int, ...]


def _strongest_channels(task, site, chosen, parts):
    """Of each decision a list of `_Channel`, those that count most."""
    gates = task.model.gates(task.images.images[task.shown])[site]
    gates = ops.convert_to_numpy(gates)
    channels = [strongest(each, _CHANNELS_DRAWN) for each in parts.channels]
    units = [
        [_strongest_unit(of_image, channel) for (channel,) in of_decision]
        for of_image, of_decision in zip(parts.units, channels, strict=True)
    ]
    drawn = _templates(task, site, chosen, units)
    return [
        [
            _Channel(
                float(parts.channels[k][unit[-1]]),
                unit,
                float(parts.units[k][unit]),
                float(gates[k][unit]),
                *picture_and_box,
            )
            for unit, picture_and_box in zip(units[k], drawn[k], strict=True)
        ]
        for k in range(len(chosen))
    ]


def _strongest_unit(units, channel):
    ((*place,),) = strongest(units[..., channel], 1)
    return (*place, channel)


def _templates(task, site, chosen, units):
    """Of each decision a list of pictures and their places, of its units.

    Exact ones come in one go; local ones are taken at each image.
    """
    source = task.model.gate_source(site)
    if source in task.affine_sites:
        asked = [sum(units, [])]
        images = [None]
    else:
        asked = units
        images = [task.images.images[each.index] for each in chosen]
    templates = [
        primal.of_units(
            task.model, source, some, image, memory_gib=task.memory_gib
        ).normalized_weights
        for some, image in zip(asked, images, strict=True)
    ]
    counts = np.cumsum([len(some) for some in units])[:-1]
    return [
        [in_place(weights, task.images.images[each.index]) for weights in some]
        for each, some in zip(
            chosen, np.split(np.concatenate(templates), counts), strict=True
        )
    ]


def in_place(weights, image):
    """A template beside the part of the image that it sees, and its place."""
    top, left, bottom, right = box = pictures.window(weights[None])
    part = (slice(top, bottom), slice(left, right))
    template = pictures.as_colours(weights[None, *part])[0]
    picture = pictures.beside(template, pictures.stored(image[part]))
    return picture, box


def _write_csv(report, chosen, by_site, names):
    sums = [
        {
            "image": each.index,
            "true": names[each.true],
            "predicted": names[each.predicted],
            "rival": names[each.rival],
            "site": site,
            "units": float(parts.of_units[k]),
            "around": float(parts.around[k]),
            "biases": float(parts.of_biases[k]),
            "sum": float(parts.total[k]),
            "lead": float(parts.logits[k]),
        }
        for k, each in enumerate(chosen)
        for site, parts in by_site.items()
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
        for site, parts in by_site.items()
        for unit in strongest(parts.units[k], _UNITS_LISTED)
    ]
    report.csv("strongest_units", units)


def _draw(report, decision, k, by_site, drawn):
    task = report.task
    drawing = new_figure(9, 2.0 + 1.2 * len(drawn))
    top, bottom = drawing.subfigures(
        2, 1, height_ratios=[2.0, 1.2 * len(drawn)], hspace=0.02
    )
    image_axes, logit_axes, part_axes = top.subplots(
        1, 3, width_ratios=[1, 1.7, 2.3]
    )
    pictures.draw_patch(
        image_axes,
        task.images.images[decision.index],
        {each.box for of in drawn.values() for each in of[k]},
        f"test image {decision.index}",
    )
    names = task.dataset.names
    _draw_logits(logit_axes, task.logits[decision.index], decision, names)
    _draw_parts(part_axes, by_site, k)
    panels = bottom.subplots(len(drawn), _CHANNELS_DRAWN, squeeze=False)
    for row, (site, of_decisions) in zip(panels, drawn.items(), strict=True):
        _draw_channels(row, site, of_decisions[k])
    caption = _caption(decision, by_site, k, names)
    report.picture(f"decision_{k + 1}", drawing, caption)


def _caption(decision, by_site, k, names):
    verdict = "rightly" if decision.right else "wrongly"
    site, parts = list(by_site.items())[-1]
    count, share = _half(parts.units[k])
    deviation = max(_deviation(each, k) for each in by_site.values())
    return (
        f"Test image {decision.index} of class {names[decision.true]}, "
        f"{verdict} taken for class {names[decision.predicted]} with "
        f"{percent(decision.probability, 0)}; ahead of class "
        f"{names[decision.rival]} by {number(decision.margin)}. At {site} half "
        f"of all that units add and subtract comes from {count:,} of "
        f"{parts.units[k].size:,} units ({percent(share)}). The sums "
        f"differ from the lead by at most {number(float(deviation), 1)} of all "
        "that is added and subtracted."
    )


def _deviation(parts, k):
    """Of the sum from the lead, relative to all that is summed."""
    terms = [parts.units[k], parts.around[k]]
    terms += [column[k] for column in parts.biases.values()]
    summed = sum(float(np.abs(term).sum()) for term in terms)
    return abs(float(parts.total[k] - parts.logits[k])) / max(summed, 1e-30)


def _half(units):
    """How many units make up half of all contributions, and their share."""
    sizes = np.sort(np.abs(units), axis=None)[::-1]
    total = np.cumsum(sizes)
    count = int(np.searchsorted(total, total[-1] / 2)) + 1
    return count, count / units.size


def _draw_logits(axes, logits, decision, names):
    """Bars of the largest logits, the predicted and the rival marked."""
    order = np.argsort(-logits, kind="stable")[:10]
    if decision.rival not in order:
        order[-1] = decision.rival
    order = np.sort(order)
    special = {
        decision.predicted: pictures.ADDS,
        decision.rival: pictures.SUBTRACTS,
    }
    colours = [special.get(int(c), "#c9d1d9") for c in order]
    axes.bar(range(len(order)), logits[order], color=colours)
    axes.axhline(0, color=pictures.INK, linewidth=0.8)
    shown = [names[k] for k in order]
    turned = 90 if max(map(len, shown)) > 3 else 0
    axes.set_xticks(range(len(order)), shown, rotation=turned)
    pictures.finish(axes, "", "")
    axes.set_title("logits", fontsize=9)


def _draw_parts(axes, by_site, k):
    """The lead as a sum at each site, one stacked bar a site."""
    parts = by_site.values()
    kinds = {
        "units that add": [_part(each.units[k], 1) for each in parts],
        "units that subtract": [_part(each.units[k], -1) for each in parts],
        "around the site": [float(each.around[k]) for each in parts],
        "biases": [float(each.of_biases[k]) for each in parts],
    }
    colours = (pictures.ADDS, pictures.SUBTRACTS, "#4f9d69", "#8a6fb0")
    above, below = np.zeros(len(by_site)), np.zeros(len(by_site))
    for (label, values), colour in zip(kinds.items(), colours, strict=True):
        values = np.array(values)
        if not values.any():
            continue
        start = np.where(values >= 0, above, below)
        axes.bar(list(by_site), values, bottom=start, color=colour, label=label)
        above += np.maximum(values, 0)
        below += np.minimum(values, 0)
    lead = float(next(iter(by_site.values())).logits[k])
    axes.axhline(lead, color=pictures.INK, linewidth=1, linestyle="--")
    axes.axhline(0, color=pictures.INK, linewidth=0.8)
    pictures.finish(axes, "", "")
    axes.tick_params(axis="x", labelsize=7)
    if len(by_site) > 4:
        for label in axes.get_xticklabels():
            label.set(rotation=25, ha="right", rotation_mode="anchor")
    axes.set_title("the lead (dashed) as a sum at each site", fontsize=9)
    axes.legend(
        fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1, 1)
    )


def _part(values, sign):
    return float(values[sign * values > 0].sum())


def _draw_channels(row, site, channels):
    """Templates of the strongest channels of a site, side by side."""
    for axes in row:
        axes.set_axis_off()
    for axes, each in zip(row, channels, strict=False):
        axes.imshow(each.picture, interpolation="nearest")
        *place, channel = each.unit
        first = f"{channel}: {each.total:+.3g}"
        if place:
            first += (
                f"\nat ({', '.join(map(str, place))}) {each.contribution:+.2g}"
            )
        axes.set_title(
            f"{first}, g {each.gate:.2f}",
            fontsize=7,
            color=pictures.ADDS if each.total >= 0 else pictures.DARK,
            pad=2,
        )
    row[0].text(
        -0.1, 0.5, site, rotation=90, fontsize=8, ha="right", va="center",
        transform=row[0].transAxes,
    )  # fmt: skip

"""What each gate looks at: templates by layer, their frequencies and sizes."""

import math

import numpy as np

from dlgn_tf.dual import kernel_learning
from dlgn_tf.inspection import linear_map, pictures, spectra
from dlgn_tf.inspection import templates as primal
from dlgn_tf.inspection.page import number, percent
from dlgn_tf.inspection.site_map import standardizes
from dlgn_tf.output.folder import new_figure

# The whole map of a site is decomposed where that takes seconds.
_MOST_OPERATIONS = 2e9

_MEANING = (
    "A unit of the gating network is on where q = <T, x> + b is positive. T is "
    "drawn below as an image of its own: where it is {colours}. Each is drawn "
    "to its own scale, and cut to the part of the image that its site sees, or "
    "to 7x7 pixels around it."
)
_GREY = "red, a bright pixel opens the gate; where it is blue, it closes it"
_COLOUR = (
    "brighter than grey, that colour in the image opens the gate; where it is "
    "darker, it closes it"
)


def add(report):
    task, page = report.task, report.page
    page.section("Templates: what each gate looks at")
    page.text(_MEANING.format(colours=colours_said(task.model)))
    page.text(
        f"Shown are, of each site, up to {task.channels} channels: those whose "
        "gates divide the images most evenly, being on half of the time. The "
        "number after the channel is the share of images and positions at "
        "which it is on."
    )
    if standardizes(task.model.normalization):
        page.note(
            "This network sees each image less its mean, divided by the "
            "largest absolute value that is left. That is not linear: "
            "templates are those of the standardised image."
        )
    rows, kept, powers = [], {}, {}
    for site in dict.fromkeys(
        task.model.gate_source(each) for each in task.sites
    ):
        of_site = _templates(task, site)
        kept |= {
            f"{site}/weights": of_site.weights.astype("float32"),
            f"{site}/offsets": of_site.offsets,
            f"{site}/channels": of_site.channels,
            f"{site}/positions": of_site.positions,
        }
        described = _describe(task, of_site)
        rows += described
        powers[site] = spectra.radial_power(of_site.normalized_weights)
        _draw(report, of_site, described)
    report.csv("templates", rows)
    report.arrays("templates", **kept)
    _frequencies(report, powers, rows)
    _singular_values(report)


def colours_said(model):
    """What the colours of a template say, after "where it is"."""
    return _GREY if model.image_shape[-1] == 1 else _COLOUR


def site_positions(task, site):
    """Positions of the image as positions of a site; None for a dense one."""
    shape = task.model.site_shapes[site]
    if len(shape) == 1:
        return None
    height, width, _ = task.model.image_shape
    places = task.positions or ((height // 2, width // 2),)
    return list(
        dict.fromkeys(
            (row * shape[0] // height, column * shape[1] // width)
            for row, column in places
        )
    )


def _templates(task, site):
    """Templates of a site, or its linearisation at the first image."""
    on = task.statistics.sites[_user_of(task, site)].on
    undecided = np.argsort(np.abs(on - 0.5), kind="stable")[: task.channels]
    arguments = {
        "positions": site_positions(task, site),
        "channels": sorted(int(channel) for channel in undecided),
        "memory_gib": task.memory_gib,
    }
    if site in task.affine_sites:
        return primal.templates(task.model, site, **arguments)
    image = task.images.images[0]
    return primal.linearization(task.model, site, image, **arguments)


def _user_of(task, source):
    """The value site that uses the gate of a site of the gating network."""
    names = task.model.site_names
    return next(
        name for name in names if task.model.gate_source(name) == source
    )


def _describe(task, of_site):
    """A dict for each template."""
    weights = of_site.normalized_weights
    on = task.statistics.sites[_user_of(task, of_site.site)].on
    columns = zip(
        of_site.channels,
        of_site.positions,
        of_site.normalized_offsets,
        np.sqrt((weights**2).sum(axis=(1, 2, 3))),
        spectra.low_frequency_share(weights),
        spectra.support(weights),
        spectra.effective_size(weights),
        strict=True,
    )
    return [
        {
            "site": of_site.site,
            "gates_of": _user_of(task, of_site.site),
            "exact": of_site.exact,
            "channel": int(channel),
            "position": ":".join(map(str, position)),
            "offset": float(offset),
            "norm": float(norm),
            "low_frequency_share": float(low),
            "rows": f"{box[0]}-{max(box[2] - 1, 0)}",
            "columns": f"{box[1]}-{max(box[3] - 1, 0)}",
            "side_of_90_percent": int(side),
            "on": float(on[channel]),
        }
        for channel, position, offset, norm, low, box, side in columns
    ]


def _draw(report, of_site, described):
    user = _user_of(report.task, of_site.site)
    used = "" if user == of_site.site else f", which gates `{user}`"
    report.page.heading(
        f"`{of_site.site}`{used}" + ("" if of_site.exact else ", locally")
    )
    if not of_site.exact:
        report.page.note(
            "A local linearisation at test image 0, not a template: it says "
            "what the unit looks at in this image, and holds near it, as long "
            "as nothing before it switches."
        )
        _draw_first_image(report)
    top, left, bottom, right = pictures.window(of_site.weights)
    cut = of_site.weights[:, top:bottom, left:right]
    titles = [f"{row['channel']} · {row['on']:.0%}" for row in described]
    place = ""
    if of_site.positions.shape[1]:
        named = dict.fromkeys(row["position"] for row in described)
        place = f" at position {', '.join(named)} (row:column)"
        if len(named) > 1:
            titles = [
                f"{title} · {row['position']}"
                for title, row in zip(titles, described, strict=True)
            ]
    side = np.median([row["side_of_90_percent"] for row in described])
    low = np.median([row["low_frequency_share"] for row in described])
    extent = (
        "the whole image"
        if cut.shape[1:] == of_site.weights.shape[1:]
        else f"rows {top} to {bottom - 1}, columns {left} to {right - 1}"
    )
    report.picture(
        f"templates_{of_site.site}",
        pictures.tiles(pictures.as_colours(cut), titles),
        f"{of_site.site}{place}: channel · share on. Drawn: {extent}. In the "
        f"median, a square of {side:.0f}x{side:.0f} pixels holds 90 % of a "
        f"template's energy, and {percent(low, 0)} of it lies at periods of 8 "
        "pixels and longer.",
    )


def _draw_first_image(report):
    """The image of local linearisations, once."""
    if "first_image" in report.figures:
        return
    drawing = new_figure(1.6, 1.6)
    axes = drawing.subplots()
    image = report.task.images.images[0]
    axes.imshow(pictures.stored(image), interpolation="nearest")
    axes.set_axis_off()
    report.picture("first_image", drawing, "Test image 0.")


def _frequencies(report, powers, rows):
    page = report.page
    page.heading("Fine or coarse")
    page.text(
        "How the energy of a site's templates is spread over spatial "
        "frequencies, in the mean over the templates above. At 0 lies the mean "
        "brightness, at 0.5 a pattern that changes from pixel to pixel."
    )
    series = {
        site: (frequencies, power.mean(axis=0))
        for site, (frequencies, power) in powers.items()
    }
    drawing = pictures.curves(series, "cycles per pixel", "share of the energy")
    report.picture("frequencies", drawing, "Energy by spatial frequency.")
    page.table(
        ["gate site", "templates", "|T|, median", "b, median", "side of 90 %"],
        [_median_row(site, rows) for site in powers],
        "Of normalised images; the side is that of the smallest square that "
        "holds 90 % of the energy, in pixels.",
    )


def _median_row(site, rows):
    of_site = [row for row in rows if row["site"] == site]
    medians = [
        float(np.median([row[name] for row in of_site]))
        for name in ("norm", "offset", "side_of_90_percent")
    ]
    return f"`{site}`", len(of_site), *map(number, medians)


def _singular_values(report):
    """The linear map of each whole site, where it is small enough."""
    task, page = report.task, report.page
    affine = [
        site
        for site in dict.fromkeys(map(task.model.gate_source, task.sites))
        if site in task.affine_sites
    ]
    chosen = [site for site in affine if _is_wanted(task, site)]
    if not affine or task.singular_values is False:
        return
    page.heading("The linear map of a whole site")
    page.text(
        "All units at all positions of a site together are one matrix. Its "
        "singular values say how many different things the gates of the site "
        "can see: directions of the image with a small one are invisible to "
        "them."
    )
    if passed_over := [site for site in affine if site not in chosen]:
        names = ", ".join(f"`{site}`" for site in passed_over)
        page.text(
            f"Not computed for {names}, where it takes long; "
            "`--singular_values` does it."
        )
    if not chosen:
        return
    by_site = {
        site: linear_map.singular_values(
            task.model, site, memory_gib=task.memory_gib
        )
        for site in chosen
    }
    report.csv(
        "singular_values",
        [
            {"site": site, "index": index + 1, "singular_value": value}
            for site, values in by_site.items()
            for index, value in enumerate(values.tolist())
        ],
    )
    series = {
        site: (np.arange(1, len(values) + 1), np.maximum(values, 1e-12))
        for site, values in by_site.items()
    }
    drawing = pictures.curves(series, "index", "singular value", log=True)
    report.picture(
        "singular_values", drawing, "Singular values of normalised images."
    )
    page.table(
        ["gate site", "largest", "smallest", "effective rank"],
        [
            (f"`{site}`", values[0], values[-1], number(_rank(values)))
            for site, values in by_site.items()
        ],
        "Effective rank: the exponential of the entropy of the squared "
        "singular values, taken as shares.",
    )


def _is_wanted(task, site):
    if task.singular_values is not None:
        return task.singular_values
    units = math.prod(task.model.site_shapes[site])
    pixels = math.prod(task.model.image_shape)
    return units * pixels * min(units, pixels) <= _MOST_OPERATIONS


def _rank(values):
    return kernel_learning.effective_rank(values**2 / (values**2).sum())

"""Gate statistics: who is on, how often, how surely, for which classes."""

import numpy as np

from dlgn_tf.inspection import pictures
from dlgn_tf.inspection.page import percent
from dlgn_tf.output.folder import new_figure

_NAMES_FIT = 40


def add(report):
    task, page = report.task, report.page
    statistics = task.statistics
    page.section("Gate statistics")
    page.text(
        f"Counted over the {statistics.images:,} test images and all positions "
        "of a site. A unit is on where its pre-activation is positive."
    )
    _shares(report, statistics)
    _agreement(report, statistics)
    _classes(report, statistics)


def _shares(report, statistics):
    page = report.page
    report.csv(
        "gate_statistics",
        [
            {
                "site": site,
                "channel": channel,
                "on": float(each.on[channel]),
                "images_on": float(each.images_on[channel]),
            }
            for site, each in statistics.sites.items()
            for channel in range(len(each.on))
        ],
    )
    page.heading("How often units are on")
    drawing = _distribution(statistics.sites)
    dead = sum(len(each.dead) for each in statistics.sites.values())
    always = sum(len(each.always_on) for each in statistics.sites.values())
    channels = sum(len(each.on) for each in statistics.sites.values())
    report.picture(
        "gates_on",
        drawing,
        f"Each grey dot is a channel, the line is the mean of a site. Of "
        f"{channels:,} channels {dead:,} are never on and {always:,} always: "
        "those say nothing about an image.",
    )
    sureness = [each.sureness for each in statistics.sites.values()]
    if not np.all(np.isfinite(sureness)):
        page.text("The gates have no bounds between which they could be sure.")
    elif min(sureness) < 1 - 1e-9:
        site = list(statistics.sites)[int(np.argmin(sureness))]
        page.text(
            "Soft gates lie between off and on. How sure they are, the mean "
            "of |2g - 1|, runs from 0 (halfway) to 1 (a clear yes or no): "
            f"here {percent(float(np.mean(sureness)))} in the mean over sites, "
            f"least at `{site}`, {percent(float(min(sureness)))}."
        )
    else:
        page.text("The gates are hard: each has one of two values.")


def _distribution(sites):
    """Share on of every channel by site, and their mean."""
    drawing = new_figure(8.6, 3.4)
    axes = drawing.subplots()
    rng = np.random.default_rng(0)
    for place, each in enumerate(sites.values()):
        spread = rng.uniform(-0.3, 0.3, len(each.on))
        axes.plot(place + spread, each.on, ".", color="#9aa5b1", markersize=2.5)
    means = [each.on.mean() for each in sites.values()]
    axes.plot(means, color="#1f5fa8", marker="o", markersize=3, linewidth=1.4)
    step = -(-len(sites) // _NAMES_FIT)
    places = np.arange(0, len(sites), step)
    names = [list(sites)[place] for place in places]
    rotation = 90 if len(names) > 10 else 0
    axes.set_xticks(places, names, rotation=rotation)
    axes.set_ylim(-0.03, 1.03)
    pictures.finish(axes, "", "share on")
    return drawing


def _agreement(report, statistics):
    names = list(statistics.sites)
    if len(names) < 2:
        return
    report.page.heading("Do layers agree?")
    report.page.text(
        "Two sites agree if pairs of images that share gates at the one share "
        "gates at the other (linear CKA of the gates): 1 means that they group "
        "images in the same way, 0 that they have nothing to do with each "
        "other."
    )
    for name in ("similarity", "agreement"):
        values = getattr(statistics, name).tolist()
        report.csv(
            f"layer_{name}",
            [
                {"site": site, **dict(zip(names, row, strict=True))}
                for site, row in zip(names, values, strict=True)
            ],
        )
    drawing = new_figure(5.25, 4.2)
    pictures.draw_matrix(
        drawing.subplots(),
        statistics.similarity,
        names,
        "similarity of gate sites",
        "linear CKA",
    )
    report.picture(
        "layer_similarity",
        drawing,
        "Similarity of sites (`layer_similarity.csv`). Where two sites have "
        "one shape, `layer_agreement.csv` says how often their gates are the "
        "same, unit for unit.",
    )


def _classes(report, statistics):
    task = report.task
    report.page.heading("Do classes share gates?")
    report.page.text(
        "Of two images, one of each class, the share of gates that are on in "
        "both, relative to that of two different images of one class (1 on the "
        "diagonal): where it is low, the gates tell the two classes apart."
    )
    labels = task.dataset.names
    report.csv(
        "class_overlap",
        [
            {"site": site, "class": name, **dict(zip(labels, row, strict=True))}
            for site, each in statistics.sites.items()
            for name, row in zip(labels, each.overlap.tolist(), strict=True)
        ],
    )
    first, last = task.sites[0], task.sites[-1]
    shown = [first] if first == last else [first, last]
    drawing = new_figure(4.4 * len(shown), 3.7)
    for axes, site in zip(
        drawing.subplots(1, len(shown), squeeze=False)[0], shown, strict=True
    ):
        overlap = statistics.sites[site].relative_overlap
        pictures.draw_matrix(axes, overlap, labels, site, "relative overlap")
    report.picture(
        "class_overlap",
        drawing,
        "Overlap of gates between classes, at the first and the last of the "
        "sites looked at; `class_overlap.csv` has the share on in both, of all "
        "sites.",
    )

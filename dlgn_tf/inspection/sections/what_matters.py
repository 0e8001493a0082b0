"""Which gates matter: for all decisions, for a class, and what opens them."""

import numpy as np
from keras import ops

from dlgn_tf.inspection import pictures
from dlgn_tf.inspection.page import number, percent
from dlgn_tf.inspection.receptive_field import receptive_field
from dlgn_tf.inspection.sections.decisions import decision_of, leads
from dlgn_tf.models import evaluation
from dlgn_tf.output.folder import new_figure

_IMAGES = 100
_OF_SITE, _OF_CLASS, _CLASSES = 3, 3, 20
# Channels drawn, and images that open each and that close it.
_DRAWN, _OPEN = 5, 3


def add(report):
    task, page = report.task, report.page
    page.section("Which gates matter")
    view = report.dual_view()
    if view is None:
        return
    count = min(_IMAGES, len(task.images))
    decisions = [decision_of(task, k) for k in range(count)]
    predicted = np.array([each.predicted for each in decisions])
    added = {
        site: parts.channels for site, parts in leads(task, view, decisions)
    }
    rows = _rows(task, added, predicted)
    report.csv("channels", rows)
    page.text(
        "What the units of a channel add to the lead of the predicted class "
        "over its rival, all positions together, in the mean over the first "
        f"{count:,} test images. The size, whatever the sign, says how "
        "much a channel matters; `channels.csv` has all."
    )
    _list_channels(page, task.sites, rows)
    _list_classes(task, page, added, predicted)
    _draw(report, task.sites[-1], added[task.sites[-1]])


def _means_by_class(added, predicted):
    """Mean of each channel over the images taken for a class: a dict."""
    return {
        int(label): added[predicted == label].mean(axis=0)
        for label in np.unique(predicted)
    }


def _rows(task, added, predicted):
    """Dicts, a channel each."""
    rows = []
    for site, of_images in added.items():
        sizes = np.abs(of_images).mean(axis=0)
        by_class = _means_by_class(of_images, predicted)
        on = task.statistics.sites[site].on
        rows += [
            {
                "site": site,
                "channel": channel,
                "mean_size": float(sizes[channel]),
                "share": float(sizes[channel] / max(sizes.sum(), 1e-30)),
                "on": float(on[channel]),
                **{
                    f"class_{task.dataset.names[label]}": float(mean[channel])
                    for label, mean in by_class.items()
                },
            }
            for channel in range(len(sizes))
        ]
    return rows


def _strongest(values, count):
    return np.argsort(-values, kind="stable")[:count]


def _list_channels(page, sites, rows):
    shown = []
    for site in sites:
        of_site = [row for row in rows if row["site"] == site]
        sizes = np.array([row["mean_size"] for row in of_site])
        for k in _strongest(sizes, _OF_SITE):
            row = of_site[k]
            means = {
                name.removeprefix("class_"): mean
                for name, mean in row.items()
                if name.startswith("class_")
            }
            most, least = (f(means, key=means.get) for f in (max, min))
            shown.append(
                (
                    f"`{site}`",
                    row["channel"],
                    number(row["mean_size"]),
                    percent(row["share"]),
                    percent(row["on"]),
                    f"class {most}, {means[most]:+.2g}",
                    f"class {least}, {means[least]:+.2g}",
                )
            )
    page.table(
        [
            "gate site",
            "channel",
            "mean size",
            "of all",
            "on",
            "adds most for",
            "adds least for",
        ],
        shown,
        "The channels of each site that count most, and the predicted classes "
        "to whose lead they add most and least in the mean.",
    )


def _list_classes(task, page, added, predicted):
    site = task.sites[-1]
    page.table(
        ["predicted class", "images", f"channels of {site} that add most"],
        [
            (
                task.dataset.names[label],
                int((predicted == label).sum()),
                ", ".join(
                    f"{channel} ({mean[channel]:+.2g})"
                    for channel in _strongest(mean, _OF_CLASS)
                ),
            )
            for label, mean in list(
                _means_by_class(added[site], predicted).items()
            )[:_CLASSES]
        ],
        "The gates that matter for a class.",
    )


def _draw(report, site, of_images):
    """Images that open and close the channels that matter most at a site."""
    task = report.task
    channels = _strongest(np.abs(of_images).mean(axis=0), _DRAWN)
    values = _preactivations(task, site, channels)
    chosen = [_extremes(values[..., k]) for k in range(len(channels))]
    boxes = _boxes(task, site, {place for row in chosen for _, place in row})
    drawing = new_figure(1.1 * len(chosen[0]) + 1.2, 1.25 * len(channels))
    panels = drawing.subplots(len(channels), len(chosen[0]), squeeze=False)
    for k, channel in enumerate(channels):
        for panel, (image, place) in zip(panels[k], chosen[k], strict=True):
            pictures.draw_patch(
                panel,
                task.images.images[image],
                [boxes[place]],
                f"{image}: q {values[(image, *place, k)]:+.2g}",
            )
        panels[k, 0].text(
            -0.15, 0.5, f"channel {channel}", rotation=90, fontsize=8,
            ha="right", va="center", transform=panels[k, 0].transAxes,
        )  # fmt: skip
    report.picture(
        "what_opens_gates",
        drawing,
        f"What opens the gates of the channels that matter most at {site} "
        "(left half: the largest pre-activations q of all images) and what "
        "closes them (right half: the smallest). The frame is the part of the "
        "image that the unit sees.",
    )


def _preactivations(task, site, channels):
    """Of all images: `(images, height, width, channels)` or without places."""
    preactivations = []
    for batch in evaluation.batches(len(task.images), _IMAGES):
        images = task.images.images[batch]
        made = task.model.routed(task.model.preactivations(images))[site]
        preactivations.append(ops.convert_to_numpy(made)[..., channels])
    return np.concatenate(preactivations)


def _extremes(values):
    """Images and places at which a channel is largest, and smallest.

    Of pre-activations `(images, ...)`, `_OPEN` pairs of an image and its place
    of the largest and then as many of the smallest.
    """
    flat = values.reshape(len(values), -1)
    count = min(_OPEN, len(flat))
    largest = np.argsort(-flat.max(axis=1), kind="stable")[:count]
    smallest = np.argsort(flat.min(axis=1), kind="stable")[:count]
    extremes = [(k, flat[k].argmax()) for k in largest]
    extremes += [(k, flat[k].argmin()) for k in smallest[::-1]]
    places = [np.unravel_index(at, values.shape[1:]) for _, at in extremes]
    return [
        (int(image), tuple(map(int, place)))
        for (image, _), place in zip(extremes, places, strict=True)
    ]


def _boxes(task, site, places):
    """What the units at places see: a dict to `(top, left, bottom, right)`."""
    places = sorted(places)
    if not places[0]:
        # The units of a dense site have none.
        return {(): (0, 0, *task.model.image_shape[:2])}
    fields = receptive_field(task.model, task.model.gate_source(site), places)
    return dict(zip(places, fields, strict=True))

"""Experiment 2: what more training images change.

Significance and reliability of the components of networks that were trained on
few images and on more.

Source: Ren et al. (arXiv 2006.15920), sections 4 and 5.
"""

import dataclasses

import numpy as np

from dlgn_tf.complexity import figures, prediction, report, tables
from dlgn_tf.complexity.components import Significance, measure_significance
from dlgn_tf.complexity.effectiveness import cross_entropy
from dlgn_tf.complexity.experiments.workshop import Subject
from dlgn_tf.complexity.reliability import (
    Reliability,
    measure_reliability,
    train_shared,
)
from dlgn_tf.models import evaluation
from dlgn_tf.output.spread import mean_and_range

# The authors' means over five depths, at orders 4, 7, 13 and 25.
AUTHORS = (
    "| N | rho_c, order 1-4 | 5-7 | 8-13 | 14-25 |\n"
    "|---|---|---|---|---|\n"
    "| 200 | .574 | .222 | .046 | .020 |\n"
    "| 1000 | .461 | .272 | .076 | .029 |\n"
    "| 5000 | .415 | .335 | .096 | .032 |\n\n"
    "Their reliability is .520, .350, .294, .284 at N = 200 and .797, .606, "
    ".504, .484 at N = 5000."
)
# Seeds of the two exemplary networks, apart from those that are studied.
_EXEMPLARY_SEEDS = (1001, 1002)


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """What is found of one network.

    Attributes:
        subject: `Subject`.
        count: Integer, images that it was trained on.
        accuracy: Test accuracy in percent.
        loss: Test cross-entropy.
        significance: `Significance`.
        reliability: `Reliability`.
    """

    subject: Subject
    count: int
    accuracy: float
    loss: float
    significance: Significance
    reliability: Reliability


def run(experiment):
    """Significance and reliability by images, tables and bar charts."""
    workshop, found = experiment.workshop(), []
    others = exemplary(workshop)
    for depth in experiment.scale.depths:
        for count in experiment.scale.counts:
            for seed in range(experiment.seeds):
                found.append(measure(workshop, depth, count, seed, others))
                print(_shown(found[-1]))
    _write(experiment, found)


def exemplary(workshop):
    """Two networks trained on all images: list of `Subject`.

    Of the largest depth, as in the paper (ResNet-44).
    """
    depth, count = max(workshop.scale.depths), len(workshop.data.train)
    return [workshop.teacher(depth, count, seed) for seed in _EXEMPLARY_SEEDS]


def measure(workshop, depth, count, seed, others):
    """Trains a network on some images and takes it apart: `Measured`."""
    subject = workshop.teacher(depth, count, seed)
    images = workshop.data.train.images
    ladder = workshop.ladder(subject)
    shared = train_shared(
        [subject.feature, *(other.feature for other in others)],
        images,
        workshop.scale.reliability(seed),
        workshop.folder(f"{subject.label}-shared"),
        workshop.progress,
    )
    accuracy, loss = scores(subject.model, workshop.data.test)
    return Measured(
        subject,
        count,
        accuracy,
        loss,
        measure_significance(subject.feature, ladder, images),
        measure_reliability(subject.feature, ladder, shared, images),
    )


def scores(model, images):
    """Accuracy in percent and mean cross-entropy of a network."""
    logits = evaluation.logits(model, images.images, 250)
    right = logits.argmax(axis=1) == images.labels
    loss = cross_entropy(logits, images.labels).mean()
    return 100 * float(right.mean()), float(loss)


def _write(experiment, found):
    orders = experiment.scale.orders
    shares, reliable = {}, {}
    for each in found:
        label = each.subject.label.partition("-seed")[0]
        shares.setdefault(label, []).append(tables.bars_of(each.significance))
        reliable.setdefault(label, []).append(each.reliability.ratio())
    budget = experiment.scale.columns()
    rows = [{**row, **budget} for row in significance_rows(found)]
    experiment.output.table("significance", rows)
    rows = [{**row, **budget} for row in _reliability_rows(found)]
    experiment.output.table("reliability", rows)
    experiment.output.table("networks", network_rows(found))
    title = "features by training images"
    experiment.output.picture(
        "significance", figures.significance(shares, orders, title)
    )
    experiment.output.picture(
        "reliability", figures.reliability(reliable, orders, title)
    )
    experiment.report(
        "Experiment 2: number of training images",
        "Networks trained on N images, measured on all training images. "
        "Expected: the profile shifts a little to higher orders with N, "
        "reliability rises with N and falls with the order. The authors have, "
        "on CIFAR-10:",
        AUTHORS,
        "Here:",
        tables.summary(shares, orders),
        report.picture("significance", "significance by order"),
        _reliability_table(reliable, orders),
        report.picture("reliability", "reliability by order"),
    )


def significance_rows(found):
    """The table significance.csv: list of dicts."""
    return [
        row
        for each in found
        for row in tables.significance_rows(_key(each), each.significance)
    ]


def _reliability_rows(found):
    return [
        {**_key(each), **tables.rounded(row)}
        for each in found
        for row in each.reliability.rows()
    ]


def network_rows(found):
    """A table of networks as experiment 6 reads it: list of dicts."""
    rows = []
    for each in found:
        numbers = np.stack(each.reliability.components(), axis=1).ravel()
        shares = each.significance.significance
        values = [each.count, each.accuracy, each.loss, *numbers, *shares]
        names = prediction.columns(each.significance.orders)
        row = dict(zip(names, values, strict=True))
        label = each.subject.label.partition("-")[0]
        rows.append({"model": label, **tables.rounded(row)})
    return rows


def _reliability_table(reliable, orders):
    return tables.markdown(
        ["network", *(f"reliability up to {order}" for order in orders)],
        [
            [label, *map(mean_and_range, np.transpose(values))]
            for label, values in reliable.items()
        ],
    )


def _key(each):
    label, _, seed = each.subject.label.partition("-seed")
    return {"network": label, "seed": seed, "n_train": each.count}


def _shown(each):
    ratios = tables.shown_reliability(each.reliability.ratio())
    return (
        f"{each.subject.label}: accuracy {each.accuracy:.1f} %; "
        f"{tables.shown(each.significance)}; reliability {ratios}"
    )

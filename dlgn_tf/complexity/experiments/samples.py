"""Experiment 2: what more training images change.

Significance and reliability of the components of networks that were trained on
few images and on more.

Source: Ren et al. (arXiv 2006.15920), sections 4 and 5.
"""

import collections
import dataclasses

import numpy as np

from dlgn_tf.complexity import figures, prediction, tables
from dlgn_tf.complexity.components import Significance
from dlgn_tf.complexity.effectiveness import cross_entropy
from dlgn_tf.complexity.experiments.workshop import Subject
from dlgn_tf.complexity.reliability import Reliability
from dlgn_tf.models import evaluation

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
    """What is found of one network, trained on `count` images."""

    subject: Subject
    count: int
    # On the test images, in percent, and the mean cross-entropy.
    accuracy: float
    loss: float
    significance: Significance
    # None where it was not asked for.
    reliability: Reliability | None


def run(experiment):
    """Significance and reliability by images, tables and bar charts."""
    workshop, found = experiment.workshop(), []
    every, others = experiment.teachers(workshop), exemplary(workshop)
    for asked in every:
        found.append(measure(workshop, *asked, others))
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
    ladder = workshop.ladder(subject)
    return Measured(
        subject,
        count,
        *scores(subject.model, workshop.data.test),
        workshop.significance(subject, ladder),
        workshop.reliability(subject, ladder, others),
    )


def scores(model, images):
    """Accuracy in percent and mean cross-entropy of a network."""
    logits = evaluation.logits(model, images.images, 250)
    return scores_of_logits(logits, images.labels)


def scores_of_logits(logits, labels):
    """As `scores`, of logits `(n, classes)` and labels `(n,)`."""
    right = logits.argmax(axis=1) == labels
    loss = cross_entropy(logits, labels).mean()
    return 100 * float(right.mean()), float(loss)


def _write(experiment, found):
    orders = experiment.scale.orders
    shares = collections.defaultdict(list)
    reliable = collections.defaultdict(list)
    significances, reliabilities = [], []
    for each in found:
        subject = each.subject
        shares[subject.network].append(tables.bars_of(each.significance))
        reliable[subject.network].append(each.reliability.ratio())
        key = {**subject.key, "n_train": each.count}
        significances += tables.keyed_rows(key, each.significance)
        reliabilities += tables.keyed_rows(key, each.reliability)
    experiment.table("significance", significances)
    experiment.table("reliability", reliabilities)
    experiment.output.table("networks", list(map(network_row, found)))
    title = "features by training images"
    experiment.report(
        "Experiment 2: number of training images",
        "Networks trained on N images, measured on all training images. "
        "Expected: the profile shifts a little to higher orders with N, "
        "reliability rises with N and falls with the order. The authors have, "
        "on CIFAR-10:",
        AUTHORS,
        "Here:",
        *experiment.significance("significance", shares, title),
        tables.means(
            ["network", *(f"reliability up to {order}" for order in orders)],
            reliable,
        ),
        experiment.drawn(
            "reliability",
            figures.reliability(reliable, orders, title),
            "reliability by order",
        ),
    )


def network_row(measured):
    """A network, `Measured`, in a table as experiment 6 reads it."""
    numbers = np.stack(measured.reliability.components(), axis=1).ravel()
    shares = measured.significance.significance
    values = [measured.count, measured.accuracy, measured.loss]
    names = prediction.columns(measured.significance.orders)
    row = dict(zip(names, [*values, *numbers, *shares], strict=True))
    # Without the number of images and the seed.
    label = measured.subject.label.rsplit("-", 2)[0]
    return {"model": label, **tables.rounded(row)}


def _shown(each):
    ratios = tables.shown_reliability(each.reliability.ratio())
    return (
        f"{each.subject.label}: accuracy {each.accuracy:.1f} %; "
        f"{tables.shown(each.significance)}; reliability {ratios}"
    )

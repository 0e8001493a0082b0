"""Experiment 5: a network, the same compressed, and one of seven ReLU layers.

Source: Ren et al. (arXiv 2006.15920), section 4. That the distilled network is
scored with the head of the original is assumed; it gives the figures that the
paper prints.
"""

import dataclasses

import numpy as np

from dlgn_tf.complexity import compression, figures, report, tables, teachers
from dlgn_tf.complexity.components import Significance, measure_significance
from dlgn_tf.complexity.effectiveness import (
    Effectiveness,
    measure_effectiveness,
)
from dlgn_tf.complexity.experiments import samples
from dlgn_tf.complexity.experiments.classification import accuracy
from dlgn_tf.complexity.experiments.workshop import Subject, output_feature
from dlgn_tf.complexity.features import feature_of
from dlgn_tf.complexity.reliability import (
    Reliability,
    measure_reliability,
    train_shared,
)
from dlgn_tf.errors import UserError
from dlgn_tf.models.classifier import copied
from dlgn_tf.output.spread import mean_and_range

KINDS = ("original", "compressed", "distilled")
# ReLU layers of the distilled network.
DISTILLED_ORDER = 7
_LADDER_SEED = 1000


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """What is found of one of the three networks.

    Attributes:
        accuracy: Test accuracy in percent.
        significance: `Significance`.
        effectiveness: `Effectiveness`.
        reliability: `Reliability`, or None where it was not asked for.
    """

    accuracy: float
    significance: Significance
    effectiveness: Effectiveness
    reliability: Reliability | None


@dataclasses.dataclass(frozen=True)
class Compressed:
    """What compression did.

    Attributes:
        zeros: Share of the weights that are zero.
        counts: Dict from layer to its number of different weights but zero.
    """

    zeros: float
    counts: dict


def run(experiment):
    """The three networks side by side, tables and bar charts."""
    if DISTILLED_ORDER not in experiment.scale.orders:
        raise UserError(
            f"Expected --orders with {DISTILLED_ORDER}, the order of the "
            "distilled network. Received: --orders="
            f"{','.join(map(str, experiment.scale.orders))}"
        )
    workshop, found, lines = experiment.workshop(), {}, []
    others = samples.exemplary(workshop)
    depth, count = (
        experiment.scale.compressed_depth,
        experiment.scale.compressed_count,
    )
    for seed in range(experiment.seeds):
        three, what = measure(workshop, depth, count, seed, others)
        for kind, each in three.items():
            found.setdefault(kind, []).append(each)
            print(
                f"{kind}, seed {seed}: accuracy {each.accuracy:.1f} %; "
                f"{tables.shown(each.significance)}"
            )
        lines.append(what)
    _write(experiment, found, lines, f"ResNet-{depth} of {count} images")


def measure(workshop, depth, count, seed, others=()):
    """Trains the three networks and takes each apart.

    Args:
        workshop: `Workshop`.
        depth: Integer, of the original.
        count: Integer, images that it is trained on.
        seed: Integer.
        others: `Subject`s, exemplary networks; without them reliability is not
            measured.

    Returns:
        `(measured, compressed)`: dict from kind to `Measured`, `Compressed`.
    """
    original = workshop.teacher(depth, count, seed)
    smaller, what = compressed(workshop, original)
    three = {
        "original": original,
        "compressed": smaller,
        "distilled": distilled(workshop, original),
    }
    return {
        kind: _measured(workshop, subject, others)
        for kind, subject in three.items()
    }, what


def compressed(workshop, original):
    """The network pruned, retrained and with shared weights.

    Returns:
        `(Subject, Compressed)`.
    """
    label = f"compressed-{original.label}"

    def compress():
        # Not in place: both are looked at.
        model = original.model.with_networks(copied)
        settings = workshop.scale.teacher(original.seed, len(original.images))

        def retrain(epochs):
            teachers.train_teacher(
                model,
                original.images,
                dataclasses.replace(settings, epochs=epochs),
            )

        compression.compress(model.network, retrain, workshop.scale.compression)
        return model

    model = workshop.kept(f"{label}.keras", compress)
    what = Compressed(
        compression.share_of_zeros(model.network),
        compression.different_weights(model.network),
    )
    subject = Subject(
        label, original.seed, model, feature_of(model), original.images
    )
    return subject, what


def distilled(workshop, original):
    """The net of seven ReLU layers that imitates the feature: `Subject`."""
    net = workshop.ladder(original).networks[DISTILLED_ORDER]
    label = f"distilled-{original.label}"
    feature = output_feature(label, net, original.feature)
    return Subject(label, original.seed, net, feature, original.images)


def _measured(workshop, subject, others):
    images, test = workshop.data.train.images, workshop.data.test
    feature, seed = subject.feature, subject.seed
    # Other nets than the one that the distilled network is.
    training = workshop.scale.training(seed + _LADDER_SEED)
    ladder = workshop.ladder(subject, name="profile", training=training)
    reliable = None
    if others:
        shared = train_shared(
            [feature, *(other.feature for other in others)],
            images,
            workshop.scale.reliability(seed),
            workshop.folder(f"{subject.label}-shared"),
            workshop.progress,
        )
        reliable = measure_reliability(feature, ladder, shared, images)
    return Measured(
        accuracy(feature, feature.trunk(test.images), test),
        measure_significance(feature, ladder, images),
        measure_effectiveness(feature, ladder, subject.images, test),
        reliable,
    )


def _write(experiment, found, compressions, title):
    budget = experiment.scale.columns()
    rows = [
        row | budget
        for kind, several in found.items()
        for seed, each in enumerate(several)
        for row in _rows(kind, seed, each)
    ]
    experiment.output.table("compression", rows)
    _draw(experiment, found, title)
    zeros = mean_and_range([100 * what.zeros for what in compressions], ".1f")
    most = max(max(what.counts.values()) for what in compressions)
    experiment.report(
        "Experiment 5: compressed and distilled networks",
        f"{title}. {zeros} % of the weights are zero after pruning, the others "
        f"of a layer take at most {most} values. {_AUTHORS} That the distilled "
        "network has more of its feature in low orders is nearly a tautology: "
        "a net of seven ReLU layers is what the net of order 7 can compute.",
        tables.markdown(
            ["network", "test accuracy (%)"],
            [
                [kind, mean_and_range([x.accuracy for x in several], ".1f")]
                for kind, several in found.items()
            ],
        ),
        tables.summary(
            _of(found, lambda x: tables.bars_of(x.significance)),
            experiment.scale.orders,
        ),
        *(report.picture(name, name) for name in _PICTURES),
    )


_PICTURES = ("significance", "effectiveness", "reliability")
# Table 3, and appendix G for the distilled network.
_AUTHORS = (
    "The authors' ResNet-32 of 1,000 images of CIFAR-10 has test accuracy "
    "46.71 %, 49.86 % after compression and 50.19 % distilled."
)


def _rows(kind, seed, each):
    """A row per order; variances are those over all images."""
    of_orders = zip(
        each.significance.rows(),
        each.effectiveness.rows(),
        each.reliability.ratio(),
        strict=True,
    )
    return [
        {"network": kind, "seed": seed, "accuracy": f"{each.accuracy:.2f}"}
        | tables.rounded({**games, **shares, "reliability": float(ratio)})
        for shares, games, ratio in of_orders
    ]


def _draw(experiment, found, title):
    orders = experiment.scale.orders
    pictures = (
        figures.significance(
            _of(found, lambda x: tables.bars_of(x.significance)), orders, title
        ),
        figures.alphas(
            _of(found, lambda x: x.effectiveness.effective()),
            _of(found, lambda x: x.effectiveness.overfit),
            orders,
            title,
        ),
        figures.reliability(
            _of(found, lambda x: x.reliability.ratio()), orders, title
        ),
    )
    for name, picture in zip(_PICTURES, pictures, strict=True):
        experiment.output.picture(name, picture)


def _of(found, function):
    """Arrays `(seeds, ...)` by kind."""
    return {
        kind: np.array([function(each) for each in several])
        for kind, several in found.items()
    }

"""Experiment 5: a network, the same compressed, and one of seven ReLU layers.

Source: Ren et al. (arXiv 2006.15920), section 4. That the distilled network is
scored with the head of the original is assumed; it gives the figures that the
paper prints.
"""

import collections
import dataclasses

from dlgn_tf.complexity import compression, figures, tables, teachers
from dlgn_tf.complexity.effectiveness import (
    Effectiveness,
    measure_effectiveness,
)
from dlgn_tf.complexity.experiments import samples
from dlgn_tf.complexity.experiments.workshop import Subject
from dlgn_tf.complexity.features import feature_of, output_feature
from dlgn_tf.errors import UserError
from dlgn_tf.models.classifier import copied
from dlgn_tf.output.spread import mean_and_range

KINDS = ("original", "compressed", "distilled")
# ReLU layers of the distilled network.
DISTILLED_ORDER = 7
_LADDER_SEED = 1000
# Table 3, and appendix G for the distilled network.
_AUTHORS = (
    "The authors' ResNet-32 of 1,000 images of CIFAR-10 has test accuracy "
    "46.71 %, 49.86 % after compression and 50.19 % distilled."
)


@dataclasses.dataclass(frozen=True, eq=False)
class Measured(samples.Measured):
    """What is found of one of the three networks."""

    effectiveness: Effectiveness


@dataclasses.dataclass(frozen=True)
class Compressed:
    """What compression did."""

    # Share of the weights.
    zeros: float
    # By layer, how many different weights there are but zero.
    counts: dict[str, int]


def run(experiment):
    """The three networks side by side, tables and bar charts."""
    scale = experiment.scale
    if DISTILLED_ORDER not in scale.orders:
        raise UserError(
            f"Expected --orders with {DISTILLED_ORDER}, the order of the "
            "distilled network. Received: --orders="
            f"{','.join(map(str, scale.orders))}"
        )
    workshop, compressions = experiment.workshop(), []
    found = collections.defaultdict(list)
    depth, count = scale.compressed_depth, scale.compressed_count
    # Refuses a number now that would else be after hours of training.
    workshop.data.some(count)
    others = samples.exemplary(workshop)
    for seed in range(experiment.seeds):
        three, what = measure(workshop, depth, count, seed, others)
        for kind, each in three.items():
            found[kind].append(each)
            print(
                f"{kind}, seed {seed}: accuracy {each.accuracy:.1f} %; "
                f"{tables.shown(each.significance)}"
            )
        compressions.append(what)
    _write(experiment, found, compressions, f"ResNet-{depth} of {count} images")


def measure(workshop, depth, count, seed, others=()):
    """Trains the three networks and takes each apart.

    The original is a `Workshop.teacher`; without others, exemplary networks,
    reliability is not measured.

    Returns:
        `(measured, compressed)`: dict from kind to `Measured`, `Compressed`.
    """
    original = workshop.teacher(depth, count, seed)
    smaller, what = compressed(workshop, original)
    three = (original, smaller, distilled(workshop, original))
    return {
        kind: _measured(workshop, subject, others)
        for kind, subject in zip(KINDS, three, strict=True)
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
    feature = feature_of(model)
    return Subject(label, original.seed, model, feature, original.images), what


def distilled(workshop, original):
    """The net of seven ReLU layers that imitates the feature: `Subject`."""
    net = workshop.ladder(original).networks[DISTILLED_ORDER]
    label = f"distilled-{original.label}"
    feature = output_feature(label, net, original.feature)
    return Subject(label, original.seed, net, feature, original.images)


def _measured(workshop, subject, others):
    test, feature = workshop.data.test, subject.feature
    # Other nets than the one that the distilled network is.
    training = workshop.scale.training(subject.seed + _LADDER_SEED)
    ladder = workshop.ladder(subject, name="profile", training=training)
    logits = feature.head(feature.trunk(test.images), test.images)
    return Measured(
        subject,
        len(subject.images),
        *samples.scores_of_logits(logits, test.labels),
        workshop.significance(subject, ladder),
        workshop.reliability(subject, ladder, others) if others else None,
        measure_effectiveness(feature, ladder, subject.images, test),
    )


def _write(experiment, found, compressions, title):
    rows = [
        row
        for kind, several in found.items()
        for seed, each in enumerate(several)
        for row in _rows(kind, seed, each)
    ]
    experiment.table("compression", rows)
    experiment.output.table(
        "networks",
        [samples.network_row(x) for several in found.values() for x in several],
    )
    zeros = mean_and_range([100 * what.zeros for what in compressions], ".1f")
    most = max(max(what.counts.values()) for what in compressions)

    def by_kind(of):
        return {kind: list(map(of, several)) for kind, several in found.items()}

    orders = experiment.scale.orders
    shares = by_kind(lambda x: tables.bars_of(x.significance))
    alphas = (
        by_kind(lambda x: x.effectiveness.effective()),
        by_kind(lambda x: x.effectiveness.overfit),
    )
    ratios = by_kind(lambda x: x.reliability.ratio())
    pictures = {
        "significance": figures.significance(shares, orders, title),
        "effectiveness": figures.alphas(*alphas, orders, title),
        "reliability": figures.reliability(ratios, orders, title),
    }
    experiment.report(
        "Experiment 5: compressed and distilled networks",
        f"{title}. {zeros} % of the weights are zero after pruning, the others "
        f"of a layer take at most {most} values. {_AUTHORS} That the distilled "
        "network has more of its feature in low orders is nearly a tautology: "
        "a net of seven ReLU layers is what the net of order 7 can compute.",
        tables.means(
            ["network", "test accuracy (%)"],
            by_kind(lambda x: [x.accuracy]),
            ".1f",
        ),
        *tables.summary(shares, orders, experiment.scale.resamples),
        *(experiment.drawn(x, figure, x) for x, figure in pictures.items()),
        "networks.csv has the reliable and the unreliable share of each "
        "component: --experiment=prediction --compressed=networks.csv predicts "
        "accuracy and loss from them (the paper's Table 3).",
    )


def _rows(kind, seed, each):
    """A row per order; variances are those over all images."""
    of_orders = zip(
        each.significance.rows(),
        each.effectiveness.rows(),
        each.reliability.ratio(),
        *each.reliability.components(),
        strict=True,
    )
    return [
        {"network": kind, "seed": seed, "accuracy": f"{each.accuracy:.2f}"}
        | tables.rounded(
            {
                **games,
                **shares,
                "reliability": float(ratio),
                "reliable_component": float(reliable),
                "unreliable_component": float(unreliable),
            }
        )
        for shares, games, ratio, reliable, unreliable in of_orders
    ]

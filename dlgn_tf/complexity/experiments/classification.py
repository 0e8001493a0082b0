"""Experiment 4: a network's own head on components instead of its feature.

Every sum of components Phi(l) is classified by the head, unchanged; for nets
that were trained on all images, as the paper has it, and for nets that were
trained on the network's own images alone.

Source: Ren et al. (arXiv 2006.15920), section 4. That the paper's order is 7 is
assumed.
"""

import numpy as np

from dlgn_tf.complexity import report, tables
from dlgn_tf.output.spread import mean_and_range

REGIMES = ("all images", "own images")


def run(experiment):
    """Accuracies by order and regime, `classification.csv`."""
    workshop, rows = experiment.workshop(), []
    for depth in experiment.scale.depths:
        for count in experiment.scale.counts:
            for seed in range(experiment.seeds):
                subject = workshop.teacher(depth, count, seed)
                rows += measure(workshop, subject)
                print(_shown(subject.label, rows))
    budget = experiment.scale.columns()
    experiment.output.table(
        "classification", [{**row, **budget} for row in rows]
    )
    experiment.report(
        "Experiment 4: classification from components",
        "The head of each network, unchanged, on Phi(l) in place of its "
        "feature. Test accuracy in percent, and how many points it gains. The "
        "authors' gain over 25 networks on CIFAR-10 is +2.57 on average at "
        "order 7, +0.04 at 4, +1.48 at 13, +1.12 at 25.",
        report.UNLABELLED,
        report.OWN_IMAGES,
        _summary(rows),
    )


def measure(workshop, subject):
    """Accuracies of a network from its feature and from components.

    Args:
        workshop: `Workshop`.
        subject: `Subject`.

    Returns:
        List of dicts, one per regime and order.
    """
    test = workshop.data.test
    feature = subject.feature
    own = accuracy(feature, feature.trunk(test.images), test)
    rows = []
    for regime in REGIMES:
        ladder = workshop.ladder(subject)
        if regime == "own images":
            ladder = workshop.ladder(
                subject, subject.images.images, name="ladder-own"
            )
        for order, phi in ladder.outputs(test.images).items():
            found = accuracy(feature, phi, test)
            rows.append(
                {
                    "network": subject.label.partition("-seed")[0],
                    "seed": subject.seed,
                    "nets_trained_on": regime,
                    "order": order,
                    "accuracy": f"{found:.2f}",
                    "accuracy_of_feature": f"{own:.2f}",
                    "gain": f"{found - own:.2f}",
                }
            )
    return rows


def accuracy(feature, f, images):
    """Of a head on what stands in the place of its feature, in percent.

    Args:
        feature: `Feature`.
        f: Array `(n, *shape)`.
        images: `ImageSet` of n images.
    """
    logits = feature.head(f, images.images)
    return 100 * float(np.mean(logits.argmax(axis=1) == images.labels))


def _shown(label, rows):
    ours = [
        row for row in rows if f"{row['network']}-seed{row['seed']}" == label
    ]
    listed = ", ".join(
        f"order {row['order']} on {row['nets_trained_on']} {row['accuracy']}"
        for row in ours
    )
    return f"{label}: {ours[0]['accuracy_of_feature']} %; {listed}"


def _summary(rows):
    keys = dict.fromkeys(
        (row["network"], row["nets_trained_on"], row["order"]) for row in rows
    )
    lines = []
    for key in keys:
        ours = [
            row
            for row in rows
            if (row["network"], row["nets_trained_on"], row["order"]) == key
        ]
        lines.append(
            [
                *key,
                *(
                    mean_and_range([float(row[name]) for row in ours], ".2f")
                    for name in ("accuracy_of_feature", "accuracy", "gain")
                ),
            ]
        )
    heads = ["network", "nets trained on", "order", "feature", "Phi", "gain"]
    return tables.markdown(heads, lines)

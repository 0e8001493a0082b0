"""Experiment 4: a network's own head on components instead of its feature.

Every sum of components Phi(l) is classified by the head, unchanged; for nets
that were trained on all images, as the paper has it, and for nets that were
trained on the network's own images alone.

Source: Ren et al. (arXiv 2006.15920), section 4. That the paper's order is 7 is
assumed.
"""

import collections

from dlgn_tf.complexity import report
from dlgn_tf.complexity.features import accuracy
from dlgn_tf.output import markdown
from dlgn_tf.output.spread import mean_and_range

REGIMES = ("all images", "own images")


def run(experiment):
    """Accuracies by order and regime, `classification.csv`."""
    workshop, rows = experiment.workshop(), []
    for asked in experiment.teachers(workshop):
        subject = workshop.teacher(*asked)
        found = measure(workshop, subject)
        rows += found
        print(f"{subject.label}: {_shown(found)}")
    experiment.table("classification", rows)
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

    Returns:
        List of dicts, one per regime and order.
    """
    test, feature = workshop.data.test, subject.feature
    own = accuracy(feature, feature.trunk(test.images), test)
    ladders = (
        workshop.ladder(subject),
        workshop.ladder(subject, subject.images.images, name="ladder-own"),
    )
    rows = []
    for regime, ladder in zip(REGIMES, ladders, strict=True):
        for order, phi in ladder.outputs(test.images).items():
            found = accuracy(feature, phi, test)
            rows.append(
                {
                    **subject.key,
                    "nets_trained_on": regime,
                    "order": order,
                    "accuracy": f"{found:.2f}",
                    "accuracy_of_feature": f"{own:.2f}",
                    "gain": f"{found - own:.2f}",
                }
            )
    return rows


def _shown(rows):
    listed = ", ".join(
        f"order {row['order']} on {row['nets_trained_on']} {row['accuracy']}"
        for row in rows
    )
    return f"{rows[0]['accuracy_of_feature']} %; {listed}"


def _summary(rows):
    by_key = collections.defaultdict(list)
    for row in rows:
        key = row["network"], row["nets_trained_on"], row["order"]
        by_key[key].append(row)
    lines = []
    for key, ours in by_key.items():
        columns = (
            [float(row[name]) for row in ours]
            for name in ("accuracy_of_feature", "accuracy", "gain")
        )
        lines.append([*key, *(mean_and_range(x, ".2f") for x in columns)])
    heads = ["network", "nets trained on", "order", "feature", "Phi", "gain"]
    return markdown.table(heads, lines)

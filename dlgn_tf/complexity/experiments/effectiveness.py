"""Experiment 3: which components help, and which over-fit.

Source: Ren et al. (arXiv 2006.15920), section 4.
"""

import collections

from dlgn_tf.complexity import figures, report, tables
from dlgn_tf.complexity.effectiveness import measure_effectiveness


def run(experiment):
    """Effectiveness and over-fitting by order, a table and a bar chart."""
    workshop, found = experiment.workshop(), []
    for asked in experiment.teachers(workshop):
        subject = workshop.teacher(*asked)
        games = measure(workshop, subject)
        found.append((subject, games))
        print(f"{subject.label}: {_shown(games)}")
    _write(experiment, found)


def measure(workshop, subject):
    """The games of a network's components: `Effectiveness`."""
    return measure_effectiveness(
        subject.feature,
        workshop.ladder(subject),
        subject.images,
        workshop.data.test,
    )


def _write(experiment, found):
    rows = []
    effective = collections.defaultdict(list)
    overfit = collections.defaultdict(list)
    for subject, games in found:
        rows += tables.keyed_rows(subject.key, games)
        effective[subject.network].append(games.effective())
        overfit[subject.network].append(games.overfit)
    experiment.table("effectiveness", rows)
    orders = experiment.scale.orders
    columns = [f"order {x}" for x in figures.component_labels(orders)]
    experiment.report(
        "Experiment 3: effectiveness and over-fitting",
        "What a component contributes to the training loss for its standard "
        "deviation (alpha_effective), and how much the gap between test and "
        "training loss grows with each unit of it (alpha_overfit: 0, helps on "
        "test images as much; 1, helps on training images alone; more, hurts). "
        "The paper's claims: in shallow networks low orders are the most "
        "effective, in deep ones those in the middle; low orders from few "
        "images over-fit the more; no rule for high orders.",
        tables.means(["alpha_effective", *columns], effective),
        tables.means(["alpha_overfit", *columns], overfit),
        experiment.drawn(
            "effectiveness",
            figures.alphas(effective, overfit, orders, "components"),
            "effectiveness and over-fitting",
        ),
        report.UNLABELLED,
    )


def _shown(games):
    parts = [
        f"{label} {a:.3g} / {b:.3g}"
        for label, a, b in zip(
            figures.component_labels(games.orders),
            games.effective(),
            games.overfit,
            strict=True,
        )
    ]
    return f"effective / over-fitted {', '.join(parts)}"

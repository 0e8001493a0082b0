"""Experiment 3: which components help, and which over-fit.

Source: Ren et al. (arXiv 2006.15920), section 4.
"""

import numpy as np

from dlgn_tf.complexity import figures, report, tables
from dlgn_tf.complexity.effectiveness import measure_effectiveness
from dlgn_tf.output.spread import mean_and_range


def run(experiment):
    """Effectiveness and over-fitting by order, a table and a bar chart."""
    workshop, found = experiment.workshop(), {}
    for depth in experiment.scale.depths:
        for count in experiment.scale.counts:
            for seed in range(experiment.seeds):
                subject = workshop.teacher(depth, count, seed)
                games = measure(workshop, subject)
                found[subject.label] = games
                print(f"{subject.label}: {_shown(games)}")
    write(experiment, found)


def measure(workshop, subject):
    """The games of a network's components: `Effectiveness`."""
    ladder = workshop.ladder(subject)
    images = subject.images
    return measure_effectiveness(
        subject.feature, ladder, images, workshop.data.test
    )


def write(experiment, found):
    """Table, chart and report of a dict from label to `Effectiveness`."""
    rows = [
        {"network": network, "seed": seed, **tables.rounded(row)}
        for label, games in found.items()
        for network, _, seed in [label.partition("-seed")]
        for row in games.rows()
    ]
    effective = by_network(found, lambda games: games.effective())
    overfit = by_network(found, lambda games: games.overfit)
    orders = next(iter(found.values())).orders
    budget = experiment.scale.columns()
    experiment.output.table(
        "effectiveness", [{**row, **budget} for row in rows]
    )
    experiment.output.picture(
        "effectiveness",
        figures.alphas(effective, overfit, orders, "components"),
    )
    experiment.report(
        "Experiment 3: effectiveness and over-fitting",
        "What a component contributes to the training loss for its standard "
        "deviation (alpha_effective), and how much the gap between test and "
        "training loss grows with each unit of it (alpha_overfit: 0, helps on "
        "test images as much; 1, helps on training images alone; more, hurts). "
        "The paper's claims: in shallow networks low orders are the most "
        "effective, in deep ones those in the middle; low orders from few "
        "images over-fit the more; no rule for high orders.",
        _table("alpha_effective", effective, orders),
        _table("alpha_overfit", overfit, orders),
        report.picture("effectiveness", "effectiveness and over-fitting"),
        report.UNLABELLED,
    )


def by_network(found, of):
    """Arrays `(seeds, orders)` by network, seeds taken together."""
    grouped = {}
    for label, games in found.items():
        grouped.setdefault(label.partition("-seed")[0], []).append(of(games))
    return {name: np.array(values) for name, values in grouped.items()}


def _table(name, found, orders):
    return tables.markdown(
        [name, *(f"order {x}" for x in figures.component_labels(orders))],
        [
            [label, *(mean_and_range(column) for column in values.T)]
            for label, values in found.items()
        ],
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

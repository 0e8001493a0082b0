"""Whether nets of another width give another profile.

A network is fitted to a task of known depth, as in experiment 1, and taken
apart by disentangler nets of several widths.

Source: Ren et al. (arXiv 2006.15920), section 4, on Task-26; the paper's widths
are not at hand.
"""

import collections

from dlgn_tf.complexity import tables
from dlgn_tf.complexity.components import total_variation
from dlgn_tf.complexity.experiments import tasks

TASK = 26


def run(experiment):
    """Profiles by width, `widths.csv` and a bar chart."""
    workshop, rows = experiment.workshop(), []
    shares = collections.defaultdict(list)
    distances = collections.defaultdict(list)
    for seed in range(experiment.seeds):
        found = measure(workshop, seed)
        # The widest is the one that the others are compared with.
        widest = found[max(found)].profile
        for width, each in found.items():
            label, far = f"r = {width:g}", total_variation(each.profile, widest)
            shares[label].append(tables.bars_of(each))
            distances[label].append([far])
            key = {"task": TASK, "seed": seed, **experiment.budget, "r": width}
            key["total_variation"] = f"{far:.5g}"
            rows += tables.keyed_rows(key, each)
            print(f"{label}, seed {seed}: {tables.shown(each)}")
    experiment.output.table("widths", rows)
    title = f"Task-{TASK} by width of the nets"
    experiment.report(
        "Experiment 1: width of the disentangler nets",
        f"A network of {tasks.TARGET_ORDER} ReLU layers is fitted to the "
        f"output of Task-{TASK} and taken apart by nets of 128r, 256r and 512r "
        "filters. Expected: profiles are alike. Total variation is that "
        "between the profile and the widest nets'.",
        *experiment.significance("widths", shares, title),
        tables.means(["nets", "total variation"], distances),
    )


def measure(workshop, seed):
    """Dict from each width of the scale to the `Significance` it gives."""
    subject = tasks.fitted(workshop, TASK, seed)
    widths = workshop.scale.widths
    return {r: tasks.measure(workshop, subject, r) for r in widths}

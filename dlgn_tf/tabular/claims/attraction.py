"""vectors.6 and .8: hyperplanes of a DLGN move to those of the labels."""

import numpy as np

from dlgn_tf.tabular.claims import networks_of_sdi as shared
from dlgn_tf.tabular.trees.attraction import angles_by_epoch, first_epochs
from dlgn_tf.tabular.trees.half_spaces import half_spaces, nearest_angles


def measure_angles(rng):
    true = shared.task("sdi").tree.normals
    seeds = shared.seeds(rng)
    networks = [shared.trained("sdi", "dlgn", seed) for seed in seeds]
    control = shared.trained("sdi", "dlgn", seeds[0], permuted=True)

    def median(spaces):
        return float(np.median(nearest_angles(true, spaces.normals)))

    # It has no epoch that is better than others.
    permuted = median(control.watched[max(control.watched)])
    return {
        "degrees at the end": [
            median(half_spaces(x.form, x.fitted.weights)) for x in networks
        ],
        "degrees at first": [median(x.watched[0]) for x in networks],
        "with permuted labels": {"degrees at the end": permuted},
        "with permuted labels, last over first": permuted
        / median(control.watched[0]),
        "epochs": shared.EPOCHS,
    }


def measure_order(rng):
    from scipy.stats import spearmanr

    task = shared.task("sdi")
    points = task.tree.counts(task.parts()[0][0])
    found, missed = [], []
    for seed in shared.seeds(rng):
        watched = shared.trained("sdi", "dlgn", seed).watched
        first = first_epochs(angles_by_epoch(task.tree.normals, watched))
        missed.append(int(np.isinf(first).sum()))
        # Those that are never approached come last.
        finite = np.where(np.isinf(first), 1e9, first)
        found.append(float(spearmanr(-finite, points).statistic))
    return {
        "rank correlation": found,
        "nodes never approached": missed,
        "within": "20 degrees",
    }

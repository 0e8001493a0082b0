"""vectors.9: the tree of one network is the tree of the labels."""

import time

import numpy as np

from dlgn_tf.claims.check import by_figure
from dlgn_tf.tabular import networks
from dlgn_tf.tabular.claims import networks_of_sdi as shared
from dlgn_tf.tabular.trees import data, published, readout
from dlgn_tf.tabular.trees.half_spaces import half_spaces, nearest_angles
from dlgn_tf.tabular.trees.tree import predict, splits

# Depth and seed of others, with points and dimension of SDI; of the deepest,
# which has twice the leaves, with twice the points.
OTHERS = ((3, 1), (4, 2))
DEEPER = (5, 3)
DEEPER_POINTS = 80_000
# What its validation points chose of some networks of 4 to 8 layers of 6 to 50
# units, steepness 3 to 30, rates of .002 to .05, 10 to 100 batches. As there
# are starts from which few hyperplanes are found, they choose a start, too.
OF_DEEPER = published.Published(10, 0.01, 5 * (14,))
DEEPER_EPOCHS, DEEPER_BATCHES, STARTS = 100, 100, 2


def measure(rng):
    seed = shared.seeds(rng)[0]
    setting = published.PUBLISHED["sdi", "dlgn"]
    cases = {"sdi": (shared.task("sdi"), shared.trained("sdi", "dlgn", seed))}
    for depth, of_tree in OTHERS:
        task = data.draw(depth, seed=of_tree)
        cases[f"depth {depth}, seed {of_tree}"] = (
            task,
            published.train(task, "dlgn", setting, seed, shared.EPOCHS),
        )
    task = data.draw(DEEPER[0], points=DEEPER_POINTS, seed=DEEPER[1])
    cases["depth {}, seed {}".format(*DEEPER)] = task, _deeper(task, rng)
    figures = {name: _figures(*case) for name, case in cases.items()}
    task, trained = cases["sdi"]
    before = trained.fitted._replace(
        weights=networks.initial(trained.form, seed)
    )
    control = _figures(task, trained._replace(fitted=before))
    return {
        **by_figure(figures),
        "before training": {"largest angle": control["largest angle"]},
    }


def _deeper(task, rng):
    """A network of shallow gates, which finds more of a deep tree."""
    found = [
        published.train(
            task,
            "dlgn_sf",
            OF_DEEPER,
            seed,
            DEEPER_EPOCHS,
            batches=DEEPER_BATCHES,
        )
        for seed in shared.seeds(rng, STARTS)
    ]
    return max(found, key=lambda each: each.fitted.score.max())


def _figures(task, trained):
    """How a tree and its network do, on test points."""
    (x, y), _, (x_test, labels) = task.parts()
    weights = trained.fitted.weights
    classify = readout.says(trained.form, weights)
    spaces = half_spaces(trained.form, weights)
    began = time.process_time()
    root = readout.read_out(classify, spaces, x, y)
    seconds = time.process_time() - began
    normals = np.array([split.normal for split in splits(root)])
    angles = (
        nearest_angles(task.tree.normals, normals)
        if len(normals)
        else np.full(len(task.tree.normals), 90.0)
    )
    network, tree = (
        float(np.mean(said == labels))
        for said in (classify(x_test), predict(root, x_test))
    )
    return {
        "network less tree in points": 100 * (network - tree),
        "largest angle": float(angles.max()),
        "median angle": float(np.median(angles)),
        "accuracy of the network": network,
        "accuracy of the tree": tree,
        "within 10 degrees": int(np.sum(angles <= 10)),
        "seconds of a processor": seconds,
        "splits": len(normals),
        "splits of the labels": len(task.tree.normals),
    }

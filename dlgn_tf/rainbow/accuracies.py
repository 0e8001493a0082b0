"""Accuracies of networks that were clipped, and of networks that were drawn.

Every function returns rows of a table, dicts of the same keys.

Source: arXiv 2305.18512, the figures on low-rank projection and resampling.
"""

import numpy as np

from dlgn_tf.rainbow import low_rank
from dlgn_tf.rainbow.covariance import weight_covariances
from dlgn_tf.rainbow.evaluation import accuracy
from dlgn_tf.rainbow.heads import retrain_head
from dlgn_tf.rainbow.resampling import resample

# How a network is made of a trained one: a name, which layers are drawn with
# which options, and whether its classifier is fitted anew.
WAYS = {
    "trained": (None, False),
    "trained, new head": (None, True),
    "resampled": ({}, False),
    "resampled, new head": ({}, True),
    "not aligned": ({"aligned": False}, False),
    "not aligned, new head": ({"aligned": False}, True),
    "white": ({"weights": "white"}, False),
    "white, new head": ({"weights": "white"}, True),
}


def ranks_of(dimension):
    """Ranks of a clipping curve: powers of two, a tenth, and all."""
    powers = 2 ** np.arange(int(np.log2(dimension)) + 1)
    tenth = max(round(dimension / 10), 1)
    return sorted({*powers.tolist(), tenth, dimension})


def clipping_rows(name, run, covariances, turns, task, step=lambda: None):
    """Accuracy of a network, one layer of which is projected.

    Args:
        name: String, of the network.
        run: `LayeredNetwork`, whose weights are the same afterwards.
        covariances: `WeightCovariances` of all networks.
        turns: Dict from label to `Alignment` of this network.
        task: Has `batches`, `test`, `seed` and `memory_gib`.
        step: Called after each curve.

    Returns:
        Rows of run, layer, basis, rank, accuracy, explained share of the
        weights' energy; of every layer but the classifier. Basis `"own
        weights"` is that of this network's weights alone.
    """
    labels = [x for x in covariances.labels if x != run.classifier]
    return [
        row
        for label in labels
        for row in _clipped(name, run, label, covariances, turns, task, step)
    ]


def _clipped(name, run, label, covariances, turns, task, step):
    layer = run[label]
    matrix = covariances.matrices[label]
    bases = {
        "weights": low_rank.weight_basis(matrix, layer, turns[label]),
        "own weights": low_rank.weight_basis(
            layer.matrix.T @ layer.matrix, layer
        ),
        "activations": low_rank.activation_basis(
            run, layer, task.batches, task.memory_gib
        ),
        "random": low_rank.random_basis(
            layer.dimension, np.random.default_rng([task.seed, layer.dimension])
        ),
    }
    ranks = ranks_of(layer.dimension)
    for basis, vectors in bases.items():
        accuracies = low_rank.clipping_curve(
            layer,
            vectors,
            ranks,
            lambda: accuracy(run.model, task.test.images, task.test.labels),
        )
        explained = low_rank.explained_variance(layer.matrix, vectors)
        for rank, value in zip(ranks, accuracies, strict=True):
            yield {
                "run": name,
                "layer": label,
                "basis": basis,
                "rank": rank,
                "dimension": layer.dimension,
                "accuracy": float(value),
                "explained": float(explained[min(rank, len(explained)) - 1]),
            }
        step()


def layers_of(run):
    """Which layers are drawn: all, or of a gated network those of either.

    Args:
        run: `TrainedRun`.

    Returns:
        Dict from a name to labels; `"all"` of a network without gates.
    """
    whole = run.layered()
    drawn = [x for x in whole.labels if x != whole.classifier]
    if run.networks == (None,):
        return {"all": tuple(drawn)}
    apart = {
        network: tuple(x for x in drawn if x.startswith(f"{network}/"))
        for network in run.networks
    }
    return {**apart, "both": tuple(drawn)}


def resampling_rows(runs, index, task, shared=None, step=lambda: None):
    """Accuracy of networks drawn from the covariances of trained ones.

    Args:
        runs: Sequence of `TrainedRun`.
        index: Integer, which of them: its widths, its classifier, and where
            `shared` is None the covariances of its weights alone.
        task: Has `batches`, `head`, `test`, `seed`, `draws`, `orthogonal` and
            `memory_gib`.
        shared: `WeightCovariances` of all runs, whole networks, or None.
        step: Called after each network.

    Returns:
        Rows of run, covariances of `"own"` or `"all"`, layers, way, draw,
        accuracy. Without layers drawn: `"none"`.
    """
    run = runs[index]
    source = "own" if shared is None else "all"
    covariances = shared or weight_covariances(
        [run.layered()],
        task.batches,
        reference=0,
        memory_gib=task.memory_gib,
    )
    rows = []

    def add(layers, way, draw, model):
        rows.append(
            {
                "run": run.name,
                "covariances": source,
                "layers": layers,
                "way": way,
                "draw": draw,
                "accuracy": accuracy(model, task.test.images, task.test.labels),
            }
        )
        step()

    for way, (options, new_head) in WAYS.items():
        if options is None and shared is None:
            model = _new_head(run.model, task) if new_head else run.model
            add("none", way, 0, model)
    for name, labels in layers_of(run).items():
        for draw in range(task.draws):
            for base in ("resampled", "not aligned", "white"):
                model = resample(
                    run.model,
                    covariances,
                    task.batches,
                    seed=[task.seed, index, draw],
                    layers=labels,
                    orthogonal=task.orthogonal,
                    memory_gib=task.memory_gib,
                    **WAYS[base][0],
                )
                add(name, base, draw, model)
                add(name, f"{base}, new head", draw, _new_head(model, task))
    return rows


def ways_of_run(run, draws):
    """How many networks `resampling_rows` makes of a run's own covariances."""
    return 2 + 6 * draws * len(layers_of(run))


def _new_head(model, task):
    return retrain_head(model, task.head.images, task.head.labels)

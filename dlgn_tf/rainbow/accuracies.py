"""Accuracies of networks that were clipped, and of networks that were drawn.

Functions named `..._rows` return rows of a table, dicts of the same keys. Their
`task` is the `Command` of `dlgn_tf.rainbow`, and `step` is called after each
curve or network.

Source: arXiv 2305.18512, the figures on low-rank projection and resampling.
"""

import fnmatch

import numpy as np

from dlgn_tf import factorizations
from dlgn_tf.errors import UserError
from dlgn_tf.models.evaluation import accuracy
from dlgn_tf.rainbow import low_rank
from dlgn_tf.rainbow.covariance import weight_covariances
from dlgn_tf.rainbow.heads import retrain_head
from dlgn_tf.rainbow.resampling import resample

# How networks are drawn: options of `resample`. Each is measured twice, the
# second time with a classifier that is fitted anew.
WAYS = {
    "resampled": {},
    "not aligned": {"aligned": False},
    "white": {"weights": "white"},
}
# Of gated networks whose gates and values are both drawn.
JOINT_WAYS = {
    "drawn jointly": {"joint": True},
    "trained rows": {"weights": "rows"},
    "trained rows, jointly": {"weights": "rows", "joint": True},
}
NEW_HEAD = ", new head"


def ranks_of(dimension):
    """Ranks of a clipping curve: powers of two, a tenth, and all."""
    powers = 2 ** np.arange(int(np.log2(dimension)) + 1)
    tenth = max(round(dimension / 10), 1)
    return sorted({*powers.tolist(), tenth, dimension})


def clipping_rows(name, run, covariances, turns, task, step=lambda: None):
    """Accuracy of a network, one layer of which is projected.

    The weights of the `LayeredNetwork` are the same afterwards. Covariances are
    those of all networks, turns the alignments of this one.

    Returns:
        Rows of run, layer, basis, rank, dimension, accuracy, explained share
        of the weights' energy; of every chosen layer. Basis `"own weights"` is
        that of this network's weights alone.
    """
    labels = chosen(run.hidden, task.layers)
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
        "own weights": factorizations.svd(layer.matrix)[2].T,
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


def chosen(labels, patterns):
    """Those of the labels that a pattern fits, a tuple.

    Patterns are as file names have them, `*_conv1`; of none, all are chosen.
    """
    fits = fnmatch.fnmatchcase
    return tuple(
        label
        for label in labels
        if not patterns or any(fits(label, p) for p in patterns)
    )


def check_layers(labels, patterns):
    """Raises a `UserError` if a pattern fits no layer; see `chosen`."""
    for pattern in patterns:
        if not chosen(labels, [pattern]):
            raise UserError(
                f"Expected layers of {', '.join(labels)}, or a pattern such as "
                f"*_conv1. Received: {pattern}"
            )


def layers_of(run, patterns=()):
    """Which layers are drawn: all, or of a gated network those of either.

    Of the chosen ones where there are patterns, see `chosen`.

    Returns:
        Dict from a name to labels; `"all"` of a network without gates, or
        `"chosen"` where there are patterns.
    """
    drawn = chosen(run.layered().hidden, patterns)
    if run.networks == (None,):
        return {"chosen" if patterns else "all": drawn}
    apart = {
        network: tuple(x for x in drawn if x.startswith(f"{network}/"))
        for network in run.networks
    }
    named = {**apart, "both": drawn}
    # Of one network alone the two are one.
    if not all(apart.values()):
        del named["both"]
    return {name: labels for name, labels in named.items() if labels}


def trained_rows(run, task, step=lambda: None):
    """Accuracy of a `TrainedRun`, and of it with a new head.

    Rows are as those of `resampling_rows`.
    """
    return _both_heads(
        run, run.model, ("none", "none", "trained", 0), task, step
    )


def resampling_rows(runs, index, task, shared=None, step=lambda: None):
    """Accuracy of networks drawn from the covariances of trained ones.

    Of `TrainedRun` number `index` of some: its widths, its classifier, and the
    covariances of its weights alone, or else the `shared` ones of all runs,
    whole networks.

    Returns:
        Rows of run, width, covariances of `"own"` or `"all"`, layers, way,
        draw, accuracy.
    """
    run = runs[index]
    source = "own" if shared is None else "all"
    # A network in its own basis is not turned, whatever it sees.
    covariances = shared or weight_covariances(
        [run.layered()],
        task.batches[:1],
        reference=0,
        memory_gib=task.memory_gib,
    )
    rows = []
    for name, labels, draw, way, options in _draws(
        runs, shared is not None, task
    ):
        model = resample(
            run.model,
            covariances,
            task.batches,
            seed=[task.seed, index, draw],
            layers=labels,
            orthogonal=task.orthogonal,
            memory_gib=task.memory_gib,
            **options,
        )
        what = (source, name, way, draw)
        rows += _both_heads(run, model, what, task, step)
    return rows


def _draws(runs, shared, task):
    """Networks that are drawn: layers by name, draw, way and its options."""
    return [
        (name, labels, draw, way, options)
        for name, labels in layers_of(runs[0], task.layers).items()
        for draw in range(task.draws)
        for way, options in ways_of(
            runs, shared, task.joint and name == "both"
        ).items()
    ]


def ways_of(runs, shared, joint=False):
    """Ways to draw a network: dict from a name to options of `resample`.

    With `joint` there are also those in which gates and values are drawn
    together, and those that draw whole rows of trained neurons. From `shared`
    covariances of networks of several widths none can be drawn without
    alignment.
    """
    widths = {run.layered().widths for run in runs}
    return {
        name: options
        for name, options in (WAYS | JOINT_WAYS if joint else WAYS).items()
        if len(widths) == 1 or not shared or options.get("aligned", True)
    }


def networks_of(runs, shared, task):
    """How many networks `resampling_rows` makes of a run, twice with a head."""
    return 2 * len(_draws(runs, shared, task))


def _both_heads(run, model, what, task, step):
    """Rows of a network with its head, and with one that is fitted anew."""
    source, layers, way, draw = what
    rows = []
    for name in (way, way + NEW_HEAD):
        if name != way:
            model = retrain_head(model, task.head.images, task.head.labels)
        rows.append(
            {
                "run": run.name,
                "width": run.width,
                "covariances": source,
                "layers": layers,
                "way": name,
                "draw": draw,
                "accuracy": accuracy(model, task.test.images, task.test.labels),
            }
        )
        step()
    return rows

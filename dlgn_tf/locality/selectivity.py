"""How well single nodes tell a teacher's events.

For a region, its event a and the nodes j of the same receptive field, the
selectivity is max_j |corr(f_j, 1{z = a})|; a level's is the mean over its
regions and events. Random weights have some already: what training adds is the
difference from the start.

Source: the long-term goal of Tian, arXiv 1809.10829, section 2, "f_j(a) > 0 for
one event and about 0 for the others"; the measure is assumed. The correlation
is that of facebookresearch/luckmatters, with the indicator of an event in the
place of a teacher's node.
"""

from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array

from dlgn_tf.locality.teachers import Teacher

# Norms below it are those of nodes that do not vary.
_SMALLEST_NORM = 1e-10


def correlations(first: Array, second: Array) -> Array:
    """Correlation of every column of the one with every column of the other.

    Of `(samples, a)` and `(samples, b)`: float64 `(a, b)`; 0 where a column
    does not vary.
    """
    first, second = (_normalized(x) for x in (first, second))
    return first.T @ second


def _normalized(columns):
    columns = np.asarray(columns, np.float64)
    centred = columns - columns.mean(axis=0)
    norms = np.linalg.norm(centred, axis=0)
    scale = np.abs(columns).max(initial=0) * np.sqrt(len(columns))
    varies = norms > max(_SMALLEST_NORM, 1e-7 * scale)
    return centred * np.divide(1, norms, out=np.zeros_like(norms), where=varies)


def by_level(levels: Sequence[Array], teacher: Teacher) -> Array:
    """Selectivity `(levels,)` of every level.

    Levels are arrays `(samples, regions, nodes)` of the teacher's samples,
    upwards from the level above the leaves. Events that never happen are left
    out.
    """
    means = []
    for level, nodes in enumerate(levels, start=1):
        best = []
        tables = of_regions(nodes, level, teacher)
        for table, events in zip(tables, teacher.events[level].T, strict=True):
            best.extend(np.abs(table[np.unique(events)]).max(axis=1))
        means.append(np.mean(best))
    return np.array(means)


def of_regions(nodes: Array, level: int, teacher: Teacher) -> list[Array]:
    """Correlation of the nodes of each region with each of its events.

    Of nodes `(samples, regions, nodes)`: float64 arrays `(events, nodes)`.
    """
    one_hot = np.eye(teacher.counts[level])[teacher.events[level]]
    return [
        correlations(one_hot[:, region], nodes[:, region])
        for region in range(nodes.shape[1])
    ]

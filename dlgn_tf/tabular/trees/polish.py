"""Makes the hyperplanes of a tree fit: tree alternating optimisation.

Source: Carreira-Perpinan and Tavallali, "Alternating optimization of decision
trees" (NeurIPS 2018): with the rest of the tree fixed, a split is a problem of
two classes, which side of it classifies a point right.
"""

import warnings

import numpy as np

from dlgn_tf.tabular.trees.tree import Leaf, Node, Split, predict

_MOST_PASSES = 20
# Of logistic regression: next to no penalty, on columns of size 1.
_INVERSE_PENALTY = 1e3


def polish(root: Node, x: np.ndarray, labels: np.ndarray) -> Node:
    """A tree with hyperplanes that err less often.

    Args:
        root: The tree; its splits are changed.
        x: Array `(n, inputs)`.
        labels: Integers `(n,)`.

    Returns:
        The tree, with leaves that know their points.
    """
    for _ in range(_MOST_PASSES):
        root, better = _passed(root, x, labels)
        if not better:
            break
    return with_counts(root, x, labels)


def with_counts(node: Node, x: np.ndarray, labels: np.ndarray) -> Node:
    """A tree whose leaves have the majority's label and know their points."""
    if isinstance(node, Leaf):
        return leaf(labels, node.label)
    above = node.is_above(x)
    node.below = with_counts(node.below, x[~above], labels[~above])
    node.above = with_counts(node.above, x[above], labels[above])
    return node


def leaf(labels: np.ndarray, otherwise: int = 0) -> Leaf:
    """A leaf of the majority, or of another label where there is no point."""
    if not len(labels):
        return Leaf(otherwise, 0, 0)
    counts = np.bincount(labels)
    label = int(counts.argmax())
    return Leaf(label, len(labels), int(len(labels) - counts[label]))


def _passed(node, x, labels):
    """A tree after each split was fitted once, the lowest first."""
    if isinstance(node, Leaf):
        made = leaf(labels, node.label)
        return made, made.label != node.label
    above = node.is_above(x)
    node.below, first = _passed(node.below, x[~above], labels[~above])
    node.above, second = _passed(node.above, x[above], labels[above])
    _tell_apart(node, labels)
    return node, _refit(node, x, labels) or first or second


def _tell_apart(node: Split, labels):
    """Makes two leaves of one label those of the two most frequent ones."""
    ends = node.below, node.above
    counts = np.bincount(labels, minlength=2)
    if all(isinstance(end, Leaf) for end in ends) and np.sort(counts)[-2]:
        if node.below.label == node.above.label:
            node.below.label, node.above.label = np.argsort(-counts)[:2]


def _refit(node: Split, x, labels):
    """Whether a split was moved for the better."""
    right_below = predict(node.below, x) == labels
    right_above = predict(node.above, x) == labels
    matters = right_below != right_above
    side = right_above[matters]
    if not matters.any() or side.all() or not side.any():
        return False
    normal, offset = hyperplane(x[matters], side)
    now = np.sum(node.is_above(x[matters]) != side)
    then = np.sum((x[matters] @ normal > offset) != side)
    if then >= now:
        return False
    node.normal, node.offset = normal, offset
    return True


def hyperplane(x: np.ndarray, side: np.ndarray) -> tuple[np.ndarray, float]:
    """Unit normal and offset of what divides points, by logistic regression.

    Args:
        x: Array `(n, inputs)`.
        side: Booleans `(n,)`, True for points above.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    scale = np.sqrt(np.mean(x**2)) or 1.0
    with warnings.catch_warnings():
        # Separable sides have no best one, and any is right.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = LogisticRegression(C=_INVERSE_PENALTY, max_iter=200).fit(
            x / scale, side
        )
    normal = fitted.coef_[0]
    length = np.linalg.norm(normal) or 1.0
    return normal / length, float(-fitted.intercept_[0] * scale / length)

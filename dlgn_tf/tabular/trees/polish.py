"""Makes the hyperplanes of a tree fit: tree alternating optimisation.

Source: Carreira-Perpinan and Tavallali, "Alternating optimization of decision
trees" (NeurIPS 2018): with the rest of the tree fixed, a split is a problem of
two classes, which side of it classifies a point right. That a hyperplane is
sharpened then, on a smooth number of errors, is ours.
"""

import warnings

import numpy as np

from dlgn_tf.tabular.trees.tree import Leaf, Node, predict

_MOST_PASSES = 5
# A pass that mends a smaller share of the errors is the last one.
_LEAST_GAIN = 0.02
# Of logistic regression: next to no penalty, on columns of size 1.
_INVERSE_PENALTY = 1e3
# Of the smooth number of errors: steepness times the spread of distances, one
# after the other, and steps of each.
_SHARPNESS = (4.0, 16.0)
_STEPS = 30


def polish(
    root: Node, x: np.ndarray, labels: np.ndarray, passes: int = _MOST_PASSES
) -> Node:
    """A tree with hyperplanes that err less often.

    Args:
        root: The tree; its splits are changed.
        x: Array `(n, inputs)`.
        labels: Integers `(n,)`.
        passes: Integer, how often each split is fitted at most.

    Returns:
        The tree, with leaves that know their points.
    """
    errors = np.sum(predict(root, x) != labels)
    for _ in range(passes):
        root, better = _passed(root, x, labels)
        before, errors = errors, np.sum(predict(root, x) != labels)
        if not better or before - errors < _LEAST_GAIN * before:
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


def _tell_apart(node, labels):
    """Makes two leaves of one label those of the two most frequent ones."""
    ends = node.below, node.above
    counts = np.bincount(labels, minlength=2)
    if all(isinstance(end, Leaf) for end in ends) and np.sort(counts)[-2]:
        if node.below.label == node.above.label:
            node.below.label, node.above.label = np.argsort(-counts)[:2]


def _refit(node, x, labels):
    """Whether a split was moved for the better."""
    right_below = predict(node.below, x) == labels
    right_above = predict(node.above, x) == labels
    matters = right_below != right_above
    side = right_above[matters]
    if not matters.any() or side.all() or not side.any():
        return False
    x = x[matters]
    least = np.sum(node.is_above(x) != side)
    better = False
    for start in ((node.normal, node.offset), hyperplane(x, side)):
        for normal, offset in (start, sharpened(*start, x, side)):
            errors = np.sum((x @ normal > offset) != side)
            if errors < least:
                node.normal, node.offset = normal, offset
                least, better = errors, True
    return better


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


def sharpened(
    normal: np.ndarray, offset: float, x: np.ndarray, side: np.ndarray
) -> tuple[np.ndarray, float]:
    """A hyperplane near another one with fewer points on the wrong side.

    What a point costs is a sigmoid of its distance, which nears the number of
    errors, so that points far on the wrong side, which other splits have sent
    astray, do not draw it to them.

    Args:
        normal: Array `(inputs,)` of unit length.
        offset: Float.
        x: Array `(n, inputs)`.
        side: Booleans `(n,)`, True for points above.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    signs = np.where(side, 1.0, -1.0)
    scale = np.std(x @ normal - offset) or 1.0

    def cost(plane, steepness):
        wrong = expit(-steepness * signs * (x @ plane[:-1] - plane[-1]))
        slopes = -steepness * signs * wrong * (1 - wrong)
        gradient = np.append(slopes @ x, -slopes.sum())
        return wrong.mean(), gradient / len(x)

    plane = np.append(normal, offset)
    for sharpness in _SHARPNESS:
        found = minimize(
            cost,
            plane,
            (sharpness / scale,),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": _STEPS},
        )
        length = np.linalg.norm(found.x[:-1]) or 1.0
        plane = found.x / length
    return plane[:-1], float(plane[-1])

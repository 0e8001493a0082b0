"""Makes the hyperplanes of a tree fit: tree alternating optimisation.

Source: Carreira-Perpinan and Tavallali, "Alternating optimization of decision
trees" (NeurIPS 2018): with the rest of the tree fixed, a split is a problem of
two classes, which side of it classifies a point right. That a hyperplane is
sharpened then, on a smooth number of errors, is ours.
"""

import warnings

import numpy as np

from dlgn_tf.tabular.trees.criteria import criterion_of
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
        labels: Integers `(n,)`, or floats of a regression.
        passes: Integer, how often each split is fitted at most.

    Returns:
        The tree, with leaves that know their points.
    """
    criterion = criterion_of(labels)
    errors = np.sum(criterion.losses(predict(root, x), labels))
    for _ in range(passes):
        root, better = _passed(root, x, labels)
        before = errors
        errors = np.sum(criterion.losses(predict(root, x), labels))
        if not better or before - errors < _LEAST_GAIN * before:
            break
    return with_counts(root, x, labels)


def with_counts(node: Node, x: np.ndarray, labels: np.ndarray) -> Node:
    """A tree whose leaves have the best label and know their points."""
    if isinstance(node, Leaf):
        return criterion_of(labels).leaf(labels, node.label)
    above = node.is_above(x)
    node.below = with_counts(node.below, x[~above], labels[~above])
    node.above = with_counts(node.above, x[above], labels[above])
    return node


def _passed(node, x, labels):
    """A tree after each split was fitted once, the lowest first."""
    if isinstance(node, Leaf):
        made = criterion_of(labels).leaf(labels, node.label)
        return made, made.label != node.label
    above = node.is_above(x)
    node.below, first = _passed(node.below, x[~above], labels[~above])
    node.above, second = _passed(node.above, x[above], labels[above])
    _tell_apart(node, labels)
    return node, _refit(node, x, labels) or first or second


def _tell_apart(node, labels):
    """Makes two leaves of one label those of the two most frequent ones."""
    ends = node.below, node.above
    if all(isinstance(end, Leaf) for end in ends):
        two = criterion_of(labels).two_labels(labels)
        if two and node.below.label == node.above.label:
            node.below.label, node.above.label = two


def _refit(node, x, labels):
    """Whether a split was moved for the better."""
    criterion = criterion_of(labels)
    below, above = (
        criterion.losses(predict(end, x), labels)
        for end in (node.below, node.above)
    )
    matters = below != above
    # What a point costs on the wrong side; of classes it is 1.
    weights = np.abs(below - above)[matters]
    side = (above < below)[matters]
    if not matters.any() or side.all() or not side.any():
        return False
    x = x[matters]
    least = np.sum(weights[node.is_above(x) != side])
    better = False
    for start in (
        (node.normal, node.offset),
        hyperplane(x, side, weights),
    ):
        for normal, offset in (start, sharpened(*start, x, side, weights)):
            errors = np.sum(weights[(x @ normal > offset) != side])
            if errors < least:
                node.normal, node.offset = normal, offset
                least, better = errors, True
    return better


def hyperplane(
    x: np.ndarray, side: np.ndarray, weights: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """Unit normal and offset of what divides points, by logistic regression.

    Args:
        x: Array `(n, inputs)`.
        side: Booleans `(n,)`, True for points above.
        weights: Array `(n,)`, what points count, or None: alike.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    scale = np.sqrt(np.mean(x**2)) or 1.0
    with warnings.catch_warnings():
        # Separable sides have no best one, and any is right.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = LogisticRegression(C=_INVERSE_PENALTY, max_iter=200).fit(
            x / scale, side, _of_mean_one(weights)
        )
    normal = fitted.coef_[0]
    length = np.linalg.norm(normal) or 1.0
    return normal / length, float(-fitted.intercept_[0] * scale / length)


def _of_mean_one(weights):
    """Weights of mean 1, or None where all are alike."""
    if weights is None or weights.min() == weights.max():
        return None
    return weights / weights.mean()


def sharpened(
    normal: np.ndarray,
    offset: float,
    x: np.ndarray,
    side: np.ndarray,
    weights: np.ndarray | None = None,
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
        weights: See `hyperplane`.
    """
    from scipy.optimize import minimize
    from scipy.special import expit

    signs = np.where(side, 1.0, -1.0)
    counted = _of_mean_one(weights)
    counted = 1.0 if counted is None else counted
    scale = np.std(x @ normal - offset) or 1.0

    def cost(plane, steepness):
        wrong = expit(-steepness * signs * (x @ plane[:-1] - plane[-1]))
        slopes = -steepness * signs * wrong * (1 - wrong) * counted
        gradient = np.append(slopes @ x, -slopes.sum())
        return (wrong * counted).mean(), gradient / len(x)

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

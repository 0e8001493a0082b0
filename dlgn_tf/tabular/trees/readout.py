"""The decision tree that one trained network computes, with nothing set.

Candidates are the half-spaces of the network's gates. What the network says
changes across a hyperplane near the root for many points, and across one that
matters in a small part of the space for few; so the tree is grown from the
root by the candidate across which most points change their class, or, three
levels above the leaves, by that one of the first of these below which the best
two levels leave least wrong. In place of the last two levels all two-level
trees of candidates are tried. Whatever is found is polished (`dlgn_tf.tabular.
trees.polish`), and what is deeper must be worth its leaves. In the end leaves
are divided, for what the network knows of only by half.

Source: the idea of reading a tree from gates is of Banerjee et al. (ICLR 2025),
who train a network a node and set the clustering by hand. This way is ours.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import threadpoolctl

from dlgn_tf.tabular import networks
from dlgn_tf.tabular.networks import Form, Weights
from dlgn_tf.tabular.trees.criteria import Classes, Numbers, criterion_of
from dlgn_tf.tabular.trees.half_spaces import HalfSpaces
from dlgn_tf.tabular.trees.polish import (
    hyperplane,
    polish,
    sharpened,
    with_counts,
)
from dlgn_tf.tabular.trees.tree import Leaf, Node, Split, leaves, predict

# Points whose mirror image across a hyperplane is asked for: the nearest.
_NEAREST = 0.2
_LEAST_POINTS = 20
# Numbers that are mirrored at once.
_MIRRORED = 2**22
# Candidates below which two levels are tried.
_AHEAD = 10
# Trees below a split are grown again where polishing moves such a share of its
# points to the other side.
_MOVED = 0.02
# Passes of polishing while it grows.
_GROWING = 2


def says(
    form: Form, weights: Weights, regression: bool = False
) -> Callable[[np.ndarray], np.ndarray]:
    """A network as a function of points `(n, inputs)`.

    The function returns classes, integers `(n,)`, where one output is that of
    two classes, above 0 the second one; of a `regression` of one target it
    returns numbers, float64 `(n,)`.
    """
    kind = weights.value[0][0].dtype

    def said(points):
        z = networks.computed(form, weights, points.astype(kind))
        if regression:
            return z.astype("float64")[:, 0]
        found = z[:, 0] > 0 if form.outputs == 1 else z.argmax(axis=1)
        return found.astype(int)

    return said


def read_out(
    classify: Callable[[np.ndarray], np.ndarray],
    spaces: HalfSpaces,
    x: np.ndarray,
    labels: np.ndarray | None = None,
) -> Node:
    """The tree of a network.

    Args:
        classify: Function of points `(n, inputs)`: the network's classes,
            integers `(n,)` from 0; of a regression its numbers, floats.
        spaces: Its half-spaces.
        x: Array `(n, inputs)`, points of the kind that the network is for.
        labels: What the points are, as `classify` has it, or None. With them
            the tree that is found is fitted to them in the end, and leaves that
            one more hyperplane sets right are divided; without them to what
            the network says.

    Returns:
        `Split` or `Leaf`.
    """
    lengths = np.linalg.norm(spaces.normals, axis=1)
    kept = lengths > 1e-6 * max(lengths.max(), 1e-300)
    normals = spaces.normals[kept] / lengths[kept, None]
    offsets = -spaces.offsets[kept] / lengths[kept]
    x = np.asarray(x, "float64")
    said = classify(x)
    with threadpoolctl.threadpool_limits(1):
        growth = _Growth(classify, normals, offsets, *_criterion(x, said))
        root = growth.tree(x, said, growth.criterion.grown_again)
        root = polish(root, x, said)
        root = _pruned(root, x, said, growth.cost)
        labels = said if labels is None else np.asarray(labels)
        _, cost = _criterion(x, labels)
        # A split that lacks one below it moves to make up for that: so leaves
        # are divided first, and once more when all has moved.
        for _ in range(2):
            root = _divided(with_counts(root, x, labels), x, labels)
            root = polish(root, x, labels)
        return polish(_pruned(root, x, labels, cost), x, labels)


def _criterion(x, labels):
    """What errors are of such labels, and what a leaf must set right.

    A hyperplane's numbers explain one point each by chance: twice as many.
    """
    criterion = criterion_of(labels)
    share = min(criterion.cost_of_leaf, 2 * (x.shape[1] + 1) / len(x))
    return criterion, share * criterion.largest(labels)


@dataclasses.dataclass
class _Growth:
    classify: Callable
    normals: np.ndarray
    offsets: np.ndarray
    criterion: Classes | Numbers
    # Of a leaf.
    cost: float

    def tree(self, x, labels, again):
        """The cheapest of a leaf, two levels, and a split with trees below.

        Where `again`, what is below a split may be grown anew.
        """
        found = [self.criterion.leaf(labels)]
        enough = len(x) >= _LEAST_POINTS and found[0].errors > self.cost
        if not enough or not len(self.normals):
            return found[0]
        shallow = _pruned(self._two_levels(x, labels), x, labels, self.cost)
        found.append(polish(shallow, x, labels, _GROWING))
        # What two levels leave wrong must be worth a deeper tree.
        if self._errors(found[1], x, labels) > 4 * self.cost:
            found.append(self._deep(x, labels, again))
        return min(found, key=lambda tree: self._price(tree, x, labels))

    def _errors(self, tree, x, labels):
        return np.sum(self.criterion.losses(predict(tree, x), labels))

    def _price(self, tree, x, labels):
        return self._errors(tree, x, labels) + self.cost * leaves(tree)

    def _deep(self, x, labels, again):
        """A split where most points change their class, and trees below."""
        best = self._best(x, labels)
        normal, offset = self.normals[best], float(self.offsets[best])
        # Only the last time with all that is below, or trees would be grown
        # twice as often with every level.
        for last in (False, True)[not again :]:
            above = x @ normal > offset
            if above.all() or not above.any():
                return self.criterion.leaf(labels)
            ends = [
                self.tree(x[part], labels[part], last and again)
                for part in (~above, above)
            ]
            split = polish(Split(normal, offset, *ends), x, labels, _GROWING)
            # What was grown on the wrong side of it is grown anew.
            if np.mean(split.is_above(x) != above) < _MOVED:
                break
            normal, offset = split.normal, split.offset
        return split

    def _best(self, x, labels):
        """The candidate to split by.

        Of those that divide most points the one below which two levels leave
        least wrong, if that is little; else what is deeper decides.
        """
        order = np.argsort(-self.changes(x, labels), kind="stable")
        ahead = order[:_AHEAD]
        left = []
        for k in ahead:
            above = x @ self.normals[k] > self.offsets[k]
            left.append(
                sum(
                    self._pairs(x[part], labels[part])[0]
                    for part in (above, ~above)
                    if part.any()
                )
            )
        least = int(np.argmin(left))
        if 2 * left[least] < self.criterion.leaf(labels).errors:
            return int(ahead[least])
        return int(order[0])

    def changes(self, x, labels):
        """Of each candidate the share of points near it that it divides.

        A point is divided from its mirror image if the network says something
        else of it; numbers as far as their squared distance.
        """
        shares = np.zeros(len(self.normals))
        count = min(len(x), max(_LEAST_POINTS, int(_NEAREST * len(x))))
        distances = x @ self.normals.T - self.offsets
        above = distances > 0
        divides = np.flatnonzero(above.any(axis=0) & ~above.all(axis=0))
        # Several at once, as a call takes as long for few points.
        size = max(1, _MIRRORED // (count * x.shape[1]))
        for first in range(0, len(divides), size):
            chosen = divides[first : first + size]
            near = np.argsort(np.abs(distances[:, chosen]), axis=0)[:count].T
            far = np.take_along_axis(distances[:, chosen].T, near, axis=1)
            mirrored = x[near] - 2 * far[..., None] * self.normals[chosen, None]
            found = self.classify(mirrored.reshape(-1, x.shape[1]))
            losses = self.criterion.losses(found, labels[near].ravel())
            shares[chosen] = losses.reshape(near.shape).mean(axis=1)
        return shares

    def _pairs(self, x, labels):
        """What the best two levels leave wrong, and which they are.

        Returns:
            Float; the first candidate; those above and below it; Booleans
            `(n, candidates)` as floats, which points are above each.
        """
        on = (x @ self.normals.T > self.offsets).astype("float32")
        every = np.ones((len(x), 1), "float32")
        alone = self.criterion.of_parts(every, every, labels).item()
        errors = []
        for side in (on, 1 - on):
            # Of each candidate, given the side of the first one.
            right = 0.0
            for of_second in (on, 1 - on):
                right += self.criterion.of_parts(side, of_second, labels)
            errors.append(-right)
        best = sum(e.min(axis=1) for e in errors)
        first = int(np.argmin(best))
        second = [int(np.argmin(e[first])) for e in errors]
        left = self.criterion.leaf(labels).errors + alone + best[first]
        return left, first, second, on

    def _two_levels(self, x, labels):
        """The best tree of two levels of candidates."""
        _, first, second, on = self._pairs(x, labels)
        above = on[:, first] > 0
        children = []
        for chosen, inside in zip(second, (above, ~above), strict=True):
            labels_in = labels[inside]
            up = on[inside, chosen] > 0
            children.append(
                Split(
                    self.normals[chosen],
                    float(self.offsets[chosen]),
                    self.criterion.leaf(labels_in[~up]),
                    self.criterion.leaf(labels_in[up]),
                )
            )
        return Split(
            self.normals[first],
            float(self.offsets[first]),
            children[1],
            children[0],
        )


def _pruned(node, x, labels, cost, otherwise=0):
    """A tree without what sets right too few points for its leaves.

    A leaf that no point reaches says what its parent would, or `otherwise`.
    """
    criterion = criterion_of(labels)
    alone = criterion.leaf(labels, otherwise)
    if isinstance(node, Leaf):
        return node if len(labels) else alone
    above = node.is_above(x)
    for name, side in (("below", ~above), ("above", above)):
        child = getattr(node, name)
        child = _pruned(child, x[side], labels[side], cost, alone.label)
        setattr(node, name, child)
    saved = alone.errors - np.sum(criterion.losses(predict(node, x), labels))
    return node if saved > cost * (leaves(node) - 1) else alone


def _divided(node, x, labels):
    """A tree whose leaves are divided where a hyperplane sets any right."""
    if isinstance(node, Split):
        above = node.is_above(x)
        node.below = _divided(node.below, x[~above], labels[~above])
        node.above = _divided(node.above, x[above], labels[above])
        return node
    criterion = criterion_of(labels)
    if len(x) < _LEAST_POINTS or not node.errors:
        return node
    side = criterion.larger(labels)
    # Numbers that are all alike have a mean with rounding.
    if side.all() or not side.any():
        return node
    plane = sharpened(*hyperplane(x, side), x, side)
    ends = [criterion.leaf(labels)] * 2
    made = with_counts(Split(*plane, *ends), x, labels)
    left = np.sum(criterion.losses(predict(made, x), labels))
    return made if left < node.errors else node

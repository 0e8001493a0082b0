"""What leaves of a tree say, classes or numbers, and what errors cost."""

from typing import Any

import numpy as np

from dlgn_tf.tabular.trees.tree import Leaf


class Classes:
    """Leaves say the majority's class, and each other point is an error.

    Attributes:
        cost_of_leaf: Float, what share of the `largest` cost a leaf more must
            save at most.
        grown_again: Boolean. Whether what is below a split is grown again where
            polishing has moved it.
    """

    cost_of_leaf, grown_again = 0.005, True

    @staticmethod
    def leaf(labels: np.ndarray, otherwise: Any = 0) -> Leaf:
        """A leaf of labels, or of another one where there is no point."""
        if not len(labels):
            return Leaf(otherwise, 0, 0)
        counts = np.bincount(labels)
        label = int(counts.argmax())
        return Leaf(label, len(labels), int(len(labels) - counts[label]))

    @staticmethod
    def losses(found: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Of each point, `(n,)`."""
        return (found != labels).astype(float)

    @staticmethod
    def largest(labels: np.ndarray) -> float:
        """What it would cost to be wrong everywhere."""
        return float(len(labels))

    @staticmethod
    def two_labels(labels: np.ndarray) -> tuple[Any, Any] | None:
        """Those of two leaves that shall differ; None where there is one."""
        counts = np.bincount(labels, minlength=2)
        first, second = np.argsort(-counts)[:2]
        return (int(first), int(second)) if counts[second] else None

    @staticmethod
    def larger(labels: np.ndarray) -> np.ndarray:
        """Which points are of the majority, Booleans `(n,)`."""
        return labels == np.bincount(labels).argmax()

    @staticmethod
    def of_parts(
        side: np.ndarray, others: np.ndarray, labels: np.ndarray
    ) -> np.ndarray:
        """What is right in the best leaf of each part of some points.

        Args:
            side: float32 array `(n, candidates)`, 1 for points in a part.
            others: The same, of the parts that it is divided into.
            labels: Integers `(n,)`.

        Returns:
            Array `(candidates, candidates)`.
        """
        counts = [
            side[labels == k].T @ others[labels == k] for k in np.unique(labels)
        ]
        return np.max(counts, axis=0)


class Numbers:
    """Leaves say the mean, and a point costs its squared distance.

    What is smooth is no tree: it would have any number of leaves, and each
    split moves.
    """

    cost_of_leaf, grown_again = 0.02, False

    @staticmethod
    def leaf(labels: np.ndarray, otherwise: Any = 0.0) -> Leaf:
        if not len(labels):
            return Leaf(float(otherwise), 0, 0.0)
        mean = float(labels.mean())
        return Leaf(mean, len(labels), float(np.sum((labels - mean) ** 2)))

    @staticmethod
    def losses(found: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return (found - labels) ** 2

    @staticmethod
    def largest(labels: np.ndarray) -> float:
        return float(np.sum((labels - labels.mean()) ** 2))

    @staticmethod
    def two_labels(labels: np.ndarray) -> None:
        """Means of different points differ by themselves."""

    @staticmethod
    def larger(labels: np.ndarray) -> np.ndarray:
        return labels > labels.mean()

    @staticmethod
    def of_parts(
        side: np.ndarray, others: np.ndarray, labels: np.ndarray
    ) -> np.ndarray:
        """Sum of the squared mean over each part: what a leaf explains."""
        sums = (side * labels.astype("float32")[:, None]).T @ others
        return sums**2 / np.maximum(side.T @ others, 1)


def criterion_of(labels: np.ndarray) -> Classes | Numbers:
    """Of labels that are integers, or numbers of a regression."""
    return Numbers() if labels.dtype.kind == "f" else Classes()

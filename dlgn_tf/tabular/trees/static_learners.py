"""Learners whose features are fixed or axis-parallel, chosen on a small grid.

Of scikit-learn; each is chosen by its accuracy on validation points.
"""

import typing
from collections.abc import Callable

from dlgn_tf.tabular.trees.data import Task


class Learner(typing.NamedTuple):
    """A learner: a function of options, and the grid of these."""

    make: Callable
    grid: tuple[dict, ...]


def _linear_svm(seed, **options):
    from sklearn.svm import LinearSVC

    return LinearSVC(random_state=seed, **options)


def _rbf_svm(seed, **options):
    del seed
    from sklearn.svm import SVC

    return SVC(cache_size=1000, **options)


def _cart(seed, **options):
    from sklearn.tree import DecisionTreeClassifier

    return DecisionTreeClassifier(random_state=seed, **options)


def _forest(seed, **options):
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(200, random_state=seed, **options)


LEARNERS = {
    "linear SVM": Learner(_linear_svm, ({"C": 1.0}, {"C": 100.0})),
    "RBF SVM": Learner(_rbf_svm, ({"C": 1.0}, {"C": 10.0})),
    "CART": Learner(_cart, ({"min_samples_leaf": 1}, {"min_samples_leaf": 20})),
    "random forest": Learner(
        _forest, ({"max_features": "sqrt"}, {"max_features": 0.5})
    ),
}


def accuracies(
    task: Task,
    names: tuple[str, ...] = tuple(LEARNERS),
    seed: int = 0,
    most: int | None = None,
) -> dict[str, float]:
    """Test accuracies in [0, 1] of learners by name.

    Args:
        task: `Task`.
        names: Of `LEARNERS`.
        seed: Integer.
        most: Integer, how many options of each grid are tried; None for all.
    """
    (x, labels), validation, test = task.parts()
    found = {}
    for name in names:
        make, grid = LEARNERS[name]
        fitted = [
            make(seed, **options).fit(x, labels) for options in grid[:most]
        ]
        best = max(fitted, key=lambda each: each.score(*validation))
        found[name] = float(best.score(*test))
    return found

"""Learners of fixed or axis-parallel features, chosen on a small grid."""

from typing import Any

from dlgn_tf.tabular.learners import Learner, compare_once
from dlgn_tf.tabular.trees.data import Task


def accuracies(
    task: Task,
    names: tuple[str, ...] | None = None,
    seed: int = 0,
    most: int | None = None,
) -> dict[str, float]:
    """Test accuracies in [0, 1] of scikit-learn's learners by name.

    Each is chosen by its accuracy on validation points.

    Args:
        task: `Task`.
        names: Of the learners below; None for all.
        seed: Integer.
        most: Integer, how many options of each grid are tried; None for all.
    """
    from sklearn import ensemble, svm, tree

    learners: dict[str, tuple[Any, str, list]] = {
        "linear SVM": (svm.LinearSVC(random_state=seed), "C", [1.0, 100.0]),
        "RBF SVM": (svm.SVC(cache_size=1000), "C", [1.0, 10.0]),
        "CART": (
            tree.DecisionTreeClassifier(random_state=seed),
            "min_samples_leaf",
            [1, 20],
        ),
        "random forest": (
            ensemble.RandomForestClassifier(200, random_state=seed),
            "max_features",
            ["sqrt", 0.5],
        ),
    }
    chosen = {
        name: Learner(learner, {option: values[:most]})
        for name, (learner, option, values) in learners.items()
        if names is None or name in names
    }
    rows = compare_once(chosen, task.parts(), standardize=False)
    return {row.learner: row.score for row in rows}

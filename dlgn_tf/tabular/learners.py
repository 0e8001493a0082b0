"""Other learners of tables, and a DLGN beside them under one protocol.

All are scikit-learn's, behind the same filling of gaps and standardisation of
columns, both learned of training rows; each has a small grid, of which rows
that it does not learn from choose.
"""

import time
import typing
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

# Names of what a DLGN is compared with, in the order of tables.
OTHERS = (
    "linear",
    "RBF SVM",
    "CART",
    "random forest",
    "gradient boosting",
    "MLP",
)


class Learner(typing.NamedTuple):
    """An estimator, and values of its options that are tried."""

    estimator: Any
    grid: dict[str, list]


class Row(typing.NamedTuple):
    """What a learner did on the test rows of a fold.

    Attributes:
        learner: String.
        fold: Integer.
        score: Float, accuracy or R^2.
        options: String, what was chosen of its grid.
        seconds: Float, of choosing and fitting.
    """

    learner: str
    fold: int
    score: float
    options: str
    seconds: float


def others(regression: bool, seed: int) -> dict[str, Learner]:
    """The `OTHERS` by name."""
    from sklearn import ensemble, linear_model, neural_network, svm, tree

    penalties = [0.1, 1.0, 10.0, 100.0]
    sizes: dict[str, list]
    leaves = {"min_samples_leaf": [1, 5, 20]}
    if regression:
        linear = Learner(linear_model.Ridge(), {"alpha": penalties})
        machine = Learner(svm.SVR(), {"C": penalties})
        boosting, sizes = "GradientBoosting", {"max_depth": [1, 3]}
    else:
        linear = Learner(
            linear_model.LogisticRegression(max_iter=1000), {"C": penalties}
        )
        machine = Learner(svm.SVC(cache_size=1000), {"C": penalties[1:]})
        boosting, sizes = "HistGradientBoosting", {"learning_rate": [0.1, 0.3]}

    def of(module, name, grid):
        kind = name + ("Regressor" if regression else "Classifier")
        return Learner(getattr(module, kind)(random_state=seed), grid)

    hidden = {"hidden_layer_sizes": [(32, 32, 32)], "max_iter": [300]}
    found = (
        linear,
        machine,
        of(tree, "DecisionTree", leaves),
        of(ensemble, "RandomForest", leaves),
        of(ensemble, boosting, sizes),
        of(neural_network, "MLP", {**hidden, "alpha": [1e-4, 1.0]}),
    )
    return dict(zip(OTHERS, found, strict=True))


def compare(
    learners: dict[str, Learner],
    x: np.ndarray,
    y: np.ndarray,
    folds: int,
    seed: int,
    shown: Callable[[int], None] = lambda count: None,
) -> list[Row]:
    """Cross-validation of all learners on the same folds.

    Args:
        learners: `Learner`s by name.
        x: Array `(n, columns)`, NaN in gaps.
        y: n labels or numbers.
        folds: Integer >= 2; within each, three choose of a grid.
        seed: Integer, from which the folds follow.
        shown: Called with how many fits of a grid are done.
    """
    from sklearn.base import is_regressor
    from sklearn.model_selection import KFold, StratifiedKFold

    kinds = {is_regressor(x.estimator) for x in learners.values()}
    kind = KFold if kinds == {True} else StratifiedKFold
    splits = kind(folds, shuffle=True, random_state=seed).split(x, y)
    rows: list[Row] = []
    for fold, parts in enumerate(splits):
        inner = kind(3, shuffle=True, random_state=seed)
        for row in _of_fold(learners, x, y, fold, parts, inner):
            rows.append(row)
            shown(len(rows))
    return rows


def compare_once(
    learners: dict[str, Learner],
    parts: tuple,
    shown: Callable[[int], None] = lambda count: None,
    standardize: bool = True,
) -> list[Row]:
    """The same on training, validation and test points that are divided.

    Args:
        learners: `Learner`s by name.
        parts: Three pairs `(x, y)`. The second chooses; what was chosen has
            learned from the first alone.
        shown: Called with how many grids are done.
        standardize: Whether learners have standardised columns.
    """
    (x, y), validation, test = parts
    rows: list[Row] = []
    for name, learner in learners.items():
        began = time.perf_counter()
        best: Any = None
        chosen, reached = {}, -np.inf
        for options in _grid(learner):
            fitted = _fitted(_scaled(learner, standardize), options, x, y)
            score = fitted.score(*validation)
            if score > reached:
                best, chosen, reached = fitted, options, score
        seconds = time.perf_counter() - began
        score = float(best.score(*test))
        rows.append(Row(name, 0, score, _said(chosen), seconds))
        shown(len(rows))
    return rows


def _of_fold(learners, x, y, fold, parts, inner):
    from sklearn.model_selection import GridSearchCV

    train, test = parts
    for name, learner in learners.items():
        began = time.perf_counter()
        grid = {f"model__{k}": v for k, v in learner.grid.items()}
        search = _fitted(
            GridSearchCV(_scaled(learner), grid, cv=inner),
            {},
            x[train],
            y[train],
        )
        seconds = time.perf_counter() - began
        score = float(search.score(x[test], y[test]))
        yield Row(name, fold, score, _said(search.best_params_), seconds)


def _scaled(learner, standardize=True):
    from sklearn.base import clone
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    return Pipeline(
        [
            ("fill", SimpleImputer(keep_empty_features=True)),
            ("scale", StandardScaler() if standardize else "passthrough"),
            ("model", clone(learner.estimator)),
        ]
    )


def _fitted(estimator, options, x, y):
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.set_params(**options).fit(x, y)


def _grid(learner):
    from sklearn.model_selection import ParameterGrid

    for options in ParameterGrid(learner.grid):
        yield {f"model__{name}": value for name, value in options.items()}


def _said(options):
    written = {k.removeprefix("model__"): v for k, v in options.items()}
    return ", ".join(f"{k}={v}" for k, v in sorted(written.items()))

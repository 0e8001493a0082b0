"""vectors.11: both estimators keep scikit-learn's contracts."""

import warnings

from sklearn.base import BaseEstimator
from sklearn.utils.estimator_checks import check_estimator

from dlgn_tf.tabular.estimators import DLGNClassifier, DLGNRegressor


class Careless(BaseEstimator):
    """An estimator that keeps no contract: it looks at nothing."""

    def fit(self, X, y=None):
        return self

    def predict(self, X):
        return [0]


def measure(rng):
    del rng  # scikit-learn's checks have their own.
    found = {
        each.__name__: _statuses(each())
        for each in (DLGNClassifier, DLGNRegressor)
    }
    return {
        "failed": {k: v.count("failed") for k, v in found.items()},
        "passed": {k: v.count("passed") for k, v in found.items()},
        "skipped": {k: v.count("skipped") for k, v in found.items()},
        "a careless estimator": {
            "failed": _statuses(Careless()).count("failed")
        },
    }


def _statuses(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(estimator, on_fail=None)
    return [result["status"] for result in results]

"""DLGNs of tables as scikit-learn estimators."""

import dataclasses
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from dlgn_tf.tabular.base import Estimator, Scale
from dlgn_tf.tabular.networks import Form, Weights
from dlgn_tf.tabular.trees import readout
from dlgn_tf.tabular.trees.tree import ObliqueTree, all_leaves

_DOCUMENTED = "".join((Estimator.__doc__ or "").partition("Args:")[1:]).rstrip()


@dataclasses.dataclass(eq=False, repr=False)
class DLGNClassifier(ClassifierMixin, Estimator):
    __doc__ = f"""A DLGN that tells classes apart, for scikit-learn.

    Two classes have one output z, whose loss is the cross-entropy of the
    logits (-z, z); more have one output each.

    Example:

    >>> classifier = DLGNClassifier(random_state=0).fit(x, y)
    >>> classifier.score(x_test, y_test)

    {_DOCUMENTED}
        classes_: Array of the labels.

    Args (further):
        class_weight: Dict from label to a number, `"balanced"` or None.
    """

    class_weight: Any = None

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None
    ) -> "DLGNClassifier":
        """Trains it.

        Args:
            X: Array or table `(n, columns)` of finite numbers.
            y: n labels of two classes or more.
            sample_weight: n numbers >= 0, how much each row counts, or None.

        Raises:
            ValueError: if X, y, sample_weight or an option is not as described.
        """
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        check_classification_targets(y)
        weights = _check_sample_weight(
            sample_weight, X, dtype="float64", ensure_non_negative=True
        )
        classes, codes = np.unique(y, return_inverse=True)
        weights = weights * compute_sample_weight(self.class_weight, y)
        if (weights < 0).any():
            raise ValueError(
                "Expected a class_weight of numbers >= 0. Received: "
                f"{self.class_weight}"
            )
        if len(np.unique(codes[weights > 0])) < 2:
            raise ValueError(
                "Expected rows of two classes or more, that count. Received: "
                "one class"
            )
        if self.warm_start and hasattr(self, "classes_"):
            if not np.array_equal(classes, self.classes_):
                raise ValueError(
                    "Expected the same classes with warm_start: "
                    f"{self.classes_}. Received: {classes}"
                )
        if len(classes) == 2:
            targets, loss = 2.0 * codes[:, None] - 1, "logistic"
        else:
            targets, loss = np.eye(len(classes))[codes], "softmax"
        self._fit(X, targets, weights, loss, codes)
        self.classes_: np.ndarray = classes
        return self

    @classmethod
    def of_network(
        cls, form: Form, weights: Weights, classes: np.ndarray
    ) -> "DLGNClassifier":
        """A classifier of a network that was trained elsewhere.

        Args:
            form: `Form`.
            weights: Its `Weights`, of rows as they are.
            classes: Array of the labels.
        """
        found = cls(
            form.family,
            form.widths,
            beta=form.beta,
            biases=form.biases,
            value_input=form.value_input,
            gating=form.gating,
            standardize=False,
        )
        found.form_, found.weights_, found.classes_ = form, weights, classes
        found.n_features_in_ = form.inputs
        found._scale = Scale.none(form.inputs)
        found._target_scale = Scale.none(form.outputs)
        return found

    def decision_function(self, X: Any) -> np.ndarray:
        """Outputs: `(n,)` of two classes, `(n, classes)` of more."""
        z = self._outputs(X)
        if z.shape[1] == 2:
            return z[:, 1] - z[:, 0]
        return z[:, 0] if z.shape[1] == 1 else z

    def tree(self, X: Any, y: Any = None) -> ObliqueTree:
        """The oblique tree that the network computes, see `trees.readout`.

        Args:
            X: Rows `(n, columns)` of the kind that it is for, such as those of
                the training.
            y: Labels `(n,)` that the tree is fitted to in the end, or None:
                the network's own.

        Raises:
            ValueError: for dgn and dnn, whose gates are no half-spaces; if a
                label is none of `classes_`.
        """
        check_is_fitted(self)
        codes = None
        if y is not None:
            y = column_or_1d(y)
            unknown = np.setdiff1d(y, self.classes_)
            if len(unknown):
                raise ValueError(
                    f"Expected labels of {list(self.classes_)}. Received: "
                    f"{unknown[0]!r}"
                )
            codes = np.searchsorted(self.classes_, y)
        says = readout.says(self.form_, self.weights_)
        return self._tree(X, says, self.classes_, codes)

    def _head(self):
        return {"loss": "logistic"} if self.form_.outputs == 1 else {}

    # Outputs of ridge regression are no logits.
    @available_if(lambda self: "npk" != self.family and self.refit != "ridge")
    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities `(n, classes)`, in the order of `classes_`.

        Where ridge regression fits the labels, as that of an npk, there are
        none.
        """
        from scipy.special import softmax

        z = self._outputs(X)
        return softmax(np.hstack([-z, z]) if z.shape[1] == 1 else z, axis=1)

    def predict(self, X: Any) -> np.ndarray:
        """Labels `(n,)`."""
        z = self._outputs(X)
        codes = z[:, 0] > 0 if z.shape[1] == 1 else z.argmax(axis=1)
        return self.classes_[codes.astype(int)]


@dataclasses.dataclass(eq=False, repr=False)
class DLGNRegressor(RegressorMixin, Estimator):
    __doc__ = f"""A DLGN of numbers by the mean squared error, for scikit-learn.

    Targets are brought to mean 0 and standard deviation 1 for the training.

    Example:

    >>> regressor = DLGNRegressor(random_state=0).fit(x, y)
    >>> regressor.score(x_test, y_test)

    {_DOCUMENTED}
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "DLGNRegressor":
        """Trains it.

        Args:
            X: Array or table `(n, columns)` of finite numbers.
            y: n numbers, or an array `(n, targets)`.
            sample_weight: n numbers >= 0, how much each row counts, or None.

        Raises:
            ValueError: if X, y, sample_weight or an option is not as described.
        """
        X, y = validate_data(
            self,
            X,
            y,
            dtype=(np.float64, np.float32),
            multi_output=True,
            y_numeric=True,
        )
        weights = _check_sample_weight(
            sample_weight, X, dtype="float64", ensure_non_negative=True
        )
        if not weights.any():
            raise ValueError(
                "Expected rows that count. Received: sample weights of 0"
            )
        targets = y.reshape(len(y), -1).astype("float64")
        self._fit(X, targets, weights, "squared")
        self._flat = y.ndim == 1
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Numbers `(n,)` or `(n, targets)`, as they were fitted."""
        z = self._outputs(X)
        mean, std = self._target_scale
        found = z * std + mean
        return found[:, 0] if self._flat else found

    def _head(self):
        return {"loss": "squared", "targets": self._target_scale}

    def tree(self, X: Any, y: Any = None) -> ObliqueTree:
        """The oblique tree that the network computes, see `trees.readout`.

        Leaves say the mean of the network's numbers; its fidelity is R^2.

        Args:
            X: Rows `(n, columns)` of the kind that it is for, such as those of
                the training.
            y: Numbers `(n,)` that the tree is fitted to in the end, or None:
                the network's own.

        Raises:
            ValueError: if there are several targets, or for dgn and dnn, whose
                gates are no half-spaces.
        """
        check_is_fitted(self)
        mean, std = self._target_scale
        if len(mean) > 1:
            raise ValueError(
                "Expected a regressor of one target, which a leaf can say. "
                f"Received: {len(mean)} targets"
            )
        if y is not None:
            y = (column_or_1d(y, dtype="float64") - mean[0]) / std[0]
        says = readout.says(self.form_, self.weights_, regression=True)
        tree = self._tree(X, says, None, y)
        for leaf in all_leaves(tree.root):
            leaf.label = leaf.label * std[0] + mean[0]
            leaf.errors = leaf.errors * std[0] ** 2
        return tree

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

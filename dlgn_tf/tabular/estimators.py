"""DLGNs of tables as scikit-learn estimators."""

import dataclasses
import typing
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    check_is_fitted,
    validate_data,
)

from dlgn_tf.command.progress import Progress
from dlgn_tf.errors import UserError
from dlgn_tf.tabular import fitting, networks, zoo
from dlgn_tf.tabular.fitting import Plan, Rows
from dlgn_tf.tabular.networks import Form, Weights
from dlgn_tf.tabular.trees.half_spaces import HalfSpaces, half_spaces

# A batch has a tenth of the rows, and no fewer than these.
_BATCHES, _LEAST_BATCH = 10, 128


class _Scale(typing.NamedTuple):
    """What is subtracted from columns, and what they are divided by."""

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def of(cls, rows, weights):
        mean = np.average(rows, axis=0, weights=weights)
        variance = np.average((rows - mean) ** 2, axis=0, weights=weights)
        # Of a constant column rounding may leave a little.
        least = (1e-12 * np.maximum(np.abs(mean), 1e-300)) ** 2
        return cls(mean, np.where(variance > least, variance, 1) ** 0.5)

    @classmethod
    def none(cls, columns):
        return cls(np.zeros(columns), np.ones(columns))

    def __call__(self, rows):
        return (rows - self.mean) / self.std


@dataclasses.dataclass(eq=False, repr=False)
class _Estimator(BaseEstimator):
    """What both estimators have in common.

    Args:
        family: `"dlgn"`, deep linear gates; `"dlgn_sf"`, each gate straight
            from the row; `"dlgn_vt"`, so too, with a free weight a path;
            `"dgn"`, gates of a ReLU network; `"dnn"`, a ReLU network.
        widths: Integers >= 1, of the hidden layers.
        beta: Float > 0, gates are sigmoid(beta q).
        biases: Boolean. Whether layers have biases: half-spaces need not
            contain the origin then.
        value_input: `"ones"`, so that nothing but gates depends on the row, or
            `"image"`: the value network sees the row.
        gating: `"shallow"` or `"composed"`, of a dlgn_vt.
        standardize: Boolean. Whether columns are brought to mean 0 and
            standard deviation 1 first.
        learning_rate: Float > 0, of Adam.
        epochs: Integer >= 1.
        batch_size: Integer >= 1, or None: a tenth of the rows, at least 128.
        l2: Float >= 0, times the sum of squared kernels is added to the loss.
        validation_share: Float in [0, 1). If not 0 so many rows are set aside,
            and the epoch that is best on them is kept.
        patience: Integer >= 1, or None: with a validation share, so many
            epochs without a better one end the training.
        warm_start: Boolean. Whether `fit` goes on from the weights of the last
            call, if they are of such a network.
        random_state: Integer, `numpy.random.RandomState` or None.
        verbose: Boolean. Whether progress is shown.

    Attributes:
        form_: `Form`.
        weights_: `Weights`, of rows that are standardised.
        loss_curve_: Array, the training loss of each epoch.
        validation_scores_: Array, accuracy or minus the squared error on
            validation rows after each epoch.
        best_epoch_: Integer, the number of the epoch that weights are of.
        n_iter_: Integer, how many epochs there were.
        n_features_in_: Integer.
        feature_names_in_: Array of strings, where rows came with names.
    """

    family: str = "dlgn"
    widths: Sequence[int] = (32, 32, 32)
    _: dataclasses.KW_ONLY
    beta: float = 4.0
    biases: bool = True
    value_input: str = "ones"
    gating: str = "shallow"
    standardize: bool = True
    learning_rate: float = 0.01
    epochs: int = 100
    batch_size: int | None = None
    l2: float = 1e-3
    validation_share: float = 0.0
    patience: int | None = None
    warm_start: bool = False
    random_state: Any = None
    verbose: bool = False

    def _check_options(self):
        whole = (int, np.integer)
        number = (int, float, np.integer, np.floating)
        for name, types, least, most in (
            ("epochs", whole, 1, np.inf),
            ("batch_size", whole, 1, np.inf),
            ("patience", whole, 1, np.inf),
            ("l2", number, 0, np.inf),
            ("validation_share", number, 0, 1),
            ("learning_rate", number, np.nextafter(0, 1), np.inf),
        ):
            value = getattr(self, name)
            if value is None and name in ("batch_size", "patience"):
                continue
            kind = isinstance(value, types) and not isinstance(value, bool)
            if not kind or not least <= value < most:
                raise ValueError(
                    f"Expected {name} to be a number in [{least:g}, {most:g})"
                    f". Received: {name}={value!r}"
                )

    def _fit(self, x, targets, weights, loss, strata=None):
        """Trains on targets `(n, outputs)`; strata are kept in proportion."""
        self._check_options()
        dtype = "float32" if x.dtype == np.float32 else "float64"
        random = check_random_state(self.random_state)
        seed = int(random.randint(2**31 - 1))
        self._scale = (
            _Scale.of(x, weights)
            if self.standardize
            else _Scale.none(x.shape[1])
        )
        rows = (self._scale(x), targets, weights)
        train, held_out = self._divided(rows, strata, seed)
        form = self._form(x.shape[1], targets.shape[1])
        start = self._start(form, seed, dtype)
        size = self.batch_size or max(_LEAST_BATCH, len(x) // _BATCHES)
        plan = Plan(
            loss,
            int(self.epochs),
            max(1, len(train[0]) // int(size)),
            self.learning_rate,
            self.l2,
            self.patience,
            seed,
        )
        name = type(self).__name__
        shown = Progress(name, 0, plan.epochs, "epoch", not self.verbose)
        fitted = fitting.fit(
            form,
            start,
            Rows.of(*train, dtype),
            plan,
            held_out and Rows.of(*held_out, dtype),
            lambda epoch, _, loss: shown.update(epoch, {"loss": loss}, True),
        )
        if not np.isfinite(fitted.loss[-1]):
            raise ValueError(
                "Expected a training whose loss stays finite. Received: "
                f"{fitted.loss[-1]} after {len(fitted.loss)} epochs; a smaller "
                f"learning_rate than {self.learning_rate} may help"
            )
        self.form_, self.weights_ = form, fitted.weights
        self.loss_curve_ = fitted.loss
        self.validation_scores_ = fitted.score
        self.best_epoch_, self.n_iter_ = fitted.epoch, len(fitted.loss)
        return self

    def _form(self, inputs, outputs):
        try:
            return Form(
                self.family,
                inputs,
                tuple(self.widths),
                outputs,
                self.beta,
                bool(self.biases),
                self.value_input,
                self.gating,
            )
        except (UserError, TypeError) as error:
            raise ValueError(str(error)) from error

    def _start(self, form, seed, dtype):
        if self.warm_start and getattr(self, "form_", None) == form:
            return Weights(
                *(
                    [tuple(a.astype(dtype) for a in layer) for layer in part]
                    for part in self.weights_
                )
            )
        return networks.initial(form, seed, dtype)

    def _divided(self, rows, strata, seed):
        """Training rows and those set aside, or None."""
        if not self.validation_share:
            return rows, None
        parts = train_test_split(
            *rows,
            test_size=self.validation_share,
            stratify=strata,
            random_state=seed,
        )
        return parts[::2], parts[1::2]

    def _outputs(self, x):
        """Array `(n, outputs)` of rows as they come."""
        check_is_fitted(self)
        x = validate_data(self, x, dtype=(np.float64, np.float32), reset=False)
        # In float64, so that a row's output is the same whoever is beside it.
        weights = Weights(
            *(
                [tuple(a.astype("float64") for a in layer) for layer in part]
                for part in self.weights_
            )
        )
        scaled = self._scale(x.astype("float64"))
        return np.asarray(networks.outputs(self.form_, weights, scaled))

    def half_spaces(self) -> HalfSpaces:
        """The half-spaces of all gates, in the units of the table.

        Raises:
            ValueError: for dgn and dnn, whose gates are no half-spaces.
        """
        check_is_fitted(self)
        try:
            spaces = half_spaces(self.form_, self.weights_)
        except UserError as error:
            raise ValueError(str(error)) from error
        normals = spaces.normals / self._scale.std
        offsets = spaces.offsets - normals @ self._scale.mean
        return spaces._replace(normals=normals, offsets=offsets)

    def to_model(self) -> Any:
        """The network as a model of the zoo, see `dlgn_tf.tabular.zoo`."""
        check_is_fitted(self)
        return zoo.as_model(self.form_, self.weights_, *self._scale)

    def _names(self):
        """Names of the columns."""
        given = getattr(self, "feature_names_in_", None)
        if given is not None:
            return [str(name) for name in given]
        return [f"x{k}" for k in range(self.n_features_in_)]


_DOCUMENTED = "".join(_Estimator.__doc__.partition("Args:")[1:]).rstrip()


@dataclasses.dataclass(eq=False, repr=False)
class DLGNClassifier(ClassifierMixin, _Estimator):
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
            ValueError: if they are no such, or an option cannot be.
        """
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        check_classification_targets(y)
        weights = _check_sample_weight(
            sample_weight, X, dtype="float64", ensure_non_negative=True
        )
        classes, codes = np.unique(y, return_inverse=True)
        if len(np.unique(codes[weights > 0])) < 2:
            raise ValueError(
                "Expected rows of two classes or more. Received: one class"
            )
        weights = weights * compute_sample_weight(self.class_weight, y)
        if self.warm_start and hasattr(self, "classes_"):
            if not np.array_equal(classes, self.classes_):
                raise ValueError(
                    "Expected the same classes with warm_start: "
                    f"{self.classes_}. Received: {classes}"
                )
        self.classes_ = classes
        if len(classes) == 2:
            return self._fit(
                X, 2.0 * codes[:, None] - 1, weights, "logistic", codes
            )
        one_hot = np.eye(len(classes))[codes]
        return self._fit(X, one_hot, weights, "softmax", codes)

    def decision_function(self, X: Any) -> np.ndarray:
        """Outputs: `(n,)` of two classes, `(n, classes)` of more."""
        z = self._outputs(X)
        return z[:, 0] if len(self.classes_) == 2 else z

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities `(n, classes)`, in the order of `classes_`."""
        from scipy.special import softmax

        z = self._outputs(X)
        return softmax(np.hstack([-z, z]) if z.shape[1] == 1 else z, axis=1)

    def predict(self, X: Any) -> np.ndarray:
        """Labels `(n,)`."""
        z = self._outputs(X)
        codes = z[:, 0] > 0 if z.shape[1] == 1 else z.argmax(axis=1)
        return self.classes_[codes.astype(int)]


@dataclasses.dataclass(eq=False, repr=False)
class DLGNRegressor(RegressorMixin, _Estimator):
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
            ValueError: if they are no such, or an option cannot be.
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
        self._flat = y.ndim == 1
        targets = y.reshape(len(y), -1).astype("float64")
        self._target_scale = _Scale.of(targets, weights)
        scaled = self._target_scale(targets)
        return self._fit(X, scaled, weights, "squared")

    def predict(self, X: Any) -> np.ndarray:
        """Numbers `(n,)` or `(n, targets)`, as they were fitted."""
        z = self._outputs(X)
        mean, std = self._target_scale
        found = z * std + mean
        return found[:, 0] if self._flat else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

"""What the scikit-learn estimators have in common."""

import contextlib
import dataclasses
import functools
import typing
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import (
    check_is_fitted,
    validate_data,
)

from dlgn_tf.command.progress import Progress
from dlgn_tf.errors import UserError
from dlgn_tf.tabular import alternating, fitting, networks, zoo
from dlgn_tf.tabular.fitting import Plan, Rows
from dlgn_tf.tabular.networks import Form
from dlgn_tf.tabular.regions import Region, regions
from dlgn_tf.tabular.trees import readout
from dlgn_tf.tabular.trees.criteria import criterion_of
from dlgn_tf.tabular.trees.half_spaces import HalfSpaces, half_spaces
from dlgn_tf.tabular.trees.tree import ObliqueTree, predict, splits

# A batch has a tenth of the rows, and no fewer than these.
_BATCHES, _LEAST_BATCH = 10, 128


class Scale(typing.NamedTuple):
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
class Estimator(BaseEstimator):
    """What both estimators have in common.

    Args:
        family: `"dlgn"`, deep linear gates; `"dlgn_sf"`, each gate straight
            from the row; `"dlgn_vt"`, so too, with a free weight for each path;
            `"npk"`, so too, with a weight for each of at most 5,000 training
            rows, which ridge regression fits every 100 epochs;
            `"dgn"`, gates of a ReLU network; `"dnn"`, a ReLU network.
        widths: Integers >= 1, of the hidden layers.
        beta: Float > 0, gates are sigmoid(beta q).
        biases: Boolean. Whether layers have biases: half-spaces need not
            contain the origin then.
        value_input: `"ones"`, so that nothing but gates depends on the row, or
            `"image"`: the value network sees the row.
        gating: `"shallow"` or `"composed"`, of a dlgn_vt and an npk.
        refit: `"ridge"` or `"l1"`: every 100 epochs the value tensor of a
            dlgn_vt is fitted exactly, by ridge regression or, of two classes,
            by logistic regression with an l1 penalty, which makes it sparse;
            None: by gradient alone.
        standardize: Boolean. Whether columns are brought to mean 0 and
            standard deviation 1 first.
        learning_rate: Float > 0, of Adam.
        epochs: Integer >= 1.
        batch_size: Integer >= 1, or None: a tenth of the rows, at least 128.
            Batches of an epoch are alike in size, so they may be larger.
        l2: Float >= 0, times the sum of squared kernels is added to the loss.
        validation_share: Float in [0, 1). If it is not 0, this share of the
            rows is set aside, and the epoch that is best on them is kept.
        patience: Integer >= 1, or None: with a validation share, training ends
            after this many epochs without a better one, which is checked every
            50 epochs.
        warm_start: Boolean. Whether `fit` goes on from the weights of the last
            call, if the network is of the same form; columns are scaled as
            they were then.
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
    refit: str | None = None
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
        form = self._form(x.shape[1], targets.shape[1])
        if self.warm_start and getattr(self, "form_", None) == form:
            start = self.weights_.astype(dtype)
            scale, target_scale = self._scale, self._of_targets
        else:
            start = networks.initial(form, seed, dtype)
            scale = _scale_if(self.standardize, x, weights)
            target_scale = _scale_if(loss == "squared", targets, weights)
        rows = (scale(x), target_scale(targets), weights)
        train, held_out = self._divided(rows, strata, seed)
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
        fit = self._fitting_function(loss)
        with _value_errors():
            fitted = fit(
                form,
                start,
                Rows.of(*train, dtype),
                plan,
                validation=held_out and Rows.of(*held_out, dtype),
                watch=lambda k, _, loss: shown.update(k, {"loss": loss}, True),
            )
        if not np.isfinite(fitted.loss[-1]):
            raise ValueError(
                "Expected a training whose loss stays finite. Received: "
                f"{fitted.loss[-1]} after {len(fitted.loss)} epochs; a smaller "
                f"learning_rate than {self.learning_rate} may help"
            )
        self._scale, self._target_scale = scale, target_scale
        self.form_, self.weights_ = form, fitted.weights
        self.loss_curve_ = fitted.loss
        self.validation_scores_ = fitted.score
        self.best_epoch_, self.n_iter_ = fitted.epoch, len(fitted.loss)
        return self

    def _form(self, inputs, outputs):
        with _value_errors(TypeError):
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

    def _fitting_function(self, loss):
        """`fitting.fit`, or what also fits exactly what is linear."""
        refits = {
            "npk": {None: alternating.ridge_alpha},
            "dlgn_vt": {None: None, **alternating.TENSOR_FITS},
        }.get(self.family, {None: None})
        if loss != "logistic":
            refits.pop("l1", None)
        if self.refit not in refits:
            raise ValueError(
                f"Expected refit to be one of {tuple(refits)} with "
                f"family={self.family!r} and the {loss} loss. Received: "
                f"refit={self.refit!r}"
            )
        refit = refits[self.refit]
        if refit is None:
            return fitting.fit
        return functools.partial(alternating.fit, refit=refit)

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
        if not min(np.sum(part) for part in parts[-2:]) > 0:
            raise ValueError(
                "Expected rows that count on both sides of validation_share. "
                f"Received: weights of {np.sum(parts[-2]):g} for training and "
                f"of {np.sum(parts[-1]):g} for validation"
            )
        return parts[::2], parts[1::2]

    @property
    def _of_targets(self):
        # A classifier that was pickled by an earlier version has none.
        plain = Scale.none(self.form_.outputs)
        return getattr(self, "_target_scale", plain)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "weights_")

    def _outputs(self, x):
        """Array `(n, outputs)` of rows as they come."""
        check_is_fitted(self)
        x = validate_data(self, x, dtype=(np.float64, np.float32), reset=False)
        return self._of_scaled(self._scale(x.astype("float64")))

    def _of_scaled(self, rows):
        # In float64, so that a row's output is the same whoever is beside it.
        weights = self.weights_.astype("float64")
        return networks.computed(self.form_, weights, rows)

    def regions(self, X: Any, most: int | None = None) -> list[Region]:
        """Regions that rows lie in, with local linear models of the outputs.

        In the units of the table and, of a `DLGNRegressor`, of its targets, see
        `dlgn_tf.tabular.regions.Region`.

        Args:
            X: Rows `(n, columns)`.
            most: Integer >= 1, how many are returned; None for all.

        Raises:
            ValueError: if `most` is less than 1.
        """
        check_is_fitted(self)
        if most is not None and most < 1:
            raise ValueError(f"Expected most >= 1. Received: most={most}")
        X = validate_data(self, X, dtype="float64", reset=False)
        scale, target = self._scale, self._of_targets
        return [
            region._replace(
                centre=region.centre * scale.std + scale.mean,
                outputs=region.outputs * target.std + target.mean,
                slopes=region.slopes * target.std / scale.std[:, None],
            )
            for region in regions(self.form_, self.weights_, scale(X), most)
        ]

    def half_spaces(self) -> HalfSpaces:
        """The half-spaces of all gates, in the units of the table.

        Raises:
            ValueError: for dgn and dnn, whose gates are no half-spaces.
        """
        check_is_fitted(self)
        with _value_errors():
            spaces = half_spaces(self.form_, self.weights_)
        normals = spaces.normals / self._scale.std
        offsets = spaces.offsets - normals @ self._scale.mean
        return spaces._replace(normals=normals, offsets=offsets)

    def _tree(self, rows, says, classes, labels):
        """The `ObliqueTree` of what the network says of rows."""
        spaces = self.half_spaces()
        rows = validate_data(self, rows, dtype="float64", reset=False)
        if labels is not None:
            check_consistent_length(rows, labels)
        # Where columns are alike in size, so are distances and penalties.
        mean, std = self._scale
        x = self._scale(rows)
        root = readout.read_out(says, spaces.standardized(mean, std), x, labels)
        said = says(x)
        criterion = criterion_of(said)
        wrong = np.sum(criterion.losses(predict(root, x), said))
        all_wrong = criterion.largest(said)
        fidelity = float((all_wrong - wrong) / all_wrong) if all_wrong else 1.0
        for split in splits(root):
            split.normal = split.normal / std
            split.offset = float(split.offset + split.normal @ mean)
        return ObliqueTree(
            root, classes, self.column_names, fidelity, rows.std(axis=0)
        )

    def to_model(self) -> Any:
        """The network as a model of the zoo, see `dlgn_tf.tabular.zoo`.

        It has a logit for each class, of a regression numbers as fitted.

        Raises:
            ValueError: if the zoo has no such network.
        """
        check_is_fitted(self)
        with _value_errors():
            return zoo.as_model(
                self.form_, self.weights_, *self._scale, **self._head()
            )

    @property
    def column_names(self) -> list[str]:
        """Names of the columns, those that rows came with or x0, x1, ..."""
        check_is_fitted(self)
        given = getattr(self, "feature_names_in_", None)
        if given is not None:
            return [str(name) for name in given]
        return [f"x{k}" for k in range(self.n_features_in_)]


def _scale_if(wanted, columns, weights):
    """The `Scale` of columns, or the one that changes nothing."""
    if wanted:
        return Scale.of(columns, weights)
    return Scale.none(columns.shape[1])


@contextlib.contextmanager
def _value_errors(*others):
    """What is wrong is told by scikit-learn's kind of error."""
    try:
        yield
    except (UserError, *others) as error:
        raise ValueError(str(error)) from error

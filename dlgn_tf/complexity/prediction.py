"""Accuracy and loss of networks, predicted from their feature components.

The numbers of a network are the reliable and the unreliable share of each of
its components: rho_reli and rho_unreli of orders 4, 7, 13 and 25 in the paper.

Source: the complexity paper (arXiv 2006.15920), its experiment 6.
"""

import dataclasses
import math
import os
import pathlib

import numpy as np
from numpy import ndarray as Array
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import LeaveOneOut, ShuffleSplit, cross_val_predict

from dlgn_tf.errors import UserError
from dlgn_tf.output import elsewhere

# Figures of the paper's authors for 25 networks on CIFAR-10, beside a checkout
# of this project where somebody has put them.
AUTHORS_FILE = (
    pathlib.Path(__file__)
    .parents[3]
    .joinpath("shared", "specs", "complexity_exp6_authors.csv")
)


_KINDS = ("reli", "unreli")
_DELIMITERS = (",", ";", "\t")


@dataclasses.dataclass(frozen=True, eq=False)
class Networks:
    """What is known of some trained networks.

    Attributes:
        names: Of the networks.
        accuracies: In percent, on the test images, `(networks,)`.
        losses: Cross-entropies on the test images, `(networks,)`.
        orders: From low to high.
        descriptors: `(networks, 2 * orders)`: the reliable and the unreliable
            share of each order's component in turn.
        significances: `(networks, orders)`, the share of each component.
    """

    names: list[str]
    accuracies: Array
    losses: Array
    orders: tuple[int, ...]
    descriptors: Array
    significances: Array


def columns(orders):
    """Names of the columns of a table of networks, besides `model`."""
    shares = [f"rho_c_{order}" for order in orders]
    measured = ["n_train", "test_acc", "test_loss"]
    return [*measured, *descriptor_names(orders), *shares]


def descriptor_names(orders):
    """Names of the descriptors of `Networks`, in their order."""
    return [f"rho_{kind}_{order}" for order in orders for kind in _KINDS]


def read_networks(path: str | os.PathLike) -> Networks:
    """Reads a table of networks, a CSV file.

    It has the columns `model`, `n_train`, `test_acc` (percent), `test_loss`,
    and for each order l `rho_reli_l`, `rho_unreli_l` and `rho_c_l`; others are
    passed over. Orders are those that `rho_reli_l` is there of. Fields are
    separated by commas, or by semicolons or tabs; then numbers may have decimal
    commas.

    Raises:
        UserError: if there is no such file, or a column or number is missing
            or not finite.
    """
    try:
        rows = elsewhere.read_csv(path, _DELIMITERS)
        if not rows:
            raise ValueError("no networks")
        orders = _orders(rows[0])
        numbers = {
            name: np.array([_number(row, name) for row in rows])
            for name in columns(orders)
        }
        names = [f"{row['model']}-{row['n_train']}" for row in rows]
    except (OSError, LookupError, ValueError) as error:
        raise UserError(
            "Expected a CSV file with numbers of networks in the columns "
            "n_train, test_acc, test_loss, and rho_reli_L, rho_unreli_L and "
            f"rho_c_L for orders L. Received: {path}, "
            + (getattr(error, "strerror", None) or repr(error))
        ) from error
    header = columns(orders)
    by_order = 3 + len(_KINDS) * len(orders)
    return Networks(
        names,
        numbers["test_acc"],
        numbers["test_loss"],
        orders,
        np.stack([numbers[name] for name in header[3:by_order]], axis=1),
        np.stack([numbers[name] for name in header[by_order:]], axis=1),
    )


def _number(row, name):
    number = float(row[name])
    if not math.isfinite(number):
        raise ValueError(f"{name} of {row['model']}-{row['n_train']}: {number}")
    return number


def _orders(row):
    start = "rho_reli_"
    orders = [int(name[len(start) :]) for name in row if name.startswith(start)]
    if not orders:
        raise ValueError(f"no column {start}L")
    return tuple(sorted(orders))


def fit(descriptors: Array, targets: Array) -> LinearRegression:
    """Fits by ordinary least squares.

    Descriptors and targets are those of `errors`. `coef_` and `intercept_` of
    what is returned are the weights, `predict` applies them to descriptors.

    Raises:
        UserError: if so few networks do not fix the weights.
    """
    numbers = np.shape(descriptors)[1]
    if len(targets) <= numbers:
        raise UserError(
            f"Expected more than {numbers} networks, to fix {numbers} weights "
            f"and an intercept. Received: {len(targets)}"
        )
    return LinearRegression().fit(descriptors, targets)


def fits_in_turn(descriptors: Array, targets: Array) -> list[LinearRegression]:
    """A `fit` without each network in turn.

    How far their weights lie apart says how little they may be interpreted:
    those of descriptors that go together are not fixed by the networks.
    """
    x, y = np.asarray(descriptors, float), np.asarray(targets, float)
    return [fit(x[kept], y[kept]) for kept, _ in LeaveOneOut().split(x)]


@dataclasses.dataclass(frozen=True)
class Errors:
    """How far linear predictions are off.

    Attributes:
        test: Mean absolute error on networks left out, the mean over splits.
        train: The same on the networks that were fitted.
        mean: That of predicting the mean of the networks that were fitted.
        shuffled: As `test`, after the targets were shuffled among networks.
        leave_one_out: Mean absolute error where each is left out in turn.
        r2: Coefficient of determination of the fit to all networks.
        rmse: Root of the mean squared error of that fit.
    """

    test: float
    train: float
    mean: float
    shuffled: float
    leave_one_out: float
    r2: float
    rmse: float


def errors(
    descriptors: Array,
    targets: Array,
    test_size: int = 5,
    repeats: int = 1000,
    seed: int = 0,
) -> Errors:
    """Fits by ordinary least squares, and what networks left out say of it.

    Args:
        descriptors: `(networks, numbers)`.
        targets: `(networks,)`, such as accuracies.
        test_size: Networks left out of each random split; the paper leaves out
            5 of 25.
        repeats: Random splits; the paper has 1,000.
        seed: From which the splits and the shuffling follow.

    Raises:
        UserError: if so few networks do not fix a fit.
    """
    if len(targets) - test_size <= np.shape(descriptors)[1]:
        raise UserError(
            f"Expected more than {np.shape(descriptors)[1] + test_size} "
            "networks, so that those that are not left out fix the weights. "
            f"Received: {len(targets)}"
        )
    x, y = np.asarray(descriptors, float), np.asarray(targets, float)
    splits = ShuffleSplit(repeats, test_size=test_size, random_state=seed)
    # Shuffled anew for every split, so that it is not one draw of luck.
    rng = np.random.default_rng(seed)
    test, train, mean, shuffled = np.mean(
        [
            _split_errors(x, y, fitted, left_out, rng)
            for fitted, left_out in splits.split(x)
        ],
        axis=0,
    )
    whole = LinearRegression().fit(x, y)
    left_out = cross_val_predict(LinearRegression(), x, y, cv=LeaveOneOut())
    return Errors(
        float(test),
        float(train),
        float(mean),
        float(shuffled),
        leave_one_out=float(mean_absolute_error(y, left_out)),
        r2=float(whole.score(x, y)),
        rmse=float(np.sqrt(np.mean((whole.predict(x) - y) ** 2))),
    )


def _split_errors(x, y, fitted, left_out, rng):
    """Mean absolute errors of a split: test, train, mean, shuffled."""
    right = LinearRegression().fit(x[fitted], y[fitted])
    residuals = y - right.predict(x)
    other = rng.permutation(y)
    wrong = LinearRegression().fit(x[fitted], other[fitted])
    of_wrong = other[left_out] - wrong.predict(x[left_out])
    of_mean = y[left_out] - y[fitted].mean()
    errors_of = residuals[left_out], residuals[fitted], of_mean, of_wrong
    return [np.abs(each).mean() for each in errors_of]


@dataclasses.dataclass(frozen=True, eq=False)
class Plane:
    """Targets over the first two principal components of the descriptors.

    Attributes:
        scores: `(networks, 2)`.
        kept: Share of the variance of either component, `(2,)`.
        slopes: `(2,)`.
        intercept: Height where both scores are 0.
        r2: Coefficient of determination of the plane.
    """

    scores: Array
    kept: Array
    slopes: Array
    intercept: float
    r2: float

    def at(self, scores):
        """The plane's height over points `(..., 2)`."""
        return np.asarray(scores) @ self.slopes + self.intercept


def plane(descriptors: Array, targets: Array) -> Plane:
    """Fits a plane over two principal components, centred and not scaled.

    Descriptors and targets are those of `errors`.
    """
    components = PCA(2)
    scores = components.fit_transform(np.asarray(descriptors, float))
    over = LinearRegression().fit(scores, targets)
    return Plane(
        scores,
        components.explained_variance_ratio_,
        over.coef_,
        float(over.intercept_),
        float(over.score(scores, targets)),
    )

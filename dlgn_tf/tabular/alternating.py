"""Fits what is linear given the gates exactly, between gradient steps.

A dlgn_vt is linear in its value tensor, and the NPK machine

    f(x) = sum_n alpha_n prod_l <g_l(x), g_l(x_n)> / m_l

in alpha. Source: Yadav et al. (arXiv 2404.04312); Banerjee et al. (ICLR 2025),
who refit a value tensor every 100 epochs by logistic regression with an l1
penalty, C = 0.03, without an intercept, on twice the path features.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from dlgn_tf.errors import UserError
from dlgn_tf.tabular import fitting, networks
from dlgn_tf.tabular.fitting import Fitted, Plan, Rows
from dlgn_tf.tabular.networks import Form, Weights

PUBLISHED_C = 0.03
RIDGE = 1e-3
# Epochs between two fits.
EVERY = 100
# Of a machine, whose kernel has a row and a column of each.
MOST_POINTS = 5000
Refit = Callable[[Form, Weights, Rows], Weights]


def path_features(form: Form, weights: Weights, x: np.ndarray) -> np.ndarray:
    """Of each path the product of its gates, `(n, paths)`.

    Paths are in the order of a value tensor's entries.
    """
    made = networks.gates(form, weights.gating, np.asarray(x))
    features = np.ones((len(x), 1), np.asarray(made[0]).dtype)
    for gate in made:
        features = features[:, :, None] * np.asarray(gate)[:, None]
        features = features.reshape(len(x), -1)
    return features


def l1_logistic(
    form: Form, weights: Weights, train: Rows, c: float = PUBLISHED_C
) -> Weights:
    """A dlgn_vt whose tensor is that of l1 logistic regression.

    Args:
        form: `Form` of one output.
        weights: Its `Weights`.
        train: Rows of +-1.
        c: Float > 0, inverse strength of the penalty.

    Raises:
        UserError: if the network is another one.
    """
    from sklearn.linear_model import LogisticRegression

    _check(form, "dlgn_vt")
    if form.outputs != 1:
        raise UserError(
            "Expected one output, of two classes, with logistic regression. "
            f"Received: {form.outputs}"
        )
    features = path_features(form, weights, train.x)
    fitted = LogisticRegression(
        C=c,
        l1_ratio=1.0,
        solver="liblinear",
        fit_intercept=False,
        random_state=0,
    ).fit(2 * features, train.y[:, 0] > 0, train.weights)
    return _with_tensor(form, weights, fitted.coef_.T)


def ridge_tensor(
    form: Form, weights: Weights, train: Rows, ridge: float = RIDGE
) -> Weights:
    """A dlgn_vt whose tensor is that of ridge regression, in closed form.

    The mean squared error plus `ridge` times the squared tensor is least.
    """
    _check(form, "dlgn_vt")
    features = path_features(form, weights, train.x).astype("float64")
    weighted = features * (train.weights / len(features))[:, None]
    moments = features.T @ weighted + ridge * np.eye(features.shape[1])
    tensor = np.linalg.solve(moments, weighted.T @ train.y)
    return _with_tensor(form, weights, tensor)


def ridge_alpha(
    form: Form, weights: Weights, train: Rows, ridge: float = RIDGE
) -> Weights:
    """An NPK machine of all rows: kernel ridge regression, in closed form.

    alpha = (H + ridge n)^-1 y, H the neural path kernel of the gates; rows that
    count differently are scaled by the square roots of their weights.

    Raises:
        UserError: if there are more than `MOST_POINTS` rows.
    """
    _check(form, "npk")
    check_rows(len(train.x))
    made = networks.gates(form, weights.gating, train.x)
    kernel = np.asarray(networks.path_kernel(made, made), "float64")
    roots = np.sqrt(train.weights.astype("float64"))[:, None]
    penalized = roots * kernel * roots.T
    penalized += ridge * len(kernel) * np.eye(len(kernel))
    alpha = roots * np.linalg.solve(penalized, roots * train.y)
    return with_alpha(weights, train.x, alpha)


# Names of what may fit the value tensor of a dlgn_vt.
TENSOR_FITS = {"ridge": ridge_tensor, "l1": l1_logistic}


def check_rows(count: int) -> None:
    """Raises a `UserError` if there are too many rows for an NPK machine."""
    if count > MOST_POINTS:
        raise UserError(
            f"Expected at most {MOST_POINTS:,} rows for an NPK machine, whose "
            f"kernel has an entry a pair. Received: {count:,}"
        )


def with_alpha(weights: Weights, x: np.ndarray, alpha: np.ndarray) -> Weights:
    """An NPK machine of points `(n, inputs)` and weights `(n, outputs)`."""
    kind = weights.gating[0][0].dtype
    return weights._replace(value=[(x.astype(kind), alpha.astype(kind))])


def fit(
    form: Form,
    weights: Weights,
    train: Rows,
    plan: Plan,
    refit: Refit,
    every: int = EVERY,
    validation: Rows | None = None,
    watch: Callable[[int, Weights, float], None] | None = None,
) -> Fitted:
    """Trains gates by gradient, and refits what is linear again and again.

    Args:
        form: `Form` of a dlgn_vt or an npk.
        weights: `Weights` that it starts from.
        train: Rows.
        plan: `Plan`; its epochs are divided into pieces.
        refit: `l1_logistic`, `ridge_tensor`, `ridge_alpha` or another function
            like these; called first, after each piece, and in the end.
        every: Integer >= 1, epochs of a piece.
        validation: Rows that choose the epoch within each piece, and among
            the fits after each, or None.
        watch: See `fitting.fit`; of the weights before the next fit.

    Returns:
        `Fitted`: losses and scores of all pieces; weights are those of the
        last fit or, with validation rows, of the best one.
    """
    losses, scores, done = [], [], 0
    best, best_score, best_epoch = weights, -np.inf, 0
    weights = refit(form, weights, train)
    while done < plan.epochs and done - best_epoch < (plan.patience or np.inf):
        epochs = min(every, plan.epochs - done)
        piece = dataclasses.replace(
            plan, epochs=epochs, seed=plan.seed + done, patience=None
        )
        found = fitting.fit(
            form,
            weights,
            train,
            piece,
            validation,
            watch and functools.partial(_later, watch, done),
        )
        weights = refit(form, found.weights, train)
        losses.append(found.loss)
        scores.append(found.score)
        reached_at = done + found.epoch
        done += len(found.loss)
        reached = np.inf
        if validation:
            reached = fitting.score(form, weights, validation, plan.loss)
        if not validation or reached > best_score:
            best, best_score, best_epoch = weights, reached, reached_at
        if not np.isfinite(found.loss[-1]):
            break
    return Fitted(
        best, np.concatenate(losses), np.concatenate(scores), best_epoch
    )


def _later(watch, done, epoch, weights, loss):
    watch(done + epoch, weights, loss)


def _check(form, family):
    if form.family != family:
        raise UserError(
            f"Expected a network of family {family}. Received: {form.family}"
        )


def _with_tensor(form, weights, tensor):
    kind = weights.gating[0][0].dtype
    shaped = tensor.reshape(*form.widths, form.outputs).astype(kind)
    return weights._replace(value=[(shaped,)])

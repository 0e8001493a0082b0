"""Retrains the last layer of a network."""

import keras
import numpy as np
from numpy import ndarray as Array

from dlgn_tf.errors import UserError, check_choice
from dlgn_tf.rainbow.learned_layers import LayeredNetwork, copy_of
from dlgn_tf.rainbow.moments import in_batches


def retrain_head(
    model: keras.Model,
    images: Array,
    labels: Array,
    method: str = "ridge",
    penalty: float = 1.0,
) -> keras.Model:
    """Fits the classifier anew to the features of a network that stays.

    Args:
        model: See `LayeredNetwork`; its classifier is a dense layer. It stays
            as it is.
        images: Array `(samples, ...)`.
        labels: Integer array `(samples,)`; every class must be there.
        method: `"ridge"`, least squares on one-hot labels, or `"logistic"`,
            multinomial logistic regression; both of scikit-learn.
        penalty: Float > 0, weight of the squared norm in units of the mean
            variance of a feature (assumed).

    Returns:
        A new `keras.Model`.

    Raises:
        UserError: if there is no such method or the network does not end in a
            dense layer, or a class is missing.
    """
    check_choice("method", method, _FIT)
    network = LayeredNetwork(copy_of(model))
    head = network[network.classifier]
    classes = head.neurons
    present = np.unique(labels)
    if not np.array_equal(present, np.arange(classes)):
        raise UserError(
            f"Expected labels of all {classes} classes to fit a head to. "
            f"Received: {len(present)} of them"
        )
    features = _features(network, head, images).astype(np.float64)
    # In units of it a penalty means the same for features of any scale.
    unit = np.sqrt(features.var(axis=0).mean()) or 1.0
    kernel, bias = _FIT[method](
        features / unit,
        np.asarray(labels),
        classes,
        penalty,
        head.bias is not None,
    )
    head.layer.kernel.assign(kernel.T / unit)
    if head.bias is not None:
        head.layer.bias.assign(bias)
    return network.model


def _features(network, head, images):
    if type(head.layer).__name__ != "Dense":
        raise UserError(
            "Expected a network that ends in a dense layer. Received: "
            f"{head.label}, a {type(head.layer).__name__}"
        )
    # Flattened as the layer itself sees them.
    return np.concatenate(
        [
            network.read(batch, [head])[0].reshape(len(batch), -1)
            for batch in in_batches(images)
        ]
    )


def _ridge(features, labels, classes, penalty, biased):
    from sklearn.linear_model import Ridge

    # Targets of -1 and 1, as scikit-learn's classifier has them.
    targets = 2.0 * np.eye(classes)[labels] - 1
    fitted = Ridge(alpha=penalty, fit_intercept=biased)
    fitted.fit(features, targets)
    return fitted.coef_, fitted.intercept_


def _logistic(features, labels, classes, penalty, biased):
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(
        C=1 / penalty, fit_intercept=biased, max_iter=1000
    )
    fitted.fit(features, labels)
    if classes == 2:
        zero = np.zeros_like(fitted.coef_)
        return (
            np.concatenate([zero, fitted.coef_]),
            np.concatenate([[0.0], fitted.intercept_]),
        )
    return fitted.coef_, fitted.intercept_


_FIT = {"ridge": _ridge, "logistic": _logistic}

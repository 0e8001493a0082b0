"""Random path features, and what is learned from them: linear in the images."""

import math
import typing
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array

from dlgn_tf import factorizations
from dlgn_tf.command.memory import GIB, check_memory
from dlgn_tf.command.progress import Progress
from dlgn_tf.dual.image_arrays import ImageArrays
from dlgn_tf.dual.kernel_learning import (
    RIDGES,
    Fit,
    check_labels,
    class_targets,
)
from dlgn_tf.dual.value_draws import ValueDraws
from dlgn_tf.dual.value_graph import plan_of
from dlgn_tf.errors import UserError
from dlgn_tf.models.classifier import single_networks
from dlgn_tf.models.images import check_images
from dlgn_tf.models.orthogonal import folded

if typing.TYPE_CHECKING:
    from dlgn_tf.models.classifier import ImageClassifier

# Images whose gates are held together, at most.
_BATCH = 500


def path_features(
    model: "ImageClassifier",
    images: Array,
    draws: int = 32,
    seed: int = 0,
    *,
    biases: bool = False,
    memory_gib: float = 1.0,
    progress: bool = False,
) -> Array:
    """Features whose inner products are the neural path kernel, on average.

    Value networks of random independent weights, +sigma or -sigma, with the
    gates of the model: of each what enters its last dense layer (its logits
    where the network ends in something else). The mean of their inner products
    over draws is the kernel of `neural_path_kernel`, from which they are apart
    as draws^(-1/2), whatever the number of images.

    Source: the DLGN paper (arXiv 2110.03403), Assumption 2.1, whose random
    value networks have the kernel as covariance; random features are those of
    Rahimi and Recht (NIPS 2007).

    Args:
        model: `GatedNetwork` or `ReLUNetwork`, see `neural_path_kernel`.
        images: Array `(n, height, width, channels)` with pixels in [0, 255].
        draws: Integer >= 1, how many networks.
        seed: Integer >= 0. All weights follow from it; those of the first
            networks are the same for any number of draws, and for other images.
        biases: See `neural_path_kernel`.
        memory_gib: Float > 0. Bound on the features and what is held besides.
        progress: Boolean. Whether to show it.

    Returns:
        float32 array `(n, draws * units)`.

    Raises:
        UserError: as `neural_path_kernel`, or if `draws` is none.
    """
    single_networks(model)
    check_images(model, images)
    whole = isinstance(draws, int | np.integer) and not isinstance(draws, bool)
    if not whole or draws < 1:
        raise UserError(
            f"Expected draws >= 1, an integer. Received: draws={draws}"
        )
    model, images = folded(model), np.asarray(images)
    plan = plan_of(model, biases=biases)
    networks = ValueDraws(model, plan, biases)
    of_images = ImageArrays(model, plan.inputs, plan.choices)
    count, units = len(images), networks.units
    held = 4 * count * draws * units
    # Of an image gates, as floats too, and tensors on their way.
    each = 4 * 4 * sum(map(math.prod, plan.shapes.values()))
    check_memory(held + each, memory_gib, f"Features of {count} images")
    batch = max(1, min(_BATCH, int((memory_gib * GIB - held) // each)))
    features = np.empty((count, draws, units), "float32")
    batches = range(0, count, batch)
    show = Progress(
        "path features", 0, len(batches) * draws, "draw", silent=not progress
    )
    for position, first in enumerate(batches):
        part = slice(first, first + batch)
        (arrays,) = of_images([images[part]], memory_gib)
        tensors = networks.taken(arrays)
        for number in range(draws):
            networks.draw(seed, number)
            features[part, number] = networks(tensors)
            show.update(position * draws + number + 1)
    features /= np.sqrt(draws)
    return features.reshape(count, -1)


def feature_regression(
    features: Array,
    labels: Array,
    test_features: Array,
    test_labels: Array,
    classes: int,
    ridges: Sequence[float] = RIDGES,
    *,
    memory_gib: float = 1.0,
) -> Fit:
    """Ridge regression, one-vs-rest, on features of images.

    It is `kernel_learning.ridge_regression` with the kernel of the features,
    but for how the ridge is chosen: by the squared errors of every image left
    out, in closed form, at a cost that is linear in the images where there are
    more of them than features.

    Args:
        features: `(n, units)`.
        labels: Integer array `(n,)`.
        test_features: `(m, units)`.
        test_labels: Integer array `(m,)`.
        classes: Integer.
        ridges: Floats > 0, in units of the mean squared length of a feature
            vector.
        memory_gib: Float > 0. Bound on the features and what is held besides.

    Raises:
        UserError: if labels do not fit, all features are 0, or the memory does
            not suffice.
    """
    check_labels(labels, classes)
    check_memory(
        _regression_bytes(features, test_features),
        memory_gib,
        f"Regression on {features.shape[1]:,} features of {len(features):,} "
        "images",
    )
    values, basis = _principal(features)
    # The trace is that of the squared lengths.
    scale = float(np.sum(values) / len(features))
    if not scale > 0:
        raise UserError("Expected features that are not 0. Received: zeros")
    targets = class_targets(labels, classes)
    moments, errors = 0.0, np.zeros(len(ridges))
    for part in _parts(features):
        moments = moments + (features[part] @ basis).T @ targets[part]
    # Of several that are equal the larger ridge.
    ridges = sorted(ridges, reverse=True)
    inverses = [1 / (values + scale * ridge) for ridge in ridges]
    for part in _parts(features):
        projected = features[part] @ basis
        for k, inverse in enumerate(inverses):
            fitted = (projected * inverse) @ moments
            own = np.square(projected) @ inverse
            left_out = (targets[part] - fitted) / (1 - own)[:, None]
            errors[k] += np.sum(np.square(left_out))
    best = int(np.argmin(errors))
    weights = basis @ (inverses[best][:, None] * moments)
    predictions = np.concatenate(
        [(test_features[x] @ weights).argmax(-1) for x in _parts(test_features)]
    )
    accuracy = float(np.mean(predictions == np.asarray(test_labels)))
    return Fit(predictions, accuracy, ridges[best])


def _principal(features):
    """Eigenvalues of the features' moments and their directions, float64.

    As many as there are features, or images if they are fewer.
    """
    count, units = features.shape
    if units <= count:
        gram: Array = np.zeros((units, units))
        for part in _parts(features):
            some = _float64(features[part])
            gram += some.T @ some
        return factorizations.eigh(gram)
    whole = _float64(features)
    values, vectors = factorizations.eigh(whole @ whole.T)
    # What rounding leaves of 0 has no direction.
    kept = values > values[-1] * count * np.finfo("float64").eps
    return values[kept], whole.T @ (vectors[:, kept] / np.sqrt(values[kept]))


def _parts(features):
    count = len(features)
    return [slice(k, k + _BATCH) for k in range(0, count, _BATCH)]


def _float64(array):
    return np.asarray(array, "float64")


def _regression_bytes(features, test_features):
    """Features, moments and what eigenvectors take; both as float64 if few."""
    count, units = features.shape
    side = min(count, units)
    held = features.nbytes + test_features.nbytes
    copies = 2 * 8 * count * units if units > count else 0
    return held + copies + 8 * (4 * side**2 + 2 * _BATCH * units)

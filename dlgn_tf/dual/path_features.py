"""Random path features, and what is learned from them: linear in the images."""

import math
import typing
import warnings
from collections.abc import Sequence

import numpy as np
from numpy import ndarray as Array

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
    if draws != int(draws) or draws < 1:
        raise UserError(f"Expected draws >= 1. Received: draws={draws}")
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
        for number in range(draws):
            networks.draw(seed, number)
            features[part, number] = networks(arrays)
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
) -> Fit:
    """Ridge regression, one-vs-rest, on features of images.

    It is `kernel_learning.ridge_regression` with the kernel of the features,
    but for how the ridge is chosen: by the errors of every image left out, and
    at a cost that is linear in the images.

    Args:
        features: `(n, units)`.
        labels: Integer array `(n,)`.
        test_features: `(m, units)`.
        test_labels: Integer array `(m,)`.
        classes: Integer.
        ridges: Floats > 0, in units of the mean squared length of a feature
            vector.

    Raises:
        UserError: if labels do not fit, or all features are 0.
    """
    from sklearn.linear_model import RidgeCV

    check_labels(labels, classes)
    scale = float(np.mean(np.square(features).sum(axis=1)))
    if not scale > 0:
        raise UserError("Expected features that are not 0. Received: zeros")
    targets = class_targets(labels, classes)
    alphas = [scale * ridge for ridge in ridges]
    model = RidgeCV(alphas, fit_intercept=False)
    with warnings.catch_warnings():
        # A ridge so small that rounding shows loses the choice.
        warnings.simplefilter("ignore")
        model.fit(features, targets)
    predictions = model.predict(test_features).argmax(-1)
    accuracy = float(np.mean(predictions == np.asarray(test_labels)))
    return Fit(predictions, accuracy, float(model.alpha_) / scale)

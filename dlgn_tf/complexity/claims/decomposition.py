"""complexity.2 and complexity.3: sums of components, shares of variance."""

import numpy as np

from dlgn_tf.claims.check import by_figure
from dlgn_tf.complexity import disentangler as nets
from dlgn_tf.complexity.components import Components, Significance
from dlgn_tf.complexity.covariance import PartCovariance
from dlgn_tf.complexity.effectiveness import coalition_losses, cross_entropy
from dlgn_tf.complexity.features import feature_of
from dlgn_tf.complexity.ladder import Ladder
from dlgn_tf.complexity.synthetic import shapes
from dlgn_tf.complexity.teachers import create_teacher

ORDERS, IMAGES, SIDE = (4, 7, 13), 64, 8
NETWORKS = (
    ("resnet20_dnn", "value"),
    ("resnet20_dgn", "value"),
    ("resnet20_dlgn", "value"),
    ("resnet20_dlgn", "gating"),
)
# Standard deviations of the planted parts.
PLANTED = np.array([2.0, 1.0, 0.5, 0.7])
CORRELATION = 0.5


def random_study(rng, name="resnet20_dnn", network="value"):
    """A network of random weights and nets of all orders beside it.

    Returns:
        `(feature, ladder, images)`.
    """
    seed = int(rng.integers(2**31))
    images = shapes(IMAGES, seed, SIDE)
    model = create_teacher(name, images, seed=seed, depth=8, width=4)
    feature = feature_of(model, network=network)
    made = {
        order: nets.disentangler(
            order, feature.shape, feature.image_shape, 1 / 32, seed=seed + order
        )
        for order in ORDERS
    }
    return feature, Ladder(made), images


def measure_sums(rng):
    cases = {
        f"{name} {network}": _sums(*random_study(rng, name, network))
        for name, network in NETWORKS
    }
    return by_figure(cases)


def _sums(feature, ladder, images):
    f = feature.trunk(images.images)
    # As large as half of f: nets that were not trained are not.
    outputs = {
        order: output * (0.5 * f.std() / output.std())
        for order, output in ladder.outputs(images.images).items()
    }
    components = Components.of(f, outputs)
    losses = coalition_losses(feature, components, images.images, images.labels)
    logits = feature.head(f, images.images)
    loss = cross_entropy(logits, images.labels).mean()
    full = len(losses) - 1
    without = [losses[full ^ (1 << k)] for k in range(len(ORDERS))]
    sum_error = np.abs(components.feature() - f).max() / np.abs(f).max()
    return {
        "max |sum - f| / max |f|": sum_error,
        "|loss of all - the network's|": abs(losses[full] - loss),
        "|loss without one - the network's|": np.abs(without - loss),
    }


def measure_planted(rng, images=20_000, size=48):
    scales = PLANTED[:, None, None]
    parts = scales * rng.normal(size=(len(PLANTED), images, size))
    expected = PLANTED[:-1] ** 2 / np.sum(PLANTED**2)
    independent = _significance(parts)
    changed = _significance(3.7 * parts + rng.normal(size=(4, 1, size)) * 50)
    mixed = parts.copy()
    mixed[1] = CORRELATION * parts[0] + parts[1]
    correlated = _significance(mixed)
    covariance = CORRELATION * PLANTED[0] ** 2
    whole = np.sum(PLANTED**2) + (CORRELATION**2 + 2 * CORRELATION) * (
        PLANTED[0] ** 2
    )
    planted_gap = 2 * covariance / whole
    return {
        "relative error of shares": np.abs(
            independent.significance / expected - 1
        ),
        "|gap|": abs(independent.gap),
        "|gap - planted|": abs(correlated.gap - planted_gap),
        "change of shares": np.abs(
            changed.significance - independent.significance
        ),
        "gap of correlated parts": correlated.gap,
        "planted": planted_gap,
    }


def _significance(parts):
    """Of parts that come in uneven batches, the last one the remainder."""
    stream, images = PartCovariance(len(parts)), parts.shape[1]
    first = 0
    for last in (7, images // 3, images):
        stream.add(parts[:, first:last])
        first = last
    orders = tuple(nets.order_of(m + 1) for m in range(len(parts) - 1))
    return Significance(orders, stream.matrix(), stream.count)

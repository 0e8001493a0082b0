"""dlgn.4: the gating network of a DLGN is affine in the image."""

import numpy as np

from dlgn_tf.claims.small_networks import (
    RESNET110,
    VGG16,
    SmallNetwork,
    floating_point,
    leave_initial_point,
    listed,
)

C4GAP = SmallNetwork("c4gap", width=8)
_MAX_POOLING = SmallNetwork(
    "vgg16", options={"pooling": "max"}, image_shape=VGG16.image_shape
)
# Beyond [0, 1] too: an affine map goes on past the two images.
_COEFFICIENTS = (-1.5, 0.25, 0.5, 3.0)


def measure(rng):
    affine = {
        f"{network} dlgn": deviation(create(network, "dlgn", rng), rng)
        for network in (C4GAP, VGG16, RESNET110)
    }
    controls = {
        f"{network} dgn": deviation(create(network, "dgn", rng), rng)
        for network in (C4GAP, VGG16)
    }
    controls["vgg16 dlgn, max pooling"] = deviation(
        create(_MAX_POOLING, "dlgn", rng), rng
    )
    return {
        "affine": affine,
        "DGNs or max pooling": controls,
        "networks": listed((C4GAP, VGG16, RESNET110)),
    }


def create(network, family, rng):
    """A model in float64 with batch normalisations in general position."""
    with floating_point("float64"):
        model = network.create(family, rng, mean=0.5, std=0.25)
    leave_initial_point(model.gating_network, rng)
    return model


def deviation(model, rng, pairs=2):
    """How far from affine the worst gate site is, relative to its variation.

    max |q(a x + (1 - a) x') - a q(x) - (1 - a) q(x')| / max |q(x) - q(x')|,
    over pairs of images and coefficients a.
    """
    shape = (pairs, *model.image_shape)
    first, second = rng.uniform(0, 255, shape), rng.uniform(0, 255, shape)
    mixed = [a * first + (1 - a) * second for a in _COEFFICIENTS]
    sites = model.preactivations(np.concatenate([first, second, *mixed]))
    deviations = [_deviation(np.asarray(q), pairs) for q in sites.values()]
    return float(np.max(deviations))


def _deviation(q, pairs):
    first, second, *mixed = np.split(q, len(q) // pairs)
    differences = [
        found - a * first - (1 - a) * second
        for a, found in zip(_COEFFICIENTS, mixed, strict=True)
    ]
    return np.abs(differences).max() / np.abs(first - second).max()

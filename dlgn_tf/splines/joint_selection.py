"""What trained units select of real patches: each by itself, and all jointly.

The units are the filters of a layer, at one place or at two neighbouring places
of an image, whose patches overlap. Joint inference enumerates all regions of
all units, so there are 16 units at most.

Source: the SMASO paper (arXiv 1810.09274), equations 10 and 11, Theorem 4 and
Corollary 1.
"""

from collections.abc import Sequence

import keras
import numpy as np
from numpy import ndarray as Array
from numpy.random import Generator

from dlgn_tf.data.sources import load
from dlgn_tf.splines import digits_network, gram, network_prior, parameters
from dlgn_tf.splines.factorial import FactorialMixture
from dlgn_tf.splines.maso import MASO

MOST_UNITS = 16
PATCHES = 150
PLACES = (1, 2)


def studies(seeds: Sequence[int]) -> list[dict]:
    """Rows of `study`, of each of `digits_network.KINDS` with each seed."""
    return [
        row
        for kind in digits_network.KINDS
        for seed in seeds
        for row in study(kind, seed)
    ]


def study(kind: str, seed: int) -> list[dict]:
    """Trains a network of `digits_network.KINDS` and compares its layers.

    Returns:
        Dicts of `kind`, `seed`, `accuracy` and what `compare` returns, of each
        layer that can be orthogonal and each number of places.
    """
    network = digits_network.create_kind(kind, seed)
    accuracy = digits_network.train(network, seed)
    _, test = load("digits")
    images = digits_network.normalized(test)
    rng = np.random.default_rng(seed)
    rows = []
    for name, (filters, bias) in network_prior.network_filters(network).items():
        layer = network.get_layer(name)
        if layer is network.layers[-1] or len(filters) > filters.shape[1]:
            continue
        entering = keras.Model(network.inputs, layer.input)
        maps = np.asarray(entering.predict(images, verbose=0), "float64")
        size = layer.kernel.shape[:2]
        for places in PLACES:
            units = min(len(filters), MOST_UNITS // places)
            chosen = filters[:units], bias[:units], size
            found = compare(*chosen, maps, places, rng)
            run = {"kind": kind, "seed": seed, "accuracy": accuracy}
            rows.append({**run, "layer": name, **found})
    return rows


def compare(
    filters: Array,
    bias: Array,
    size: tuple[int, int],
    maps: Array,
    places: int,
    rng: Generator,
) -> dict:
    """Compares joint and per-unit selections of ReLU filters on patches.

    Args:
        filters: Array `(filters, height * width * channels)`, orthogonal ones
            as those in effect.
        bias: Array `(filters,)`.
        size: Height and width of a filter.
        maps: Array `(images, rows, columns, channels)` that the layer sees.
            Around it there are zeros, as with padding `"same"`.
        places: Integer, of how many neighbouring columns the filters' units
            are taken at once.
        rng: Draws images and places.

    Returns:
        Dict of `places` and `units`; of `agreement`, the share of patches of
        which the units select what is jointly most likely; of `units_agreeing`,
        the share of units that do; of `nats`, the mean by which the joint
        choice is likelier in log; and of `cosine`, the largest |cosine| of
        means of different units.
    """
    shape = (size[0], size[1] + places - 1, maps.shape[-1])
    kernel = filters.T.reshape(*size, maps.shape[-1], len(filters))
    affine = parameters.convolution(kernel, bias, shape)
    x = _patches(maps, size, shape, rng)
    # What is orthogonal to all means tells nothing of the units.
    directions, _ = np.linalg.qr(affine.slopes[:, 0].T)
    affine = MASO(affine.slopes @ directions, affine.offsets)
    layer = parameters.activated(affine, parameters.slopes_of("relu"))
    model, x = FactorialMixture.of(layer), x @ directions
    log_posterior = model.joint_log_posterior(x)
    joint = model.configurations()[np.argmax(log_posterior, axis=1)]
    alone = np.argmax(layer.scores(x), axis=-1)
    index = alone @ 2 ** np.arange(layer.units)[::-1]
    lost = log_posterior.max(axis=1) - log_posterior[np.arange(len(x)), index]
    cosines = gram.off_diagonal(gram.cosines(affine.slopes[:, 0]))
    return {
        "places": places,
        "units": layer.units,
        "agreement": float(np.mean(np.all(joint == alone, axis=1))),
        "units_agreeing": float(np.mean(joint == alone)),
        "nats": float(lost.mean()),
        "cosine": float(cosines.max()),
    }


def _patches(maps, size, shape, rng):
    """`(PATCHES, inputs)`, drawn from maps padded for filters of a size."""
    height, width, _ = shape
    margins = [((side - 1) // 2, side // 2) for side in size]
    padded = np.pad(maps, ((0, 0), *margins, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(
        padded, (height, width), axis=(1, 2)
    )
    images, rows, columns = (
        rng.integers(count, size=PATCHES) for count in windows.shape[:3]
    )
    drawn = np.moveaxis(windows[images, rows, columns], 1, -1)
    return drawn.reshape(PATCHES, -1)

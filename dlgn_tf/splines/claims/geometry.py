"""smaso.2 and smaso.3: cells of a MASO as k-means, power diagram and MAP."""

import numpy as np
from scipy import spatial

from dlgn_tf.splines import factorial, mixture, parameters, power_diagram
from dlgn_tf.splines.maso import MASO

POINTS = 10_000
VARIANCES = (0.1, 1.0, 10.0)


def measure_cells(rng):
    centroids = rng.normal(size=(16, 3))
    x = 2 * rng.normal(size=(POINTS, 3))
    _, nearest = spatial.cKDTree(centroids).query(x)

    def of_unit(offsets):
        return MASO(centroids[None], offsets[None])

    kmeans = of_unit(power_diagram.kmeans_offsets(centroids))
    biased = of_unit(rng.normal(size=16))
    return {
        "agreement": {
            "nearest centroid": _agreement(_regions(kmeans, x)[:, 0], nearest),
            "power diagram": _agreement(
                _regions(biased, x)[:, 0],
                power_diagram.PowerDiagram.of_unit(biased, 0).cell(x),
            ),
            "layer": _layer_agreement(rng),
        },
        "without the bias": _agreement(
            _regions(of_unit(np.zeros(16)), x)[:, 0], nearest
        ),
        "without the radii": _agreement(_regions(biased, x)[:, 0], nearest),
        "points": POINTS,
        "regions": 16,
    }


def _layer_agreement(rng):
    """The cell of a whole layer against its units' regions."""
    x = rng.normal(size=(1000, 3))
    maso = parameters.activated(
        parameters.dense(rng.normal(size=(3, 6)), rng.normal(size=6)),
        parameters.slopes_of("leaky"),
    )
    chosen = factorial.configurations(maso.units, maso.regions)
    cells = power_diagram.layer_diagram(maso, chosen).cell(x)
    return _agreement(chosen[cells], _regions(maso, x))


def measure_map(rng):
    agreements, others = {}, {}
    x = 2 * rng.normal(size=(POINTS, 5))
    for variance in VARIANCES:
        means = rng.normal(size=(8, 4, 5))
        prior = rng.dirichlet(np.ones(4), size=8)
        offsets = mixture.offsets_of_prior(means, prior, variance)
        constants = rng.normal(size=(8, 1))
        regions = _regions(MASO(means, offsets + constants), x)
        given = mixture.RegionMixture(means, prior, variance)
        back = mixture.RegionMixture.of(MASO(means, offsets), variance)
        # The same offsets read as those of another noise.
        other = mixture.RegionMixture(means, prior, variance * 10)
        label = f"variance {variance:g}"
        agreements[label] = [
            _agreement(regions, found.most_likely(x)) for found in (given, back)
        ]
        others[label] = _agreement(regions, other.most_likely(x))
    return {
        "agreement": agreements,
        "prior read at ten times the variance": others,
        "points": POINTS,
        "units": 8,
    }


def _regions(maso, x):
    return np.argmax(maso.scores(x), axis=-1)


def _agreement(found, expected):
    return float(np.mean(found == expected))

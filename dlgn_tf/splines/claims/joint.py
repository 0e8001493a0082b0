"""smaso.9 and smaso.10: inference of all units at once and one by one."""

import time

import numpy as np
import threadpoolctl
from scipy import stats

from dlgn_tf.claims.check import by_figure
from dlgn_tf.splines import parameters
from dlgn_tf.splines.factorial import FactorialMixture

POINTS = 300
UNITS, INPUTS = 8, 16


def measure(rng):
    found = {"orthogonal": {}, "others": {}}
    for activation in ("relu", "abs"):
        for kind, weights in WEIGHTS.items():
            layer = dense_layer(weights(rng), activation, rng)
            group = "orthogonal" if kind == "orthogonal" else "others"
            found[group][f"{kind}, {activation}"] = infer(layer, rng)
    for group, stride in (("orthogonal", 2), ("others", 1)):
        layer = convolution_layer(stride, rng)
        # 2^18 configurations for stride 1: no table of all posteriors.
        found[group][f"conv stride {stride}, relu"] = infer(
            layer, rng, posteriors=stride == 2
        )
    by_group = {group: by_figure(cases) for group, cases in found.items()}
    return {**by_figure(by_group), "draws": POINTS}


def orthogonal(rng, units=UNITS, inputs=INPUTS):
    """Orthogonal rows of norms between 0.5 and 3."""
    rows = stats.ortho_group.rvs(inputs, random_state=rng)[:units]
    return rows * rng.uniform(0.5, 3, size=(units, 1))


def gaussian(rng):
    """Independent Gaussian rows of norm about 1.5."""
    return rng.normal(size=(UNITS, INPUTS)) * 1.5 / np.sqrt(INPUTS)


def common(rng):
    """Rows around one direction, cosines about 0.9."""
    direction = rng.normal(size=INPUTS)
    direction /= np.linalg.norm(direction)
    noise = rng.normal(size=(UNITS, INPUTS)) / (3 * np.sqrt(INPUTS))
    return 1.5 * (direction + noise)


WEIGHTS = {"orthogonal": orthogonal, "Gaussian": gaussian, "common": common}


def dense_layer(rows, activation, rng):
    affine = parameters.dense(rows.T, rng.normal(size=len(rows)))
    return parameters.activated(affine, parameters.slopes_of(activation))


def convolution_layer(stride, rng):
    """Two orthogonal 2x2 filters on a 4x4 image."""
    kernel = orthogonal(rng, 2, 4).T.reshape(2, 2, 1, 2)
    affine = parameters.convolution(
        kernel, rng.normal(size=2), (4, 4, 1), (stride, stride)
    )
    return parameters.activated(affine, parameters.slopes_of("relu"))


def infer(layer, rng, posteriors=True):
    """Compares joint and per-unit inference on points of the model of a `MASO`.

    Returns:
        Dict of the share of points at which both choose the same regions of
        all units; max |p(all regions | x) - product of marginals| and max
        |marginal - what the unit says by itself|, None without posteriors; and
        max |inner product| of means of different units.
    """
    model = FactorialMixture.of(layer)
    x, _ = model.sample(rng, POINTS)
    # The layer's own hard selection, not the mixture's.
    selected = np.argmax(layer.scores(x), axis=-1)
    agreement = np.mean(np.all(model.joint_map(x) == selected, axis=1))
    joint_gap = marginal_gap = None
    if posteriors:
        joint_gap, marginal_gap = _posterior_gaps(model, layer, x)
    return {
        "agreement": float(agreement),
        "|joint - product|": joint_gap,
        "|marginal - unit's own|": marginal_gap,
        "interaction": model.interaction(),
    }


def _posterior_gaps(model, layer, x):
    joint = np.exp(model.joint_log_posterior(x))
    marginals = model.marginals(joint)
    chosen = model.configurations()
    units = np.arange(chosen.shape[1])
    product = marginals[:, units, chosen].prod(axis=-1)
    soft = layer.select(x, 0.5)
    return (
        float(np.abs(joint - product).max()),
        float(np.abs(marginals - soft).max()),
    )


TIMED_UNITS = (8, 10, 12, 14, 16)


def measure_runtime(rng):
    seconds = {"one by one": {}, "enumeration": {}}
    for units in (*TIMED_UNITS, 64, 128, 256, 512):
        model = _model(units, rng)
        x = rng.normal(size=(100, model.means.shape[-1]))
        seconds["one by one"][units] = _best_time(model.per_unit_map, x)
        if units in TIMED_UNITS:
            seconds["enumeration"][units] = _best_time(model.joint_map, x)
    return {
        "log2 seconds of enumeration per unit": slope(
            seconds["enumeration"], lambda k: k
        ),
        "power of the units, one by one": slope(
            seconds["one by one"], np.log2, least=64
        ),
        "seconds": seconds,
        "points": 100,
    }


def slope(seconds, of_units, least=0):
    """Of log2 seconds against a function of the number of units."""
    units = np.array([k for k in seconds if k >= least])
    logarithms = np.log2([seconds[k] for k in units])
    return float(np.polyfit(of_units(units), logarithms, 1)[0])


def _model(units, rng):
    # As many inputs at every size, so that only the units grow.
    affine = parameters.dense(rng.normal(size=(32, units)))
    slopes = parameters.slopes_of("relu")
    return FactorialMixture.of(parameters.activated(affine, slopes))


def _best_time(function, x):
    """CPU seconds on one thread, which other processes do not add to."""
    times = []
    with threadpoolctl.threadpool_limits(1):
        for _ in range(5):
            began = time.process_time()
            function(x)
            times.append(time.process_time() - began)
    return min(times)

"""smaso.9 and smaso.10: inference of all units at once and one by one."""

import dataclasses
import time

import numpy as np
import threadpoolctl
from scipy import stats

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.splines import parameters
from dlgn_tf.splines.factorial import FactorialMixture
from dlgn_tf.splines.mixture import RegionMixture

POINTS = 300
FACTORISES = 1e-12
VIOLATED = 0.7
UNITS, INPUTS = 8, 16


@dataclasses.dataclass(frozen=True)
class Inference:
    """Joint inference beside inference unit by unit.

    Attributes:
        agreement: Share of points at which both choose the same regions of all
            units.
        joint_minus_product: max |p(all regions | x) - product of marginals|;
            None if not computed.
        marginal_minus_unit: max |marginal - what the unit says by itself|.
        interaction: max |inner product| of means of different units.
    """

    agreement: float
    joint_minus_product: float | None
    marginal_minus_unit: float | None
    interaction: float


def measure(rng):
    found = {}
    for activation in ("relu", "abs"):
        for kind, weights in WEIGHTS.items():
            layer = dense_layer(weights(rng), activation, rng)
            found[f"{kind}, {activation}"] = infer(layer, rng)
    for stride in (2, 1):
        layer = convolution_layer(stride, rng)
        label = f"conv stride {stride}, relu"
        # 2^18 configurations for stride 1: no table of all posteriors.
        found[label] = infer(layer, rng, posteriors=stride == 2)
    shown = ", ".join(f"{k} {v.agreement:.2f}" for k, v in found.items())
    orthogonal = [v for k, v in found.items() if is_orthogonal(k)]
    gap = max(v.joint_minus_product for v in orthogonal)
    others = max(
        v.joint_minus_product or 0
        for k, v in found.items()
        if not is_orthogonal(k)
    )
    return Measurement(
        holds=verdict(found),
        measured=(
            f"joint MAP is the units' own, of {POINTS} draws: {shown}; joint "
            f"minus product {gap:.1g} if orthogonal, up to {others:.2g} if not"
        ),
        values={k: dataclasses.asdict(v) for k, v in found.items()},
    )


def is_orthogonal(label):
    return label.startswith(("orthogonal", "conv stride 2"))


def verdict(found):
    """Whether the claim holds.

    Args:
        found: Dict from label to `Inference`.
    """
    for label, inference in found.items():
        if not is_orthogonal(label):
            if not inference.agreement < VIOLATED:
                return False
        elif not (
            inference.agreement == 1
            and inference.joint_minus_product < FACTORISES
            and inference.marginal_minus_unit < FACTORISES
        ):
            return False
    return True


def orthogonal(rng):
    """Orthogonal rows of norms between 0.5 and 3."""
    rows = stats.ortho_group.rvs(INPUTS, random_state=rng)[:UNITS]
    return rows * rng.uniform(0.5, 3, size=(UNITS, 1))


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
    rows = stats.ortho_group.rvs(4, random_state=rng)[:2]
    rows = rows * rng.uniform(0.5, 3, size=(2, 1))
    kernel = rows.T.reshape(2, 2, 1, 2)
    affine = parameters.convolution(
        kernel, rng.normal(size=2), (4, 4, 1), (stride, stride)
    )
    return parameters.activated(affine, parameters.slopes_of("relu"))


def infer(layer, rng, posteriors=True):
    """Compares joint and per-unit inference on points of the model.

    Args:
        layer: `MASO`.
        rng: `numpy.random.Generator`.
        posteriors: Boolean. Whether posteriors are compared too, not only the
            most likely regions.
    """
    unit_mixture = RegionMixture.of(layer)
    model = FactorialMixture(unit_mixture.means, unit_mixture.prior)
    x, _ = model.sample(rng, POINTS)
    # The layer's own hard selection, not the mixture's.
    selected = np.argmax(layer.scores(x), axis=-1)
    agreement = np.mean(np.all(model.joint_map(x) == selected, axis=1))
    joint_gap = marginal_gap = None
    if posteriors:
        joint_gap, marginal_gap = _posterior_gaps(model, layer, x)
    return Inference(
        float(agreement), joint_gap, marginal_gap, model.interaction()
    )


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
    seconds = {"per unit": {}, "enumeration": {}}
    for units in (*TIMED_UNITS, 64, 128, 256, 512):
        model = _model(units, rng)
        x = rng.normal(size=(100, model.means.shape[-1]))
        seconds["per unit"][units] = _best_time(model.per_unit_map, x)
        if units in TIMED_UNITS:
            seconds["enumeration"][units] = _best_time(model.joint_map, x)
    slopes = {
        "per unit": slope(seconds["per unit"], np.log2, least=64),
        "enumeration": slope(seconds["enumeration"], lambda k: k),
    }
    return Measurement(
        holds=runtime_verdict(slopes),
        measured=(
            f"100 points, one thread: log2 seconds of enumeration grow by "
            f"{slopes['enumeration']:.2f} a unit (K = 8 to 16: "
            f"{seconds['enumeration'][8] * 1e3:.2g} to "
            f"{seconds['enumeration'][16] * 1e3:.2g} ms); seconds per unit as "
            f"K^{slopes['per unit']:.2f} (K = 64 to 512: "
            f"{seconds['per unit'][64] * 1e3:.2g} to "
            f"{seconds['per unit'][512] * 1e3:.2g} ms)"
        ),
        values={"seconds": seconds, "slopes": slopes},
    )


def runtime_verdict(slopes):
    """Exponential is log2 slope about 1 a unit; linear is power about 1."""
    return (
        0.7 <= slopes["enumeration"] <= 1.5 and 0.5 <= slopes["per unit"] <= 1.5
    )


def slope(seconds, of_units, least=0):
    """Of log2 seconds against a function of the number of units."""
    units = np.array([k for k in seconds if k >= least])
    logarithms = np.log2([seconds[k] for k in units])
    return float(np.polyfit(of_units(units), logarithms, 1)[0])


def _model(units, rng):
    # As many inputs at every size, so that only the units grow.
    affine = parameters.dense(rng.normal(size=(32, units)))
    layer = parameters.activated(affine, parameters.slopes_of("relu"))
    mixture = RegionMixture.of(layer)
    return FactorialMixture(mixture.means, mixture.prior)


def _best_time(function, x, repeats=5):
    """CPU seconds on one thread, which other processes do not add to."""
    times = []
    with threadpoolctl.threadpool_limits(1):
        for _ in range(repeats):
            began = time.process_time()
            function(x)
            times.append(time.process_time() - began)
    return min(times)

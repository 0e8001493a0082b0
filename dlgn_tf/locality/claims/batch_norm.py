"""tian.2 and tian.5: energy balance, and batch norm as a projection."""

import numpy as np

from dlgn_tf import factorizations
from dlgn_tf.claims.registry import Measurement
from dlgn_tf.layers import BatchNorm
from dlgn_tf.locality import autodiff_jacobian
from dlgn_tf.locality import energy_balance
from dlgn_tf.locality import energy_descent
from dlgn_tf.locality import projection
from dlgn_tf.locality.worlds import GRAPHS
from dlgn_tf.locality.worlds import World

IDENTITY_TOLERANCE = 1e-10
PRODUCT_TOLERANCE = 1e-6
LARGEST_DRIFT = 2e-3
LEAST_RATIO = 20
TOLERANCES = {"float32": 1e-5, "float64": 1e-10}
SUM_TOLERANCE = 1e-6
EPSILONS = (0.0, 1e-3, 0.1)
SEEDS = 5
ENTRIES, NODES = 16, 3


def measure_energy(rng):
    errors = [
        energy_balance.balance_errors(
            world.network, world.passes(), world.teacher.probabilities
        )
        for graph in GRAPHS
        for world in (World.draw(graph, rng) for _ in range(SEEDS))
    ]
    seed = int(rng.integers(2**31))
    with_norm, without = (
        energy_descent.descend(np.random.default_rng(seed), batch_norm)
        for batch_norm in (True, False)
    )
    figures = {
        "identity": float(np.max(errors)),
        "product": float(np.abs(with_norm.products).max()),
        "product_without": float(np.abs(without.products).max()),
        "drift": float(with_norm.drifts.max()),
        "drift_without": float(without.drifts.max()),
    }
    return Measurement(
        holds=energy_holds(figures),
        measured=(
            f"identities {figures['identity']:.1e}; |E[f g]| "
            f"{figures['product']:.1e} with, {figures['product_without']:.2g} "
            f"without batch normalisation; largest drift of a node "
            f"{figures['drift']:.3%} and {figures['drift_without']:.2%}; "
            f"{energy_descent.NODES} nodes"
        ),
        values=figures,
    )


def energy_holds(figures):
    """Whether claim 2 holds; see `measure_energy`."""
    return (
        figures["identity"] < IDENTITY_TOLERANCE
        and figures["product"] < PRODUCT_TOLERANCE
        and figures["drift"] < LARGEST_DRIFT
        and figures["drift_without"] > LEAST_RATIO * figures["drift"]
    )


def measure_projection(rng):
    cases = {
        f"{dtype}, {kind}, eps {epsilon:g}": layer_case(
            rng, shape, dtype, epsilon
        )
        for dtype in TOLERANCES
        for kind, shape in (
            ("rank 4", (2, 2, ENTRIES // 4, NODES)),
            ("rank 2", (ENTRIES, NODES)),
        )
        for epsilon in EPSILONS
    }
    worst = {
        dtype: max(
            case["difference"]
            for name, case in cases.items()
            if name.startswith(dtype)
        )
        for dtype in TOLERANCES
    }
    sums = max(case["sum"] for case in cases.values())
    ideal = min(case["ideal"] for case in cases.values() if case["epsilon"])
    return Measurement(
        holds=all(projection_holds(case) for case in cases.values()),
        measured=(
            f"|autodiff - projector| {worst['float32']:.1e} in float32 (the "
            f"fused kernel included), {worst['float64']:.1e} in float64, at "
            f"least {ideal:.1e} where the projector leaves eps > 0 out; "
            f"|1^T g| {sums:.1e}; f^T g at most "
            f"{max(case['along_f'] for case in cases.values()):.2f} eps / v; "
            f"{NODES} nodes, {ENTRIES} entries, eps {EPSILONS}"
        ),
        values=cases,
    )


def layer_case(rng, shape, dtype, epsilon):
    """Compares one layer with the projector, entry by entry.

    Args:
        rng: `numpy.random.Generator`.
        shape: Tuple, of `ENTRIES` places and `NODES` channels.
        dtype: String.
        epsilon: Float.

    Returns:
        Dict of figures and of what `projection_holds` needs.
    """
    layer = BatchNorm(epsilon=epsilon, dtype=dtype)
    layer.build((None, *shape[1:]))
    layer.gamma.assign(rng.uniform(0.5, 1.5, shape[-1]))
    inputs = rng.normal(size=shape).astype(dtype)
    flat = inputs.astype(np.float64).reshape(-1, shape[-1])
    found = autodiff_jacobian.layer_jacobians(layer, inputs)
    scales = np.asarray(layer.gamma, np.float64)
    expected, ideal = (
        np.array(
            [
                projection.jacobian(f, scale, added)
                for f, scale in zip(flat.T, scales, strict=True)
            ]
        )
        for added in (epsilon, 0.0)
    )
    upstream = rng.normal(size=shape)
    upstream /= np.sqrt(np.sum(upstream**2, axis=tuple(range(len(shape) - 1))))
    g, _, _ = autodiff_jacobian.layer_gradients(layer, inputs, upstream)
    g = g.reshape(flat.shape)
    along = [
        _along_f(
            f, g[:, j], upstream.reshape(flat.shape)[:, j], scales[j], epsilon
        )
        for j, f in enumerate(flat.T)
    ]
    # Above the rounding of J, below its least singular value, about eps.
    rounding = 1e-5 if dtype == "float32" else 1e-9
    ranks = [
        int(np.sum(factorizations.singular_values(J) > rounding)) for J in found
    ]
    return {
        "dtype": dtype,
        "epsilon": epsilon,
        "difference": float(np.abs(found - expected).max()),
        "ideal": float(np.abs(found - ideal).max()),
        # Of upstream gradients of norm 1: each output's, and a drawn one.
        "sum": float(max(np.abs(found.sum(axis=2)).max(), abs(g.sum(0)).max())),
        # In units of eps / v; at eps = 0, the product itself.
        "along_f": max(along) if epsilon else 0.0,
        "along_f_at_0": 0.0 if epsilon else max(along),
        "asymmetry": float(np.abs(found - found.transpose(0, 2, 1)).max()),
        "ranks": ranks,
    }


def _along_f(f, g, upstream, scale, epsilon):
    """|f_hat^T g| relative to what enters, over eps / v where that is > 0."""
    centred, variance = f - f.mean(), f.var()
    size = np.linalg.norm(centred) * np.linalg.norm(upstream)
    relative = abs(f @ g) / (scale / np.sqrt(variance + epsilon) * size)
    return float(relative / (epsilon / variance) if epsilon else relative)


def projection_holds(case):
    """Whether one layer is the projector; `case` is that of `layer_case`."""
    tolerance = TOLERANCES[case["dtype"]]
    rank = ENTRIES - (1 if case["epsilon"] else 2)
    return (
        case["difference"] < tolerance
        and case["asymmetry"] < tolerance
        and (case["ideal"] > tolerance or not case["epsilon"])
        and case["sum"] < SUM_TOLERANCE
        and case["along_f"] <= 1
        and case["along_f_at_0"] < tolerance
        and all(found == rank for found in case["ranks"])
    )

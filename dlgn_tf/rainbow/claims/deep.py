"""rainbow.14 to rainbow.16: infinite networks of several layers, exactly."""

import numpy as np

from dlgn_tf.claims.check import by_figure
from dlgn_tf.command.threads import one_blas_thread
from dlgn_tf.rainbow import alignment, group_actions
from dlgn_tf.rainbow.claims.two_layers import kernel_errors
from dlgn_tf.rainbow.infinite_network import InfiniteNetwork
from dlgn_tf.rainbow.random_features import square_root
from dlgn_tf.rainbow.rkhs import rkhs_norm

# Networks that are drawn, each with its own samples and covariances.
NETWORKS = 3
DEPTH = 4
SAMPLES, WIDTHS, DRAWS = 100, (32, 128, 512), 6
# Few neurons, and so many that their features span the samples: half of them
# may be off for all. Covariances are of full rank, as a rough function's norm
# needs.
NORM_DEPTH, NORM_SAMPLES, NARROW, WIDE = 3, 60, (15, 30, 60), 480
# Signals and their shifts.
LENGTH, SIGNALS = 8, 20
SYMMETRIC_DEPTH, SYMMETRIC_WIDTHS = 3, (32, 256, 2048)


@one_blas_thread
def measure_depth(rng):
    cases, rotated = {}, {}
    for k in range(NETWORKS):
        network = InfiniteNetwork.draw(rng, SAMPLES, depth=DEPTH)
        errors = [kernel_errors(network, d, DRAWS, rng) for d in WIDTHS]
        turned = kernel_errors(network, WIDTHS[-1], DRAWS, rng, aligned=False)
        for layer in range(DEPTH):
            case = f"network {k + 1}, layer {layer + 1}"
            by_width = [of_width[layer] for of_width in errors]
            cases[case] = {
                "at the widest": by_width[-1],
                "widest over narrowest": by_width[-1] / by_width[0],
                "by width": by_width,
            }
            # The first layer is not turned.
            if layer:
                rotated[case] = turned[layer]
    return {
        **by_figure(cases),
        "with a random rotation": {"at the widest": rotated},
        "widths": WIDTHS,
        "draws": DRAWS,
    }


@one_blas_thread
def measure_norm(rng):
    cases, shuffled = {}, {}
    for k in range(NETWORKS):
        infinite = InfiniteNetwork.draw(
            rng, NORM_SAMPLES, anchors=NORM_SAMPLES, depth=NORM_DEPTH
        )
        theta = rng.standard_normal(NORM_SAMPLES)
        output = infinite.features[-1] @ theta
        norm, case = np.linalg.norm(theta), f"network {k + 1}"
        exact = rkhs_norm(infinite.kernels[-1], output) / norm
        drawn = {d: _output(infinite, theta, d, rng) for d in (*NARROW, WIDE)}
        ratios = {d: rkhs_norm(*x) / norm for d, x in drawn.items()}
        cases[case] = {
            "|norm over |theta| - 1|": {
                "infinite": abs(exact - 1),
                f"{WIDE} neurons": abs(ratios[WIDE] - 1),
            },
            "norm over |theta|": {d: ratios[d] for d in NARROW},
            "largest - 1": max(ratios.values()) - 1,
        }
        kernel, outputs = drawn[WIDE]
        mixed = rkhs_norm(kernel, rng.permutation(outputs)) / norm
        shuffled[case] = {"largest - 1": mixed - 1}
    return {
        **by_figure(cases),
        "outputs shuffled": shuffled,
        "samples": NORM_SAMPLES,
    }


def _output(infinite, theta, width, rng):
    """Last kernel of a drawn network, and its output on the samples."""
    own = infinite.finite(width, rng).features[-1]
    cross = infinite.features[-1].T @ own / len(own)
    return own @ own.T, alignment.align(cross).activations(own) @ theta


@one_blas_thread
def measure_equivariance(rng):
    cases, controls, finite = {}, {}, {}
    for k in range(NETWORKS):
        case = f"network {k + 1}"
        network, taken = _symmetric(rng)
        cases[case] = _asymmetry(network, taken)
        finite[case] = _finite_asymmetry(network, taken, rng)
        for layer in range(SYMMETRIC_DEPTH):
            network, taken = _symmetric(rng, broken=layer)
            controls[f"{case}, layer {layer + 1}"] = _asymmetry(network, taken)
    return {
        **by_figure(cases),
        "kernel of drawn networks": finite,
        "one layer's law not invariant": controls,
        "samples": f"{SIGNALS} signals of {LENGTH}, all shifts",
        "layers": SYMMETRIC_DEPTH,
        "widths": SYMMETRIC_WIDTHS,
    }


def _symmetric(rng, broken=None):
    """A network whose laws are invariant to shifts, but for a `broken` layer.

    Returns:
        The network on signals and all their shifts, and where each shift takes
        each sample.
    """
    group = group_actions.cyclic_shifts(LENGTH)
    signals, taken = group_actions.orbits(
        rng.standard_normal((SIGNALS, LENGTH)), group
    )
    mixing = rng.standard_normal((LENGTH, LENGTH)) / LENGTH
    covariance = mixing @ mixing.T
    if broken != 0:
        covariance = group_actions.averaged(covariance, group)
    weights = []
    for layer in range(1, SYMMETRIC_DEPTH):
        # Alike on an orbit, or of each sample.
        of_signals = rng.random(SIGNALS) ** 4
        alike = np.tile(of_signals, len(group))
        of_samples = rng.random(len(alike)) ** 4
        weights.append(of_samples if broken == layer else alike)
    inputs = signals @ square_root(covariance)
    return InfiniteNetwork.of(inputs, weights), taken


def _asymmetry(network, taken):
    """Errors of the last layer, and of its output with invariant readout."""
    features = network.features[-1]
    # Of one orbit: any sum over it is invariant where features are equivariant.
    theta = features[taken[:, 0]].sum(axis=0)
    output = features @ theta
    gap = max(np.abs(output[g] - output).max() for g in taken)
    return {
        "kernel": group_actions.invariance_error(network.kernels[-1], taken),
        "features": group_actions.equivariance_error(features, taken[1:2]),
        "output": gap / np.abs(output).max(),
    }


def _finite_asymmetry(network, taken, rng):
    """How far the last kernels of drawn networks are from invariance."""
    return [
        group_actions.invariance_error(own @ own.T, taken)
        for own in (
            network.finite(d, rng).features[-1] for d in SYMMETRIC_WIDTHS
        )
    ]

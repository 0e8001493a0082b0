"""dlgn.10 to dlgn.13: networks of random weights as they grow wide."""

import numpy as np

from dlgn_tf.claims.registry import Measurement
from dlgn_tf.command.threads import one_blas_thread
from dlgn_tf.dual import closed_forms
from dlgn_tf.dual import theorems
from dlgn_tf.dual.random_networks import FullyConnected
from dlgn_tf.dual.random_networks import unit_vectors

SLOPES = (-0.65, -0.35)
LARGEST_ERROR = 0.2
STANDARD_ERRORS = 4
CONTROL_SLOPE = -0.1
CONTROL_ERROR = 0.4
GATE_TOLERANCE = 0.03
GATE_WIDTH = 4096

THEOREMS = ("fc", "cnn", "resnet")
CONTROL = "plain ReLU (control)"


def measure_theorems(rng):
    return _measured(rng, THEOREMS, converges)


def measure_variants(rng):
    variants = [s.name for s in theorems.SETTINGS if s.holds]
    return _measured(rng, [x for x in variants if x not in THEOREMS], converges)


def measure_control(rng):
    # The narrowest is further away for want of width, not of the theorem.
    return _measured(rng, [CONTROL], stays_away, theorems.WIDTHS[1:])


def converges(slope, error, ratio):
    """Whether a setting follows the law.

    Args:
        slope: Float, of the mean errors.
        error: Float, mean error at the largest width.
        ratio: Float, see `dlgn_tf.dual.convergence.Bias`.
    """
    in_range = SLOPES[0] <= slope <= SLOPES[1]
    return in_range and error < LARGEST_ERROR and ratio <= STANDARD_ERRORS


def stays_away(slope, error, ratio):
    """Whether a control stays away from the limit; see `converges`."""
    flat = slope >= CONTROL_SLOPE
    return flat and error >= CONTROL_ERROR and ratio > STANDARD_ERRORS


def _measured(rng, names, check, widths=theorems.WIDTHS):
    chosen = [s for s in theorems.SETTINGS if s.name in names]
    results = [
        theorems.measure(setting, rng, widths=widths) for setting in chosen
    ]
    figures = {
        r.setting.name: (r.slope, r.means[-1], r.bias.ratio) for r in results
    }
    shown = [
        f"{name}: slope {slope:.2f}, error {error:.3f}, mean off by {ratio:.1f}"
        for name, (slope, error, ratio) in figures.items()
    ]
    return Measurement(
        holds=all(check(*figure) for figure in figures.values()),
        measured=f"{'; '.join(shown)} (in standard errors)",
        values={
            r.setting.name: {
                "slope": r.slope,
                "widths": r.widths,
                "mean_errors": r.means,
                "errors": r.errors,
                "bias_of_mean": r.bias.of_mean,
                "error_of_draw": r.bias.of_draw,
                "bias_draws": r.bias.draws,
            }
            for r in results
        },
    )


@one_blas_thread
def measure_gate_kernels(rng, width=GATE_WIDTH):
    network = {
        "dlgn": FullyConnected(linear=True),
        "dgn": FullyConnected(),
    }
    own, other = {}, {}
    for family, crossed in (("dlgn", "dgn"), ("dgn", "dlgn")):
        x = unit_vectors(rng, network[family].images, network[family].inputs)
        gates = network[family].gates(rng, x, width)
        own[family] = gate_deviation(x, gates, family)
        other[family] = gate_deviation(x, gates, crossed)
    shown = [
        f"{family} {own[family]:.3f} ({other[family]:.3f} from the other form)"
        for family in own
    ]
    layers = FullyConnected().depth - 1
    return Measurement(
        holds=gates_agree(own.values(), other.values()),
        measured=f"{', '.join(shown)}; {layers} layers of width {width}",
        values={"own_form": own, "other_form": other},
    )


def gate_deviation(x, gates, family):
    """max |<G_l, G_l'> / width - closed form| over layers and pairs."""
    found = [gate @ gate.T / gate.shape[1] for gate in gates]
    limit = closed_forms.gate_kernels(x, depth=len(gates) + 1, family=family)
    return float(np.abs(np.array(found) - limit).max())


def gates_agree(own, other):
    """Whether gates are near their own closed form, and not the other's."""
    near = all(deviation <= GATE_TOLERANCE for deviation in own)
    return near and all(deviation > GATE_TOLERANCE for deviation in other)

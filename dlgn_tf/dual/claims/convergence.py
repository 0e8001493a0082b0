"""dlgn.10 to dlgn.13: networks of random weights as they grow wide."""

import numpy as np

from dlgn_tf.claims.check import by_figure
from dlgn_tf.command.threads import one_blas_thread
from dlgn_tf.dual import closed_forms, theorems
from dlgn_tf.dual.random_networks import FullyConnected, unit_vectors

GATE_WIDTH = 4096

THEOREMS = ("fc", "cnn", "resnet")
CONTROL = "plain ReLU (control)"


def measure_theorems(rng):
    return _measured(rng, THEOREMS)


def measure_variants(rng):
    variants = [s.name for s in theorems.SETTINGS if s.holds]
    return _measured(rng, [x for x in variants if x not in THEOREMS])


def measure_control(rng):
    # The narrowest is further away for want of width, not of the theorem.
    return _measured(rng, [CONTROL], theorems.WIDTHS[1:])


def _measured(rng, names, widths=theorems.WIDTHS):
    chosen = [s for s in theorems.SETTINGS if s.name in names]
    results = [
        theorems.measure(setting, rng, widths=widths) for setting in chosen
    ]
    figures = {
        r.setting.name: {
            "slope": r.slope,
            "error at the widest": r.means[-1],
            "standard errors off": r.bias.ratio,
        }
        for r in results
    }
    details = {
        r.setting.name: {
            "widths": r.widths,
            "mean_errors": r.means,
            "errors": r.errors,
            "bias_of_mean": r.bias.of_mean,
            "error_of_draw": r.bias.of_draw,
            "bias_draws": r.bias.draws,
        }
        for r in results
    }
    return {**by_figure(figures), "details": details}


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
    layers = FullyConnected().depth - 1
    return {
        "max |difference|": own,
        "the other's form": {
            family: {"max |difference|": x} for family, x in other.items()
        },
        "networks": f"{layers} layers of width {width}",
    }


def gate_deviation(x, gates, family):
    """max |<G_l, G_l'> / width - closed form| over layers and pairs."""
    found = [gate @ gate.T / gate.shape[1] for gate in gates]
    limit = closed_forms.gate_kernels(x, depth=len(gates) + 1, family=family)
    return float(np.abs(np.array(found) - limit).max())

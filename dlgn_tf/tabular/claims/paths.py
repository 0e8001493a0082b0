"""vectors.1: a dlgn_vt is the sum over its paths, and a DLGN is one."""

import itertools

import numpy as np

from dlgn_tf.tabular import networks
from dlgn_tf.tabular.networks import Form

INPUTS, WIDTHS, POINTS = 6, (4, 3, 5), 20


def measure(rng):
    cases, moved = {}, {}
    for gating in networks.GATINGS:
        form = Form("dlgn_vt", INPUTS, WIDTHS, 2, gating=gating)
        family = "dlgn" if gating == "composed" else "dlgn_sf"
        seed = int(rng.integers(2**31))
        weights = networks.initial(form, seed, "float64")
        x = rng.standard_normal((POINTS, INPUTS))
        cases[f"{gating}, enumerated"] = relative_gap(
            outputs(form, weights, x), enumerated(form, weights, x)
        )
        plain = Form(family, INPUTS, WIDTHS, 2)
        dlgn = networks.initial(plain, seed + 1, "float64")
        tensor = networks.value_tensor(dlgn)
        as_tensor = dlgn._replace(value=[(tensor,)])
        of_dlgn = outputs(plain, dlgn, x)
        cases[f"{family} as one"] = relative_gap(
            outputs(form, as_tensor, x), of_dlgn
        )
        # Of other weights than the products along its paths.
        other = dlgn._replace(value=[(tensor + 0.01 * tensor.std(),)])
        moved[gating] = relative_gap(outputs(form, other, x), of_dlgn)
    return {"relative gap": cases, "another tensor": moved}


def enumerated(form, weights, x):
    """Outputs by one path after the other, in NumPy."""
    gates, maps = [], []
    for (kernel,) in weights.gating:
        maps.append(maps[-1] @ kernel if maps and form.composed else kernel)
        gates.append(1 / (1 + np.exp(-form.beta * x @ maps[-1])))
    tensor = weights.value[0][0]
    found = np.zeros((len(x), form.outputs))
    for path in itertools.product(*map(range, form.widths)):
        on = np.prod([g[:, i] for g, i in zip(gates, path, strict=True)], 0)
        found += on[:, None] * tensor[path]
    return found


def outputs(form, weights, x):
    """Outputs of a network as a NumPy array `(n, outputs)`."""
    return np.asarray(networks.outputs(form, weights, x))


def relative_gap(found, expected):
    """Largest difference, relative to the largest expected size."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())

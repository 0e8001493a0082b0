"""vectors.2 and .10: NPK machines, and the kernel between leaves."""

import numpy as np
from sklearn.kernel_ridge import KernelRidge
from sklearn.svm import SVC

from dlgn_tf import dual
from dlgn_tf.tabular import alternating, networks
from dlgn_tf.tabular.claims import networks_of_sdi as shared
from dlgn_tf.tabular.claims.paths import outputs, relative_gap
from dlgn_tf.tabular.fitting import Rows
from dlgn_tf.tabular.networks import Form

INPUTS, WIDTHS, POINTS, TEST, RIDGE = 5, (6, 4, 5), 40, 30, 1e-3
# Of SDI, of whose pairs kernels are averaged.
COMPARED = 2000


def measure_machine(rng):
    gaps, other = {}, {}
    for gating in networks.GATINGS:
        form = Form("npk", INPUTS, WIDTHS, gating=gating)
        seed = int(rng.integers(2**31))
        weights = networks.initial(form, seed, "float64")
        x, x_test = (rng.standard_normal((n, INPUTS)) for n in (POINTS, TEST))
        y = np.sign(rng.standard_normal((POINTS, 1)))
        rows = Rows.of(x, y, dtype="float64")
        kernels = _kernels_of_dual(form, weights, x, x_test)
        moved = networks.initial(form, seed + 1, "float64")
        others = _kernels_of_dual(form, moved, x, x_test)

        ridge = alternating.ridge_alpha(form, weights, rows, RIDGE)
        said = outputs(form, ridge, x_test)
        gaps[f"{gating}, ridge"] = relative_gap(said, _ridge(kernels, y))
        other[gating] = relative_gap(said, _ridge(others, y))

        machine = SVC(kernel="precomputed").fit(kernels[0], y[:, 0])
        alpha = np.zeros((POINTS, 1))
        alpha[machine.support_, 0] = machine.dual_coef_[0]
        of_machine = alternating.with_alpha(weights, x, alpha)
        said = outputs(form, of_machine, x_test) + machine.intercept_
        expected = machine.decision_function(kernels[1])
        gaps[f"{gating}, SVM"] = relative_gap(said[:, 0], expected)
    return {"relative gap": gaps, "other gates": other}


def _kernels_of_dual(form, weights, x, x_test):
    gates, test_gates = (
        [np.asarray(g) for g in networks.gates(form, weights.gating, points)]
        for points in (x, x_test)
    )
    ones, test_ones = np.ones((len(x), 1)), np.ones((len(x_test), 1))
    return (
        dual.fully_connected(gates, ones),
        dual.fully_connected(test_gates, test_ones, gates, ones),
    )


def _ridge(kernels, y):
    model = KernelRidge(alpha=RIDGE * POINTS, kernel="precomputed")
    return model.fit(kernels[0], y).predict(kernels[1])


def measure_overlap(rng):
    task = shared.task("sdi")
    x = task.parts()[2][0][:COMPARED]
    leaves = task.tree.path(x)[:, -1]
    alike = leaves[:, None] == leaves
    apart = ~np.eye(len(x), dtype=bool)
    between, within = [], []
    for seed in shared.seeds(rng):
        trained = shared.trained("sdi", "dlgn", seed)
        first, last = (
            _normalized(trained.form, weights, x)
            for weights in (
                networks.initial(trained.form, seed),
                trained.fitted.weights,
            )
        )
        between.append(float(last[~alike].mean() / first[~alike].mean()))
        within.append(
            float(last[alike & apart].mean() / first[alike & apart].mean())
        )
    return {
        "between leaves, last over first": between,
        "within leaves, last over first": within,
        "within over between, last": [
            w / b for w, b in zip(within, between, strict=True)
        ],
    }


def _normalized(form, weights, x):
    gates = networks.gates(form, weights.gating, x.astype("float32"))
    kernel = np.asarray(networks.path_kernel(gates, gates), "float64")
    lengths = np.sqrt(np.diag(kernel))
    return kernel / np.outer(lengths, lengths)

"""Energies of a hidden layer with and without batch normalisation."""

import numpy as np

from dlgn_tf.locality import energy_descent, figures


def run(command, output):
    rows, drawn = [], {}
    labels = {"batch normalisation": True, "none": False}
    for seed in range(command.seeds):
        for label, batch_norm in labels.items():
            rng = np.random.default_rng(seed)
            history = energy_descent.descend(rng, batch_norm)
            drawn.setdefault(label, history)
            products = np.abs(history.products).max(axis=1)
            rows += [
                {
                    "seed": seed,
                    "normalisation": label,
                    "step": step,
                    "loss": f"{history.losses[step]:.6g}",
                    "largest_product": f"{products[step]:.6g}",
                    "mean_drift": f"{history.drifts[step].mean():.6g}",
                    "largest_drift": f"{history.drifts[step].max():.6g}",
                }
                for step in range(len(products))
            ]
    output.table("energy", rows)
    title = "hidden layer of 20 ReLUs, gradient descent, rate 0.01"
    output.picture("energy", figures.energies(drawn, title))
    for label in labels:
        of_label = [r for r in rows if r["normalisation"] == label]
        drift = max(float(r["largest_drift"]) for r in of_label)
        product = max(float(r["largest_product"]) for r in of_label)
        print(
            f"{label}: |E[f g]| <= {product:.1e}, energy drifts <= {drift:.2%}"
        )
    return ("energy",)

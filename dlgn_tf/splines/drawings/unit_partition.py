"""The cells of one unit in the plane: hard for priors and biases, and soft."""

import numpy as np

from dlgn_tf.output.folder import new_figure
from dlgn_tf.splines import mixture, power_diagram, selection
from dlgn_tf.splines.drawings.output import Picture
from dlgn_tf.splines.drawings.plane import Grid
from dlgn_tf.splines.maso import MASO

REGIONS = 16
# Noise of the mixture, and spread of the biases, as in the author's script.
SIGMAS = (0.0, 2.0, 4.0, 6.0, 8.0)
BIAS_STDS = (0.0, 0.1, 0.2, 0.3, 0.4)
BETAS = (0.2, 0.5, 0.9)


def hard(seed):
    """Panels over sigma (unequal priors) and over the biases' spread.

    Above <w, x> + sigma log pi - |w|^2 / 2, below <w, x> + b; the priors are
    drawn, as with equal ones all panels would be the same.
    """
    rng = np.random.default_rng(seed)
    centroids = rng.normal(size=(REGIONS, 2))
    prior = rng.dirichlet(np.ones(REGIONS))
    bias = rng.normal(size=REGIONS)
    kmeans = power_diagram.kmeans_offsets(centroids)
    panels = {
        "sigma": {s: kmeans + s * np.log(prior) for s in SIGMAS},
        "bias_std": {s: s * bias for s in BIAS_STDS},
    }
    figure, rows = new_figure(15, 6.4), []
    axes = figure.subplots(2, len(SIGMAS))
    for row, (kind, by_level) in zip(axes, panels.items(), strict=True):
        for panel, (level, offsets) in zip(row, by_level.items(), strict=True):
            shares = _draw_cells(panel, centroids, offsets)
            panel.set_title(f"{_LABELS[kind]} = {level:g}")
            rows += [
                {
                    "panel": kind,
                    "level": level,
                    "region": region,
                    "x": centroid[0],
                    "y": centroid[1],
                    "offset": offset,
                    "share_of_the_square": share,
                }
                for region, (centroid, offset, share) in enumerate(
                    zip(centroids, offsets, shares, strict=True)
                )
            ]
    figure.suptitle(
        "cells of a unit of 16 regions, largest score as colour; above with "
        "prior (k-means at σ = 0), below with biases"
    )
    return Picture("unit_partition", figure, rows)


_LABELS = {"sigma": "σ", "bias_std": "std of biases"}


def _draw_cells(axes, centroids, offsets):
    """Draws a panel; returns the share of each region."""
    grid = Grid(3.0)
    scores = _unit(centroids, offsets).scores(grid.points)[:, 0]
    regions = np.argmax(scores, axis=1)
    grid.show(axes, scores.max(axis=1), cmap="viridis")
    grid.borders(axes, regions, colors=["white"])
    _draw_centroids(axes, centroids)
    return np.bincount(regions, minlength=REGIONS) / len(regions)


def _draw_centroids(axes, centroids):
    axes.plot(*centroids.T, "o", color="red", markersize=3)


def _unit(centroids, offsets):
    return MASO(centroids[None], offsets[None])


def soft(seed):
    """The largest weight and the entropy for three betas."""
    rng = np.random.default_rng(seed)
    centroids = 1.5 * rng.normal(size=(REGIONS, 2))
    prior = np.full((1, REGIONS), 1 / REGIONS)
    offsets = mixture.offsets_of_prior(centroids[None], prior)[0]
    grid = Grid(4.0)
    scores = _unit(centroids, offsets).scores(grid.points)[:, 0]
    figure, rows = new_figure(11, 7), []
    axes = figure.subplots(2, len(BETAS))
    for column, beta in enumerate(BETAS):
        weights = selection.beta_vq(scores, beta)
        entropy = selection.entropy(weights)
        for panel, name, values, most in zip(
            axes[:, column],
            ("largest weight", "entropy in nats"),
            (weights.max(axis=1), entropy),
            (1, np.log(REGIONS)),
            strict=True,
        ):
            grid.show(panel, values, vmin=0, vmax=most, cmap="magma")
            grid.borders(panel, np.argmax(scores, axis=1), colors=["#44ccee"])
            _draw_centroids(panel, centroids)
            panel.set_title(f"{name}, β = {beta}")
            rows.append({"beta": beta, "map": name, **_described(values)})
    for row in axes:
        figure.colorbar(row[-1].images[0], ax=row, shrink=0.8)
    return Picture("unit_partition_soft", figure, rows)


def _described(values):
    at = (0.05, 0.25, 0.5, 0.75, 0.95)
    quantiles = np.quantile(values, at)
    named = {f"quantile_{q}": v for q, v in zip(at, quantiles, strict=True)}
    return {"mean": float(values.mean()), **named}

"""Drawings of what the command measures. Matplotlib is imported to draw.

Every public function returns a `matplotlib.figure.Figure`.
"""

from typing import Any

import numpy as np

from dlgn_tf.output.curves import colours
from dlgn_tf.output.folder import new_figure


def comparison(scores: dict[str, list[float]], what: str) -> Any:
    """Mean and spread over folds of every learner's score, the best on top.

    Args:
        scores: Dict from learner to its scores; the first one stands out.
        what: String, what a score is.
    """
    own = next(iter(scores))
    ordered = sorted(scores, key=lambda name: np.mean(scores[name]))
    figure = new_figure(7, 0.45 * len(scores) + 1.2)
    axes = figure.subplots()
    for place, name in enumerate(ordered):
        colour = "tab:orange" if name == own else "tab:blue"
        values = scores[name]
        axes.plot(values, [place] * len(values), "o", color=colour, alpha=0.35)
        axes.plot(np.mean(values), place, "D", color=colour)
    axes.set_yticks(range(len(ordered)), ordered)
    axes.set_xlabel(what)
    axes.grid(axis="x", alpha=0.3)
    return figure


def attraction(by_epoch: dict[int, np.ndarray], depths: np.ndarray) -> Any:
    """Angle of each true hyperplane to the nearest one, by epoch.

    Args:
        by_epoch: See `dlgn_tf.tabular.trees.attraction.angles_by_epoch`.
        depths: Integers `(nodes,)`, of each node in the tree, from 0.
    """
    figure = new_figure(8, 4.5)
    axes = figure.subplots()
    epochs = np.array([*by_epoch]) + 1
    angles = np.stack([*by_epoch.values()])
    of_depth = colours(depths.max() + 1)
    for depth in range(depths.max() + 1):
        curves = angles[:, depths == depth]
        label = "root" if depth == 0 else f"depth {depth}"
        axes.plot(epochs, curves, color=of_depth[depth], alpha=0.35)
        axes.plot(
            epochs,
            np.median(curves, axis=1),
            color=of_depth[depth],
            linewidth=2.5,
            label=label,
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.set_xlabel("epoch + 1")
    axes.set_ylabel("degrees to the nearest hyperplane")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def training(loss: np.ndarray, scores: np.ndarray) -> Any:
    """Training loss and, where there are any, scores by epoch."""
    figure = new_figure(8, 3.2)
    axes = figure.subplots()
    axes.plot(np.arange(1, len(loss) + 1), loss, color="tab:blue")
    axes.set_xlabel("epoch")
    axes.set_ylabel("training loss", color="tab:blue")
    axes.grid(alpha=0.3)
    if len(scores):
        right = axes.twinx()
        right.plot(np.arange(1, len(scores) + 1), scores, color="tab:orange")
        right.set_ylabel("validation score", color="tab:orange")
    return figure

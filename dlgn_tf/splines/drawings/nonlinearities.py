"""beta-VQ nonlinearities between linear and hard.

Source: the SMASO paper (arXiv 1810.09274), Figure 1, with Shannon's entropy;
the range of betas and the slope of the leaky ReLU are those of the author's
script.
"""

import numpy as np
from matplotlib import colormaps

from dlgn_tf.output.folder import new_figure
from dlgn_tf.splines.drawings.output import Picture
from dlgn_tf.splines.nonlinearities import beta_vq_nonlinearity
from dlgn_tf.splines.parameters import slopes_of

KINDS = {"relu": "ReLU", "leaky": "leaky ReLU (0.01)", "abs": "absolute value"}
BETAS = tuple(np.linspace(0.1, 0.8, 10))
_RANGE = 3.0


def draw(entropy="shannon"):
    """One panel for each kind; red is nearly linear, blue nearly hard.

    See `dlgn_tf.splines.selection` for the entropy.
    """
    x = np.linspace(-_RANGE, _RANGE, 241).round(6)
    colors = colormaps["coolwarm_r"](np.linspace(0, 1, len(BETAS)))
    figure = new_figure(12, 4)
    rows = []
    for axes, (kind, title) in zip(
        figure.subplots(1, len(KINDS)), KINDS.items(), strict=True
    ):
        curves = {
            beta: beta_vq_nonlinearity(x, slopes_of(kind), beta, entropy)
            for beta in (*BETAS, 0.5, 1.0)
        }
        for beta, color in zip(BETAS, colors, strict=True):
            axes.plot(x, curves[beta], color=color, label=f"β = {beta:.2f}")
        axes.plot(x, curves[0.5], "k--", label="β = 0.5 (soft VQ)")
        axes.plot(x, curves[1.0], "k", label="β = 1 (hard VQ)")
        axes.set_title(title)
        axes.set_xlabel("pre-activation z")
        axes.grid(alpha=0.3)
        rows += [
            {"kind": kind, "beta": round(float(beta), 6), "z": z, "output": y}
            for beta, curve in sorted(curves.items())
            for z, y in zip(x, curve, strict=True)
        ]
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize=8)
    suffix = "" if entropy == "shannon" else f"_{entropy}"
    return Picture(f"nonlinearities{suffix}", figure, rows)

"""Weights outside of the sets over training, gradient centred or not."""

import numpy as np

from dlgn_tf.locality import disentangled, figures
from dlgn_tf.output.spread import mean_and_range

_SETS, _FACTORS_BELOW = ((0, 1), (2,), (3, 4)), 5


def run(command, output):
    histories = {}
    for centred, label in ((True, "centred"), (False, "not centred")):
        curves = []
        for seed in range(command.seeds):
            setting = disentangled.draw_setting(
                _SETS, _FACTORS_BELOW, np.random.default_rng(seed)
            )
            curves.append(disentangled.descend(*setting, centred))
        histories[label] = np.array(curves)
    rows = [
        {"seed": seed, "gradient": label, "step": step, "largest": f"{x:.6g}"}
        for label, curves in histories.items()
        for seed, curve in enumerate(curves)
        for step, x in enumerate(curve)
    ]
    output.table("separability", rows)
    title = "three factors over five, separable at the start"
    output.picture("separability", figures.separability(histories, title))
    for label, curves in histories.items():
        print(
            f"{label}: {mean_and_range(curves[:, -1], '.2g')} after 300 steps"
        )
    return ("separability",)
